//! The tables of a run: assertions, durations, and the scenario as it was run.

use std::fmt::Write as _;

use argosy_page::Escaped;
use serde_json::Value;

use super::millis;
use crate::rehearsal::record::{Durations, RunRecord};
use crate::report::figures::Figures;
use crate::report::lives;

/// Events of the fleet as a whole that are shown; the tables have all of them.
const MOST_EVENTS: usize = 300;
/// Lines of configuration that are shown; the record has all of them.
const MOST_SETTINGS: usize = 400;

/// What was asserted, what was broken and what the file says that is read otherwise.
pub(super) fn assertions(html: &mut String, figures: &Figures) {
    if figures.assertions.is_empty() {
        html.push_str("<p class=\"none\">The scenario asserts nothing.</p>\n");
    } else {
        html.push_str("<div class=\"scroll\"><table><thead><tr><th>assertion</th><th>verdict</th><th>expected</th><th>seen</th></tr></thead><tbody>\n");
        for check in &figures.assertions {
            let verdict = if check.passed { "<b class=\"good\">holds</b>" } else { "<b class=\"bad\">fails</b>" };
            let (text, expected, seen) = (Escaped(&check.text), Escaped(&check.expected), Escaped(&check.seen));
            let _infallible =
                writeln!(html, "<tr><td>{text}</td><td>{verdict}</td><td>{expected}</td><td>{seen}</td></tr>");
        }
        html.push_str("</tbody></table></div>\n");
    }
    list(html, "Broken rules of the simulator", "bad", &figures.violations);
    list(html, "Warnings about the file", "warn", &figures.warnings);
}

fn list(html: &mut String, title: &str, class: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _infallible = writeln!(html, "<h3 class=\"{class}\">{}</h3>\n<ul class=\"lines\">", Escaped(title));
    for line in lines {
        let _infallible = writeln!(html, "<li>{}</li>", Escaped(line));
    }
    html.push_str("</ul>\n");
}

/// What happened to the fleet as a whole: outages, pools, rails, leaders, what the scenario says.
pub(super) fn events(html: &mut String, record: &RunRecord) {
    let all: Vec<_> = record.events.iter().filter(|event| event.machine.is_none()).collect();
    if all.is_empty() {
        html.push_str("<p class=\"none\">Nothing but what happened to single nodes.</p>\n");
        return;
    }
    html.push_str("<div class=\"scroll events\"><table><tbody>\n");
    for event in all.iter().take(MOST_EVENTS) {
        let (sort, told) = lives::told(record, &event.what);
        let (sort, at) = (sort.name(), clock(event.at_ms));
        let told = Escaped(&told);
        let _infallible = writeln!(
            html,
            "<tr><td class=\"number\">{at}</td><td><i class=\"mark {sort}\" title=\"{sort}\"></i> {told}</td></tr>"
        );
    }
    html.push_str("</tbody></table></div>\n");
    if let Some(more) = all.len().checked_sub(MOST_EVENTS).filter(|more| *more > 0) {
        let _infallible = writeln!(html, "<p class=\"soft\">{more} more are left out here; events.csv has all.</p>");
    }
}

/// A moment of the run, to the second.
fn clock(at_ms: u64) -> String {
    let s = at_ms / 1_000;
    format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// How long things took.
pub(super) fn durations(html: &mut String, figures: &Figures) {
    let tally = &figures.tally;
    let rows: [(&str, &Durations); 3] = [
        ("failure to verdict", &tally.detect),
        ("verdict or loss to replaced", &tally.detect_to_replace),
        ("failure to mended", &tally.repair),
    ];
    html.push_str("<div class=\"scroll\"><table><thead><tr><th></th><th>count</th><th>mean</th><th>p50</th><th>p90</th><th>p99</th><th>longest</th></tr></thead><tbody>\n");
    for (name, of) in rows {
        let _infallible = write!(html, "<tr><td>{name}</td><td class=\"number\">{}</td>", of.count);
        for ms in [of.mean_ms, of.p50_ms, of.p90_ms, of.p99_ms, of.max_ms] {
            let shown = if of.count == 0 { "-".to_owned() } else { millis(ms) };
            let _infallible = write!(html, "<td class=\"number\">{shown}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
}

/// The scenario with every default filled in.
pub(super) fn configuration(html: &mut String, record: &RunRecord) {
    let mut settings = Vec::new();
    flat(&mut settings, String::new(), &record.configuration);
    html.push_str("<details open><summary>Every setting of the run, defaults filled in</summary><div class=\"scroll\"><table><tbody>\n");
    for (name, value) in settings.iter().take(MOST_SETTINGS) {
        let _infallible = writeln!(html, "<tr><td>{}</td><td>{}</td></tr>", Escaped(name), Escaped(value));
    }
    html.push_str("</tbody></table></div></details>\n");
    if settings.len() > MOST_SETTINGS {
        let more = settings.len() - MOST_SETTINGS;
        let _infallible =
            writeln!(html, "<p class=\"soft\">{more} more settings are left out here; record.json has all.</p>");
    }
}

fn flat(settings: &mut Vec<(String, String)>, way: String, value: &Value) {
    let below = |key: &str| if way.is_empty() { key.to_owned() } else { format!("{way}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flat(settings, below(key), value)),
        Value::Array(entries) if entries.iter().any(|entry| entry.is_object() || entry.is_array()) => {
            entries.iter().enumerate().for_each(|(at, value)| flat(settings, format!("{way}[{at}]"), value));
        }
        Value::Array(entries) => settings.push((way, entries.iter().map(shown).collect::<Vec<_>>().join(", "))),
        Value::Null => {}
        plain => settings.push((way, shown(plain))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
