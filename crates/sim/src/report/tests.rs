//! What holds of every report: the same bytes every time, nothing from outside, no name taken for markup, one set of figures.

use std::collections::BTreeMap;

use super::*;
use crate::check::Check;
use crate::rehearsal::record::{
    Cause, Durations, FailureKind, Happening, MachineEntry, RunRecord, Sample, Tally, What,
};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

/// A made-up run of so many machines for half an hour, in which every kind of event happens.
pub(super) fn record(machines: u32) -> RunRecord {
    let mut record = RunRecord {
        name: "made-up".to_owned(),
        description: format!("with {HOSTILE}"),
        seed: 42,
        virtual_ms: 1_800_000,
        configuration: serde_json::json!({"fleet": [{"id": HOSTILE, "gpus": 8}], "stress": {"seed": 42, "zones": ["a", "b"]}}),
        machines: (0..machines).map(|number| machine(number, machines)).collect(),
        events: Vec::new(),
        samples: Vec::new(),
        assertions: vec![Check::equal("node-1 is active", "active", "active"), Check::at_least("healthy", 90, 80)],
        violations: Vec::new(),
        warnings: vec!["report_file is not read, \"--out\" is".to_owned()],
        tally: Tally::default(),
    };
    for number in 0..machines {
        live(&mut record, number);
    }
    record.events.sort_by_key(|event| event.at_ms);
    outage(&mut record);
    record.samples = (0..=360_u64).map(|nth| sample(nth, machines)).collect();
    record.tally = tally(&record);
    record
}

fn machine(number: u32, machines: u32) -> MachineEntry {
    let zone = ["a", "b", "c"][(number % 3) as usize];
    MachineEntry {
        id: if number == 1 { HOSTILE.to_owned() } else { format!("gcp-us-central1-h100-{number:05}") },
        provider: "gcp".to_owned(),
        region: "us-central1".to_owned(),
        zone: format!("us-central1-{zone}"),
        rack: format!("us-central1-{zone}-rack-{}", number / 48),
        template: "h100".to_owned(),
        instance_type: "a3-highgpu-8g".to_owned(),
        gpu_type: "NVIDIA H100, 80GB".to_owned(),
        gpus: 8,
        price_microusd_per_hour: 88_000_000,
        spare: number >= machines * 9 / 10,
    }
}

fn live(record: &mut RunRecord, number: u32) {
    if record.machines[number as usize].spare {
        return;
    }
    let mut happen = |at_ms: u64, what| record.events.push(Happening { at_ms, machine: Some(number), what });
    let began = u64::from(number) * 60_000 / 5_000;
    let pool = "h100".to_owned();
    let decided = |action: &str, reason: &str| What::Decided {
        action: action.to_owned(),
        reason: reason.to_owned(),
        pool: Some(pool.clone()),
    };
    happen(began, decided("Provision", "cover_deficit"));
    happen(began + 45_000, What::Started { generation: 1, cold_start_ms: 45_000 });
    happen(began + 50_000, What::Joined { pool: pool.clone() });
    if !number.is_multiple_of(3) {
        return;
    }
    let (broke, kind) = (200_000 + u64::from(number) * 251 % 1_200_000, FailureKind::XidError);
    let cause =
        if number.is_multiple_of(6) { Cause::Primary } else { Cause::Cascade { parent: 0, depth: 1 + number % 3 } };
    happen(
        broke,
        What::Failed { failure: number, kind, xid: Some([79, 48, 31][(number % 7 % 3) as usize]), gpu: Some(0), cause },
    );
    let verdict = |from: &str, to: &str, unfit, after_ms| What::Verdict {
        from: from.to_owned(),
        to: to.to_owned(),
        class: "replace".to_owned(),
        rule: "fatal-xid".to_owned(),
        reason: HOSTILE.to_owned(),
        unfit,
        after_ms,
    };
    happen(broke + 4_000, verdict("healthy", "unhealthy", true, Some(4_000)));
    // Another rule says the same a little later: the machine was found once.
    happen(broke + 6_000, verdict("unhealthy", "unhealthy", true, Some(6_000)));
    if number.is_multiple_of(4) {
        happen(broke + 90_000, What::Recovered { failure: number, kind, lasted_ms: 90_000 });
        happen(broke + 95_000, verdict("unhealthy", "healthy", false, None));
        return;
    }
    happen(broke + 10_000, What::Draining);
    happen(broke + 40_000, What::Left { state: "Idle".to_owned() });
    happen(broke + 80_000, What::Replaced { by: 0, pool: pool.clone(), took_ms: 76_000 + u64::from(number) });
    happen(broke + 90_000, What::Ended { lost: false });
}

fn outage(record: &mut RunRecord) {
    let outage = "zone-a".to_owned();
    let began = What::OutageBegan { outage: outage.clone(), machines: 30 };
    record.events.push(Happening { at_ms: 600_000, machine: None, what: began });
    record.events.push(Happening { at_ms: 900_000, machine: None, what: What::OutageEnded { outage, cleared: 30 } });
    record.events.sort_by_key(|event| event.at_ms);
}

fn sample(nth: u64, machines: u32) -> Sample {
    let wave = u32::try_from(nth % 60).unwrap_or(0) * machines / 1_000;
    let wanted = machines * 9 / 10;
    let up = if nth < 24 { wanted * u32::try_from(nth).unwrap_or(0) / 24 } else { wanted };
    let gone = u32::try_from(nth).unwrap_or(0) * machines / 1_200;
    Sample {
        at_ms: nth * 5_000,
        wanted,
        total: up,
        joining: wanted - up,
        healthy: up - wave.min(up),
        degraded: wave / 3,
        unhealthy: wave - wave / 3,
        responsive: up,
        broken: wave,
        failures: gone,
        recoveries: gone / 2,
        cascades: gone / 3,
        replacements: gone / 2,
        cost_microusd: nth * 5 * 88_000_000 / 3_600 * u64::from(machines),
        wasted_microusd: nth * 5 * 880_000 / 3_600 * u64::from(machines),
        ..Sample::default()
    }
}

fn tally(record: &RunRecord) -> Tally {
    let mut tally = Tally { peak_healthy: 90, min_healthy: 70, cost_microusd: 123_456_789, ..Tally::default() };
    let (mut detect, mut replace, mut repair) = (Vec::new(), Vec::new(), Vec::new());
    for event in &record.events {
        match &event.what {
            What::Failed { kind, xid, cause, .. } => {
                tally.failures += 1;
                *tally.by_kind.entry(kind.name().to_owned()).or_default() += 1;
                *tally.by_xid.entry(xid.unwrap_or(0)).or_default() += 1;
                *tally.by_cause.entry(lives::cause(cause).to_owned()).or_default() += 1;
                tally.cascades += u32::from(matches!(cause, Cause::Cascade { .. }));
            }
            What::Recovered { lasted_ms, .. } => repair.push(*lasted_ms),
            What::Replaced { took_ms, .. } => replace.push(*took_ms),
            What::Verdict { from, after_ms: Some(after_ms), unfit: true, .. } if from == "healthy" => {
                detect.push(*after_ms)
            }
            What::Decided { action, reason, .. } => {
                *tally.decisions.entry(format!("{action}/{reason}")).or_default() += 1
            }
            _ => {}
        }
    }
    tally.recoveries = u32::try_from(repair.len()).unwrap();
    tally.replacements = u32::try_from(replace.len()).unwrap();
    tally.rules = BTreeMap::from([("fatal-xid".to_owned(), tally.failures)]);
    (tally.detect, tally.detect_to_replace, tally.repair) =
        (Durations::of(detect), Durations::of(replace), Durations::of(repair));
    tally
}

#[test]
fn the_same_record_gives_the_same_bytes_of_every_file_and_the_record_survives_its_file() {
    let (one, again) = (files(&record(100), Some("name: x\n")), files(&record(100), Some("name: x\n")));
    assert_eq!(one, again);
    let names: Vec<&str> = one.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["record.json", "report.json", "report.html", "samples.csv", "events.csv", "nodes.csv", "scenario.yaml"]
    );
    let back: RunRecord = serde_json::from_str(&one[0].1).unwrap();
    assert_eq!(files(&back, Some("name: x\n")), one);
    assert!(!one.iter().any(|(_, text)| text.contains("wall_s")));
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let html = page(&record(100));
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ";
    assert!(html.contains(policy) && !html.contains("script-src 'unsafe-inline'"));
    // Names and texts of a scenario may say anything: what counts is what the page itself says.
    let own = page(&RunRecord {
        machines: Vec::new(),
        events: Vec::new(),
        configuration: serde_json::Value::Null,
        ..record(3)
    });
    let own: String = own.lines().filter(|line| !line.starts_with("<meta http-equiv")).collect();
    let own = own.replace("img src=x onerror", "");
    for outside in
        ["http:", "https:", "src=", "@import", "url(", "fetch(", "import(", "XMLHttp", "<link", "<iframe", "eval("]
    {
        assert!(!own.contains(outside), "{outside}: {}", &own[own.find(outside).unwrap_or(0)..][..60]);
    }
    let ways = own.matches("href=").count();
    assert!(ways > 5 && ways == own.matches("href=\"#").count());
}

#[test]
fn a_hostile_name_is_text_wherever_it_stands() {
    let html = page(&record(100));
    assert!(!html.contains("<img"), "{}", &html[html.find("<img").unwrap_or(0)..][..60]);
    assert_eq!(html.matches("</script>").count(), 2, "the data's own end and the script's");
    assert!(html.contains(r"\u003c/script>\u003cimg src=x onerror=alert(1)>"), "it is in the embedded data");
    assert!(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"), "and in what is written out");
    // Nothing that a script is given may reach the page as markup.
    let script = include_str!("page/lanes.js");
    for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment"] {
        assert!(!script.contains(way), "{way}");
    }
}

#[test]
fn the_figures_of_the_page_are_those_of_the_report() {
    let record = record(300);
    let (html, figures) = (page(&record), Figures::of(&record));
    let json: serde_json::Value = serde_json::to_value(&figures).unwrap();
    for (label, figure) in [
        ("failures", "failures"),
        ("of these spread", "cascades"),
        ("recoveries", "recoveries"),
        ("replacements", "replacements"),
        ("peak healthy", "peak_healthy"),
        ("fewest healthy", "min_healthy"),
    ] {
        let shown = format!("<b>{}</b><span>{label}</span>", json["tally"][figure]);
        assert!(html.contains(&shown), "{shown}");
    }
    for (xid, count) in &figures.tally.by_xid {
        let shown = format!("title=\"XID {xid:>3}: ");
        let row = &html[html.find(&shown).expect("a bar for every XID")..];
        assert!(row[..row.find("</li>").unwrap()].ends_with(&format!("<b>{count}</b>")), "XID {xid}");
    }
    let p99 = page::millis(figures.tally.detect_to_replace.p99_ms);
    let tile = format!("{p99}</b><span>verdict to replaced, p50 and p99</span>");
    assert!(html.contains(&tile), "{tile}");
    let histogram = &html[html.find("From the verdict, or a loss").unwrap()..];
    assert!(
        histogram[..histogram.find("</figure>").unwrap()].contains(&format!("p99 {p99}")),
        "the chart says the same"
    );
    let found = &html[html.find("From a failure to the verdict").unwrap()..];
    let times = format!("<small>{} times</small>", figures.tally.detect.count);
    assert!(found[..found.find("<svg").unwrap()].contains(&times), "{times}");
    assert!(html.contains("XID  79: GPU has fallen off the bus"));
    assert!(html.contains("outage zone-a begins, 30 machines"));
    assert_eq!(figures.failures_by_zone.values().sum::<u32>(), figures.tally.failures);
}

#[test]
fn a_page_of_a_large_run_stays_small_and_says_what_it_leaves_out() {
    let html = page(&record(9_000));
    assert!(html.len() < 4_000_000, "{} bytes", html.len());
    assert!(html.contains("nodes to which least happened are left out"));
    let five_thousand = page(&record(5_000));
    assert!(!five_thousand.contains("least happened") && five_thousand.len() < 2_500_000, "{}", five_thousand.len());
}

#[test]
fn tables_hold_a_line_for_everything_and_quote_what_would_be_torn() {
    let record = record(100);
    let (events, nodes) = (csv::events(&record), csv::nodes(&record));
    assert_eq!(events.lines().count(), 1 + record.events.len());
    assert_eq!(csv::samples(&record).lines().count(), 1 + record.samples.len());
    assert!(nodes.contains(",\"NVIDIA H100, 80GB\",8,"));
    assert!(events.contains("\"{\"\"what\"\":\"\"failed\"\""), "JSON within a field is quoted");
}

#[test]
fn a_life_is_what_the_events_say() {
    let record = record(100);
    let lives = lives::of(&record);
    let mended: Vec<&str> = lives[12].moods.iter().map(|(_, mood)| mood.name()).collect();
    assert_eq!(mended, ["joining", "healthy", "unhealthy", "healthy"]);
    let replaced: Vec<&str> = lives[3].moods.iter().map(|(_, mood)| mood.name()).collect();
    assert_eq!(replaced, ["joining", "healthy", "unhealthy", "draining", "idle", "absent"]);
    assert_eq!((lives[3].failures, lives[3].recoveries, lives[3].replaced), (1, 0, 1));
    assert_eq!(lives[99].moods, []);
}

#[test]
fn a_run_directory_has_every_file_and_compares_as_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    write(&record(60), None, &a).unwrap();
    write(&record(60), None, &b).unwrap();
    assert_eq!(std::fs::read_dir(&a).unwrap().count(), 6);
    let same = diff::Comparison::of(&diff::read(&a).unwrap(), &diff::read(&b).unwrap());
    assert!(same.is_same(), "{same}");
    write(&record(90), None, &b).unwrap();
    let other = diff::Comparison::of(&diff::read(&a).unwrap(), &diff::read(&b).unwrap());
    assert!(other.differences.iter().any(|one| one.figure == "tally.failures"), "{other}");
    let file = a.join("report.json");
    assert!(write(&record(3), None, &file).unwrap_err().to_string().contains("ARG-1333"));
}
