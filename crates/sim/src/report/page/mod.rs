//! A run as a page for people: what was asserted, how the fleet fared, how fast it was mended, what it cost, and every node's life.
//!
//! Charts and tables are drawn here and need no script; the lanes of thousands of nodes are drawn by one when they are looked at
//! ([`lanes`]).

mod charts;
mod lanes;
mod tables;

use argosy_page::frame::section;
use argosy_page::{Frame, Tile, Tone, histogram, tiles};

use super::figures::Figures;
use super::lives;
use crate::rehearsal::record::{Durations, RunRecord};

const STYLE: &str = include_str!("style.css");
const LANES: &str = include_str!("lanes.js");
const SECTIONS: [(&str, &str); 9] = [
    ("summary", "Summary"),
    ("assertions", "Assertions"),
    ("health", "Health"),
    ("failures", "Failures"),
    ("repair", "Repair"),
    ("decisions", "Decisions"),
    ("events", "Events"),
    ("nodes", "Nodes"),
    ("configuration", "Configuration"),
];

/// Writes the page of a run.
pub fn write(record: &RunRecord) -> String {
    let figures = Figures::of(record);
    let lives = lives::of(record);
    let title = format!("Argosy: rehearsal of {}", record.name);
    let about = about(&figures);
    let mut html = String::with_capacity(1 << 20);
    let frame = Frame { title: &title, about: &about, style: STYLE, sections: &SECTIONS, scripts: &[LANES] };
    frame.write(&mut html, |html| {
        tiles::write(html, &summary(&figures));
        section(html, "assertions", "Assertions", true, |html| tables::assertions(html, &figures));
        section(html, "health", "The fleet over time", true, |html| charts::health(html, record));
        section(html, "failures", "Failures", true, |html| charts::failures(html, record, &figures));
        section(html, "repair", "Found and made good", true, |html| repair(html, record, &figures));
        section(html, "decisions", "Decisions and rules", true, |html| charts::decisions(html, &figures));
        section(html, "events", "Events of the fleet", true, |html| tables::events(html, record));
        section(html, "nodes", "Nodes", true, |html| lanes::write(html, record, &lives));
        section(html, "configuration", "Configuration", true, |html| tables::configuration(html, record));
    });
    html
}

fn about(figures: &Figures) -> String {
    let fleet = &figures.fleet;
    let words = if figures.description.is_empty() { String::new() } else { format!("{} · ", figures.description) };
    format!(
        "{words}{} machines with {} GPUs, {} spare, {} min of virtual time, seed {}, trace {}.",
        fleet.machines,
        fleet.gpus,
        fleet.spares,
        figures.virtual_s / 60,
        figures.seed,
        figures.trace_hash.chars().take(12).collect::<String>()
    )
}

fn summary(figures: &Figures) -> Vec<Tile> {
    let tally = &figures.tally;
    let (verdict, tone) = if figures.passed { ("passed", Tone::Good) } else { ("failed", Tone::Bad) };
    let failed = figures.assertions.iter().filter(|check| !check.passed).count();
    let mut tiles = vec![
        Tile::new("verdict", verdict).toned(tone),
        Tile::new(
            "assertions that hold",
            format!("{} of {}", figures.assertions.len() - failed, figures.assertions.len()),
        )
        .toned(if failed == 0 { Tone::Plain } else { Tone::Bad }),
        Tile::new("peak healthy", tally.peak_healthy),
        Tile::new("fewest healthy", tally.min_healthy),
        Tile::new("healthy on average", figures.average_healthy),
        Tile::new("failures", tally.failures),
        Tile::new("of these spread", tally.cascades),
        Tile::new("recoveries", tally.recoveries),
        Tile::new("replacements", tally.replacements),
        Tile::new("outages", tally.outages),
        Tile::new("failure to verdict, p50 and p99", percentiles(&tally.detect)),
        Tile::new("verdict to replaced, p50 and p99", percentiles(&tally.detect_to_replace)),
        Tile::new("mean time to repair", mean(&tally.repair)),
        Tile::new("spent", dollars(tally.cost_microusd)),
        Tile::new("wasted on unfit machines", dollars(tally.wasted_microusd)),
    ];
    if !figures.warnings.is_empty() {
        tiles.push(Tile::new("warnings about the file", figures.warnings.len().to_string()).toned(Tone::Bad));
    }
    tiles
}

fn repair(html: &mut String, record: &RunRecord, figures: &Figures) {
    tables::durations(html, figures);
    html.push_str("<div class=\"figures\">\n");
    for spread in charts::spreads(record) {
        histogram::write(html, &spread);
    }
    charts::cost(html, record);
    html.push_str("</div>\n");
}

fn percentiles(of: &Durations) -> String {
    if of.count == 0 { "-".to_owned() } else { format!("{}, {}", millis(of.p50_ms), millis(of.p99_ms)) }
}

fn mean(of: &Durations) -> String {
    if of.count == 0 { "-".to_owned() } else { millis(of.mean_ms) }
}

/// A duration as people read it.
pub(super) fn millis(ms: u64) -> String {
    argosy_page::seconds(float(ms) / 1_000.0)
}

/// An amount of money as people read it.
pub(super) fn dollars(microusd: u64) -> String {
    let cents = microusd / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[expect(clippy::cast_precision_loss, reason = "what is drawn or rounded needs no more")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
