//! A replay as a page: how much was asked for, granted and allocated over time, who waited, and the figures of the outcome.

use argosy_page::frame::section;
use argosy_page::lines::{self, Lines};
use argosy_page::{Frame, Tile, Tone, bars, seconds, tiles};

use super::outcome::{Replayed, Sample};

/// Writes the page.
pub(super) fn write(replayed: &Replayed) -> String {
    let title = format!("Argosy: replay of {}", replayed.report.name);
    let about = format!(
        "{} tasks of a production trace on {} machines ({} tiles), {} clusters on {} shards, {:.1} days of virtual time, seed {}.",
        replayed.tasks,
        replayed.machines,
        replayed.tiles,
        replayed.clusters,
        replayed.shards,
        replayed.report.virtual_s as f64 / 86_400.0,
        replayed.seed
    );
    let mut html = String::new();
    Frame { title: &title, about: &about, ..Frame::default() }.write(&mut html, |html| {
        tiles::write(html, &figures(replayed));
        section(html, "time", "Over time", true, |html| charts(html, &replayed.samples));
        section(html, "actions", "Actions taken", !replayed.actions.is_empty(), |html| {
            bars::write(html, &replayed.actions);
        });
        section(html, "shortfalls", "Episodes of shortfall, by reason", !replayed.shortfalls.is_empty(), |html| {
            bars::write(html, &replayed.shortfalls);
        });
    });
    html
}

fn figures(replayed: &Replayed) -> Vec<Tile> {
    let (word, tone) = if replayed.report.passed { ("passed", Tone::Good) } else { ("failed", Tone::Bad) };
    let percent = |ratio: f64| format!("{:.2} %", 100.0 * ratio);
    let waits = replayed.time_to_place_s;
    vec![
        Tile::new("verdict", word).toned(tone),
        Tile::new("tasks placed", replayed.placed),
        Tile::new("left before they were", replayed.never_placed),
        Tile::new("wait in the end", replayed.waiting),
        Tile::new("machines preempted", replayed.preempted),
        Tile::new("GPU demand granted, by time", percent(replayed.gpu_granted_ratio)),
        Tile::new("CPU demand granted, by time", percent(replayed.cpu_granted_ratio)),
        Tile::new("time to place, p50 and p99", format!("{}, {}", seconds(waits.p50), seconds(waits.p99))),
        Tile::new("GPUs at the peak: asked for", format!("{:.1}", replayed.peak_gpus_asked)),
        Tile::new("GPUs at the peak: allocated", format!("{:.0} of {}", replayed.peak_gpus_allocated, replayed.gpus)),
    ]
}

fn charts(html: &mut String, samples: &[Sample]) {
    let at_s: Vec<f64> = samples.iter().map(|sample| sample.at_s as f64).collect();
    let all = |of: fn(&Sample) -> f64| samples.iter().map(of).collect::<Vec<f64>>();
    let chart = |title, about, series| Lines { title, about, at_s: &at_s, series, ..Lines::default() };
    html.push_str("<div class=\"figures\">\n");
    let gpus = vec![
        ("asked for", "c1", all(|sample| sample.gpus_asked)),
        ("granted", "c2", all(|sample| sample.gpus_granted)),
        ("on serving machines", "c7", all(|sample| sample.gpus_allocated)),
    ];
    lines::write(html, &chart("GPUs", "machines are bound whole", gpus));
    let machines = vec![("serving", "c1", all(|sample| sample.machines_allocated as f64))];
    lines::write(html, &chart("Machines", "that serve a cluster", machines));
    let waiting = vec![("tasks", "c3", all(|sample| sample.waiting as f64))];
    lines::write(html, &chart("Tasks that wait", "", waiting));
    let short = vec![("rows of demand", "c4", all(|sample| sample.short_needs as f64))];
    lines::write(html, &chart("Short of supply", "with nothing on its way", short));
    html.push_str("</div>\n");
}
