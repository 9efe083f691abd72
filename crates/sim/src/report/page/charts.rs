//! The charts of a run: samples as lines, events as counts, durations as distributions.

use std::collections::BTreeMap;

use argosy_page::lines::{self, Lines};
use argosy_page::{Spread, bars};

use super::float;
use crate::rehearsal::record::{Happening, RunRecord, Sample, What};
use crate::report::figures::Figures;
use crate::report::lives;

/// Bins of failures over time, at most.
const BINS: u64 = 60;

/// How many machines were how, and how many there ought to be.
pub(super) fn health(html: &mut String, record: &RunRecord) {
    let at_s = moments(&record.samples);
    let chart =
        |title, about, series| Lines { title, about, at_s: &at_s, series, spans: outages(record), ..Lines::default() };
    let all = |of: fn(&Sample) -> u32| values(&record.samples, of);
    html.push_str("<div class=\"figures\">\n");
    let health = vec![
        ("healthy", "c2", all(|sample| sample.healthy)),
        ("degraded", "c3", all(|sample| sample.degraded)),
        ("unhealthy", "c4", all(|sample| sample.unhealthy)),
        ("unknown", "c7", all(|sample| sample.unknown)),
        ("joining", "c1", all(|sample| sample.joining)),
    ];
    lines::write(html, &Lines { stacked: true, ..chart("Health", "machines of the pools, by verdict", health) });
    let supply = vec![
        ("wanted", "c7", all(|sample| sample.wanted)),
        ("there", "c1", all(|sample| sample.total)),
        ("agents heard", "c2", all(|sample| sample.responsive)),
    ];
    lines::write(html, &chart("Supply", "machines that cost, against the pools' targets", supply));
    let wrong = vec![
        ("broken", "c4", all(|sample| sample.broken)),
        ("count as no supply", "c5", all(|sample| sample.unfit)),
        ("drained", "c3", all(|sample| sample.draining)),
        ("silent", "c7", all(|sample| sample.silent)),
        ("cordoned", "c8", all(|sample| sample.cordoned)),
    ];
    lines::write(html, &chart("What is wrong", "broken is what the simulator did, the rest what came of it", wrong));
    let sums = vec![
        ("failures", "c4", all(|sample| sample.failures)),
        ("of these spread", "c3", all(|sample| sample.cascades)),
        ("recoveries", "c2", all(|sample| sample.recoveries)),
        ("replacements", "c1", all(|sample| sample.replacements)),
    ];
    lines::write(html, &chart("Failures and recoveries", "since the beginning", sums));
    html.push_str("</div>\n");
}

/// What broke: over time, by kind, by XID, by cause, by place.
pub(super) fn failures(html: &mut String, record: &RunRecord, figures: &Figures) {
    html.push_str("<div class=\"figures\">\n");
    over_time(html, record);
    let tally = &figures.tally;
    let depths = figures.cascades_by_depth.iter().map(|(depth, count)| (format!("step {depth}"), u64::from(*count)));
    counts(html, "By kind", &widened(&tally.by_kind));
    counts(html, "By XID", &tally.by_xid.iter().map(|(code, count)| (xid(*code), u64::from(*count))).collect());
    counts(html, "By cause", &widened(&tally.by_cause));
    counts(html, "Cascades, by steps from the first failure", &depths.collect());
    counts(html, "By zone", &widened(&figures.failures_by_zone));
    counts(html, "By template", &widened(&figures.failures_by_template));
    html.push_str("</div>\n");
}

/// What was decided and by which rules machines were judged.
pub(super) fn decisions(html: &mut String, figures: &Figures) {
    html.push_str("<div class=\"figures\">\n");
    counts(html, "Actions taken, by reason", &widened(&figures.tally.decisions));
    counts(html, "Verdicts, by rule of the policy", &widened(&figures.tally.rules));
    html.push_str("</div>\n");
}

/// What was spent, and what of it on machines that counted as no supply.
pub(super) fn cost(html: &mut String, record: &RunRecord) {
    let at_s = moments(&record.samples);
    let dollars =
        |of: fn(&Sample) -> u64| record.samples.iter().map(|sample| float(of(sample)) / 1e6).collect::<Vec<f64>>();
    let series = vec![
        ("spent", "c1", dollars(|sample| sample.cost_microusd)),
        ("of it on unfit machines", "c4", dollars(|sample| sample.wasted_microusd)),
    ];
    let title = "Cost in dollars";
    lines::write(html, &Lines { title, about: "since the beginning", at_s: &at_s, series, ..Lines::default() });
}

/// The three durations that matter, as they are distributed.
pub(super) fn spreads(record: &RunRecord) -> [Spread; 3] {
    let spread = |title: &str, all_ms: Vec<u64>| Spread {
        title: title.to_owned(),
        seconds: all_ms.into_iter().map(|ms| float(ms) / 1_000.0).collect(),
        aim_s: None,
    };
    let all = |of: fn(&What) -> Option<u64>| record.events.iter().filter_map(|event| of(&event.what)).collect();
    [
        spread("From a failure to the verdict that the machine is unfit", found_ms(record)),
        spread(
            "From the verdict, or a loss, until another machine covers",
            all(|what| if let What::Replaced { took_ms, .. } = what { Some(*took_ms) } else { None }),
        ),
        spread(
            "From a failure until it is mended",
            all(|what| if let What::Recovered { lasted_ms, .. } = what { Some(*lasted_ms) } else { None }),
        ),
    ]
}

/// How long each machine that became unfit had been broken by then. That another rule says the same later is no news.
fn found_ms(record: &RunRecord) -> Vec<u64> {
    let (mut is_unfit, mut found) = (vec![false; record.machines.len()], Vec::new());
    for Happening { machine, what, .. } in &record.events {
        let (What::Verdict { unfit, after_ms, .. }, Some(machine)) = (what, machine) else { continue };
        let Some(before) = is_unfit.get_mut(*machine as usize) else { continue };
        if *unfit && !*before {
            found.extend(after_ms);
        }
        *before = *unfit;
    }
    found
}

fn over_time(html: &mut String, record: &RunRecord) {
    let width_ms = record.virtual_ms.div_ceil(BINS).max(1);
    let bins = usize::try_from(record.virtual_ms / width_ms + 1).expect("a few dozen");
    let words = [("primary", "c4"), ("script", "c5"), ("cascade", "c3"), ("correlated", "c8"), ("outage", "c7")];
    let mut series: Vec<(&str, &str, Vec<f64>)> =
        words.into_iter().map(|(word, colour)| (word, colour, vec![0.0; bins])).collect();
    for Happening { at_ms, what, .. } in &record.events {
        let What::Failed { cause, .. } = what else { continue };
        let bin = usize::try_from(at_ms / width_ms).expect("a few dozen").min(bins - 1);
        let word = lives::cause(cause);
        if let Some((_, _, counts)) = series.iter_mut().find(|(known, _, _)| *known == word) {
            counts[bin] += 1.0;
        }
    }
    series.retain(|(_, _, counts)| counts.iter().any(|count| *count > 0.0));
    let at_s: Vec<f64> = (0..bins as u64).map(|bin| float(bin * width_ms) / 1_000.0).collect();
    let about = format!("in every {}", super::millis(width_ms));
    let chart =
        Lines { title: "Failures by cause", about: &about, at_s: &at_s, series, stacked: true, spans: outages(record) };
    lines::write(html, &chart);
}

/// When which outage was on.
fn outages(record: &RunRecord) -> Vec<(f64, f64, String)> {
    let mut spans: Vec<(f64, f64, String)> = Vec::new();
    let end_s = float(record.virtual_ms) / 1_000.0;
    for Happening { at_ms, what, .. } in &record.events {
        let at_s = float(*at_ms) / 1_000.0;
        match what {
            What::OutageBegan { outage, .. } => spans.push((at_s, end_s, outage.clone())),
            What::OutageEnded { outage, .. } => {
                let open = spans.iter_mut().rev().find(|(_, to_s, name)| name == outage && *to_s >= end_s);
                open.into_iter().for_each(|(_, to_s, _)| *to_s = at_s);
            }
            _ => {}
        }
    }
    spans
}

/// An XID with its name, such that they sort by number.
fn xid(code: u32) -> String {
    let name = argosy_health::table::xid(i64::from(code)).map_or(String::new(), |row| format!(": {}", row.meaning));
    format!("XID {code:>3}{name}")
}

fn counts(html: &mut String, title: &str, counts: &BTreeMap<String, u64>) {
    if !counts.is_empty() {
        html.push_str("<figure><figcaption>");
        html.push_str(&argosy_page::Escaped(title).to_string());
        html.push_str("</figcaption>\n");
        bars::write(html, counts);
        html.push_str("</figure>\n");
    }
}

fn widened(counts: &BTreeMap<String, u32>) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| (name.clone(), u64::from(*count))).collect()
}

fn moments(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| float(sample.at_ms) / 1_000.0).collect()
}

fn values(samples: &[Sample], of: fn(&Sample) -> u32) -> Vec<f64> {
    samples.iter().map(|sample| f64::from(of(sample))).collect()
}
