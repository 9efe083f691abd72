//! What people see of runs: a line for each broken promise, a bar, a summary.

use std::fmt::Write as _;
use std::time::Duration;

use argosy_chaos::report::Report;
use argosy_chaos::run::Outcome;
use argosy_chaos::series::Series;
use indicatif::{ProgressBar, ProgressStyle};

use super::WorldArgs;

pub(super) fn told(world: &WorldArgs, outcome: &Outcome, invariant: &str, at: Duration, detail: &str) -> String {
    let (seed, at) = (outcome.seed, at.as_secs_f64());
    format!("seed {seed} at {at:.2} s: {invariant}: {detail}\n  {}", world.again(seed))
}

pub(super) fn progress(series: &Series) -> ProgressBar {
    let count = series.seeds.end().saturating_sub(*series.seeds.start()).saturating_add(1);
    // A series that ends with the clock has no length.
    let bar = if count > 1 << 32 { ProgressBar::no_length() } else { ProgressBar::new(count) };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} worlds, {elapsed} {msg}");
    bar.set_style(style.expect("the template is fixed"));
    bar
}

pub(super) fn summary(report: &Report) -> String {
    let mut text = String::new();
    let speed = report.simulated_s / report.wall_s.max(0.001);
    let _infallible = writeln!(
        text,
        "{} worlds, {:.2} h simulated in {:.1} s ({speed:.0} times real time), {} faults struck, {} administrators' operations answered",
        report.seeds.len(),
        report.simulated_s / 3_600.0,
        report.wall_s,
        report.faults(),
        report.answered,
    );
    let (gaps, rest) = (report.unavailable_s, report.recovery_s);
    let _infallible = writeln!(
        text,
        "outages p50 {:.2} s, p99 {:.2} s, max {:.2} s; rest after healing p50 {:.1} s, p99 {:.1} s, max {:.1} s",
        gaps.p50, gaps.p99, gaps.max, rest.p50, rest.p99, rest.max
    );
    for (kind, count) in &report.fault_events {
        let _infallible = writeln!(text, "  {kind:<16} {count}");
    }
    let silent = report.silent();
    let fired = report.failpoints.len() - silent.len();
    let _infallible = writeln!(text, "{fired} of {} failpoints fired", report.failpoints.len());
    for (point, hits) in &report.failpoints {
        let _infallible = writeln!(text, "  {point:<34} {hits}");
    }
    text
}

pub(super) fn broken(report: &Report) -> usize {
    report.violations.iter().map(|finding| finding.seed).collect::<std::collections::BTreeSet<_>>().len()
}
