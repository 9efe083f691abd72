//! `argosy-lab sim run` of a scenario: its pace, its progress on a terminal, and what came of it.

use std::io::IsTerminal as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use argosy_sim::rehearsal::Rehearsal;
use argosy_sim::rehearsal::record::RunRecord;
use argosy_sim::report;
use indicatif::{ProgressBar, ProgressStyle};

use super::{RunArgs, scenario, write};

/// Virtual time between two looks at the progress.
const SLICE_MS: u64 = 1_000;

/// Runs a scenario; whether everything that it asserts holds.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<bool> {
    let (loaded, text) = scenario::load(&args.what)?;
    scenario::warn(&args.what, &loaded);
    let seed = args.seed.unwrap_or_else(|| loaded.scenario.seed());
    let began = Instant::now();
    let mut rehearsal = Rehearsal::new(&loaded, seed);
    let bar = bar(&rehearsal, args.quiet);
    while !rehearsal.run_until(rehearsal.now_ms() + SLICE_MS) {
        progress(&bar, &rehearsal);
        if let Some(speed) = args.speed.filter(|speed| *speed > 0.0) {
            keep_pace(began, rehearsal.now_ms(), speed);
        }
    }
    bar.finish_and_clear();
    let record = rehearsal.finish();
    let wall_s = began.elapsed().as_secs_f64();
    let mut summary = serde_json::to_value(record.summary())?;
    summary["wall_s"] = wall_s.into();
    write(args.json.clone(), &summary)?;
    if let Some(folder) = &args.out {
        report::write(&record, Some(&text), folder)?;
        println!("{}", folder.join("report.html").display());
    }
    tell(&record, wall_s);
    Ok(record.passed())
}

fn bar(rehearsal: &Rehearsal, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rehearsal.ends_ms() / 1_000);
    let form = "{bar:30} {pos}/{len} s  {msg}";
    bar.set_style(ProgressStyle::with_template(form).expect("the template is sound"));
    bar
}

fn progress(bar: &ProgressBar, rehearsal: &Rehearsal) {
    let record = rehearsal.record();
    bar.set_position(rehearsal.now_ms() / 1_000);
    if let Some(sample) = record.samples.last() {
        let tally = &record.tally;
        let (failures, replaced) = (tally.failures, tally.replacements);
        bar.set_message(format!(
            "{} of {} healthy, {failures} failures, {replaced} replaced",
            sample.healthy, sample.wanted
        ));
    }
}

/// Waits until as much time has passed as virtual time at this speed.
fn keep_pace(began: Instant, now_ms: u64, speed: f64) {
    let virtual_time = Duration::from_millis(now_ms);
    if let Ok(ought) = Duration::try_from_secs_f64(virtual_time.as_secs_f64() / speed) {
        sleep(ought.saturating_sub(began.elapsed()));
    }
}

/// What came of it, for people.
fn tell(record: &RunRecord, wall_s: f64) {
    let (tally, verdict) = (&record.tally, if record.passed() { "PASS" } else { "FAIL" });
    println!("{verdict} {} (seed {}, {} s in {wall_s:.1} s)", record.name, record.seed, record.virtual_ms / 1_000);
    for check in &record.assertions {
        println!("  {check}");
    }
    for violation in &record.violations {
        println!("  broken: {violation}");
    }
    let lines = [
        ("failures", format!("{} ({} spread, {} mended)", tally.failures, tally.cascades, tally.recoveries)),
        ("healthy", format!("{} at most, {} at least", tally.peak_healthy, tally.min_healthy)),
        ("replaced", format!("{}, p99 {} s", tally.replacements, tally.detect_to_replace.p99_ms / 1_000)),
        (
            "spent",
            format!(
                "{} USD, {} of them on what was no supply",
                tally.cost_microusd / 1_000_000,
                tally.wasted_microusd / 1_000_000
            ),
        ),
        ("trace", record.trace_hash()),
    ];
    for (word, text) in lines {
        println!("  {word:<10} {text}");
    }
}
