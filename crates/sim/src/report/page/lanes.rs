//! Every node's life as a lane: embedded as numbers, drawn by a script a screenful at a time, so that a page of thousands of nodes opens at
//! once.
//!
//! What is embedded is bounded. Nodes to which most happened come first; what is left out the page says, and `events.csv` has it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use argosy_page::Escaped;
use serde::Serialize;

use crate::rehearsal::record::{MachineEntry, RunRecord};
use crate::report::lives::{Life, Mood, Sort};

/// Nodes that are embedded, at most.
const MOST_NODES: usize = 6_000;
/// Things that happened, of all nodes, that are embedded.
const MOST_MARKS: usize = 60_000;
/// Of one node.
const MOST_MARKS_OF_A_NODE: usize = 200;

/// All lanes, as the script reads them: names once, all else as numbers.
#[derive(Debug, Serialize)]
struct Lanes<'a> {
    end_ms: u64,
    moods: Vec<&'static str>,
    sorts: Vec<&'static str>,
    texts: Vec<&'a str>,
    nodes: Vec<Node<'a>>,
}

/// (id, where it is and what, spare, failures, recoveries, replaced, moods as ms and number, marks as ms and sort and text)
type Node<'a> = (&'a str, String, u8, u32, u32, u32, Vec<u64>, Vec<u64>);

/// Writes the section.
pub(super) fn write(html: &mut String, record: &RunRecord, lives: &[Life]) {
    let mut order: Vec<usize> =
        (0..lives.len()).filter(|at| !lives[*at].marks.is_empty() || !record.machines[*at].spare).collect();
    let unused = lives.len() - order.len();
    order.sort_by_key(|at| {
        (u32::MAX - lives[*at].failures, usize::MAX - lives[*at].marks.len(), &record.machines[*at].id)
    });
    let left_out = order.len().saturating_sub(MOST_NODES);
    order.truncate(MOST_NODES);
    let (lanes, cut) = lanes(record, lives, &order);
    said(html, unused, left_out, cut);
    html.push_str(CONTROLS);
    legend(html);
    html.push_str("<div id=\"lanes\" tabindex=\"-1\"></div>\n");
    html.push_str("<noscript><p>The lanes are drawn by a script, and scripts are off. nodes.csv and events.csv have the same.</p></noscript>\n");
    let json = serde_json::to_string(&lanes).expect("lanes are plain data");
    let _infallible =
        writeln!(html, "<script type=\"application/json\" id=\"lanes-data\">{}</script>", argosy_page::json(&json));
}

const CONTROLS: &str = "<form class=\"controls\" id=\"lanes-controls\" hidden>\
<label>search <input type=\"search\" id=\"lanes-search\" placeholder=\"id, zone, type, XID, rule\"></label>\
<label>show <select id=\"lanes-filter\"><option value=\"all\">all</option><option value=\"failed\">with failures</option>\
<option value=\"replaced\">replaced</option><option value=\"unwell\">not healthy in the end</option><option value=\"spare\">spares that were used</option></select></label>\
<label>sort <select id=\"lanes-sort\"><option value=\"failures\">most failures</option><option value=\"name\">id</option><option value=\"first\">first failure</option></select></label>\
<span class=\"pager\"><button type=\"button\" id=\"lanes-back\">back</button> <output id=\"lanes-where\"></output> <button type=\"button\" id=\"lanes-on\">on</button></span></form>\n";

fn said(html: &mut String, unused: usize, left_out: usize, cut: usize) {
    let mut words = Vec::new();
    if unused > 0 {
        words.push(format!("{unused} spare slots that were never used are not shown"));
    }
    if left_out > 0 {
        words.push(format!("{left_out} nodes to which least happened are left out"));
    }
    if cut > 0 {
        words.push(format!("{cut} events of nodes are left out"));
    }
    if !words.is_empty() {
        let _infallible =
            writeln!(html, "<p class=\"soft\">{}; nodes.csv and events.csv have all.</p>", Escaped(&words.join(", ")));
    }
}

fn legend(html: &mut String) {
    html.push_str("<p class=\"legend\">");
    for mood in Mood::ALL.into_iter().filter(|mood| *mood != Mood::Absent) {
        let _infallible = write!(html, "<span><i class=\"mood {0}\"></i>{0}</span>", mood.name());
    }
    for sort in Sort::ALL {
        let _infallible = write!(html, "<span><i class=\"mark {0}\"></i>{0}</span>", sort.name());
    }
    html.push_str("</p>\n");
}

fn lanes<'a>(record: &'a RunRecord, lives: &'a [Life], order: &[usize]) -> (Lanes<'a>, usize) {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut texts, mut nodes, mut cut, mut room) = (Vec::new(), Vec::new(), 0, MOST_MARKS);
    for at in order {
        let (machine, life) = (&record.machines[*at], &lives[*at]);
        let shown = life.marks.len().min(MOST_MARKS_OF_A_NODE).min(room);
        (room, cut) = (room - shown, cut + life.marks.len() - shown);
        let mut marks = Vec::with_capacity(3 * shown);
        for (at_ms, sort, text) in &life.marks[..shown] {
            let number = *numbers.entry(text.as_str()).or_insert_with(|| {
                texts.push(text.as_str());
                texts.len() as u64 - 1
            });
            marks.extend([*at_ms, Sort::ALL.iter().position(|one| one == sort).unwrap_or(0) as u64, number]);
        }
        let moods = life.moods.iter().flat_map(|(at_ms, mood)| [*at_ms, *mood as u64]).collect();
        let Life { failures, recoveries, replaced, .. } = *life;
        nodes.push((
            machine.id.as_str(),
            place(machine),
            u8::from(machine.spare),
            failures,
            recoveries,
            replaced,
            moods,
            marks,
        ));
    }
    let moods = Mood::ALL.map(Mood::name).to_vec();
    let sorts = Sort::ALL.map(Sort::name).to_vec();
    (Lanes { end_ms: record.virtual_ms, moods, sorts, texts, nodes }, cut)
}

fn place(machine: &MachineEntry) -> String {
    let MachineEntry { provider, zone, rack, instance_type, gpu_type, gpus, .. } = machine;
    let words = [provider.clone(), zone.clone(), rack.clone(), instance_type.clone(), format!("{gpus} x {gpu_type}")];
    words.into_iter().filter(|word| !word.is_empty() && word != "0 x ").collect::<Vec<_>>().join(" · ")
}
