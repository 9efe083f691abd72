//! `argosy-lab chaos`: the real replicas in simulated worlds, under faults, judged by invariants.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use argosy_chaos::planted::Planted;
use argosy_chaos::report::Report;
use argosy_chaos::run::Outcome;
use argosy_chaos::scenario::Scenario;
use argosy_chaos::series::Series;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

/// Arguments of `argosy-lab chaos`.
#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    #[command(subcommand)]
    command: ChaosCommand,
}

#[derive(Debug, Subcommand)]
enum ChaosCommand {
    /// Run worlds and judge them; ends with 1 if anything is broken that was promised
    Run(RunArgs),
    /// Run one world again and write down what happens in it
    Replay(ReplayArgs),
    /// Plant bugs, and see which seed finds which; ends with 1 if one is not found
    Proof(ProofArgs),
}

/// Which worlds.
#[derive(Debug, Args)]
struct WorldArgs {
    /// A scenario file; without one every seed draws faults of its own
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How long drawn faults strike before everything is healed, in the world's time
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    strike_for: Duration,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// One seed
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Seeds, from A up to and without B
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// Begin no world after so many minutes; without seeds, go on until then
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// Worlds at a time
    #[arg(long, value_name = "J", default_value_t = 1)]
    jobs: usize,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Write the trace to this file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ProofArgs {
    /// Seeds to try for each bug
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// How long faults strike in each, in the world's time
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    strike_for: Duration,
}

/// Seeds that are run when nothing else is said.
const SEEDS: RangeInclusive<u64> = 1..=20;

/// Runs the command.
pub(crate) fn run(args: ChaosArgs) -> anyhow::Result<()> {
    match args.command {
        ChaosCommand::Run(args) => run_series(&args),
        ChaosCommand::Replay(args) => replay(&args),
        ChaosCommand::Proof(args) => prove(&args),
    }
}

fn run_series(args: &RunArgs) -> anyhow::Result<()> {
    let until = args.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let seeds = match (args.seed, &args.seeds, until) {
        (Some(seed), _, _) => seed..=seed,
        (None, Some(seeds), _) => seeds.clone(),
        (None, None, Some(_)) => 1..=u64::MAX - 1,
        (None, None, None) => SEEDS,
    };
    let series = args.world.series(seeds, args.jobs, until)?;
    let bar = progress(&series);
    let report = series.run(|outcome| {
        for violation in &outcome.violations {
            let text = told(&args.world, outcome, &violation.invariant, violation.at, &violation.detail);
            // Without a terminal the bar is silent; this is not.
            bar.suspend(|| println!("{text}"));
        }
        bar.inc(1);
        bar.set_message(format!("last seed {}, {:.0} s simulated", outcome.seed, outcome.simulated.as_secs_f64()));
    });
    bar.finish_and_clear();
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("ARG-0913: {} cannot be written", path.display()))?;
    }
    print!("{}", summary(&report));
    if !report.violations.is_empty() {
        bail!(
            "ARG-0951: {} promises broken in {} worlds; replay a seed to see how",
            report.violations.len(),
            broken(&report)
        );
    }
    Ok(())
}

fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let series = args.world.series(args.seed..=args.seed, 1, None)?;
    let outcome = argosy_chaos::run::run(&series.campaign(args.seed), args.seed);
    if let Some(path) = &args.trace {
        let text = outcome.trace.join("\n");
        std::fs::write(path, text).with_context(|| format!("ARG-0913: {} cannot be written", path.display()))?;
    }
    println!(
        "trace {} of {} lines, {:.1} s simulated",
        outcome.trace_hash,
        outcome.trace.len(),
        outcome.simulated.as_secs_f64()
    );
    for violation in &outcome.violations {
        println!("{}", told(&args.world, &outcome, &violation.invariant, violation.at, &violation.detail));
    }
    if !outcome.violations.is_empty() {
        bail!("ARG-0951: {} promises broken in this world", outcome.violations.len());
    }
    Ok(())
}

fn prove(args: &ProofArgs) -> anyhow::Result<()> {
    let mut missed = 0;
    for planted in Planted::ALL {
        let proof = argosy_chaos::proof::prove(planted, args.seeds, args.strike_for);
        match proof.found {
            Some((seed, violation)) => println!(
                "{planted:?}: seed {seed} after {:.1} s: {}: {}",
                violation.at.as_secs_f64(),
                violation.invariant,
                violation.detail
            ),
            None => {
                missed += 1;
                println!("{planted:?}: not found by {} seeds", proof.seeds);
            }
        }
    }
    if missed > 0 {
        bail!("ARG-0951: {missed} of {} planted bugs were not found", Planted::ALL.len());
    }
    Ok(())
}

impl WorldArgs {
    fn series(&self, seeds: RangeInclusive<u64>, jobs: usize, until: Option<Instant>) -> anyhow::Result<Series> {
        let scenario = match &self.scenario {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("ARG-0950: {}", path.display()))?;
                Some(Scenario::parse(&path.display().to_string(), &text)?)
            }
        };
        Ok(Series { seeds, scenario, safety: self.strike_for, jobs, until })
    }

    /// The options that make the same worlds.
    fn options(&self) -> String {
        match &self.scenario {
            Some(path) => format!("--scenario {}", path.display()),
            None => format!("--strike-for {}", humantime::format_duration(self.strike_for)),
        }
    }
}

fn told(world: &WorldArgs, outcome: &Outcome, invariant: &str, at: Duration, detail: &str) -> String {
    let (seed, at, options) = (outcome.seed, at.as_secs_f64(), world.options());
    format!(
        "seed {seed} at {at:.2} s: {invariant}: {detail}\n  argosy-lab chaos replay --seed {seed} {options} --trace trace.txt"
    )
}

fn progress(series: &Series) -> ProgressBar {
    let count = series.seeds.end().saturating_sub(*series.seeds.start()).saturating_add(1);
    // A series that ends with the clock has no length.
    let bar = if count > 1 << 32 { ProgressBar::no_length() } else { ProgressBar::new(count) };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} worlds, {elapsed} {msg}");
    bar.set_style(style.expect("the template is fixed"));
    bar
}

fn summary(report: &Report) -> String {
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
    text
}

fn broken(report: &Report) -> usize {
    report.violations.iter().map(|finding| finding.seed).collect::<std::collections::BTreeSet<_>>().len()
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write A..B, such as 1..200")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("'{text}': {error}"));
    let (from, to) = (number(from)?, number(to)?);
    if from >= to {
        return Err(format!("{from}..{to} holds no seed"));
    }
    Ok(from..=to - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_ends_before_its_end() {
        assert_eq!(parse_seeds("3..7"), Ok(3..=6));
        for bad in ["3", "7..3", "3..3", "a..b"] {
            assert!(parse_seeds(bad).is_err(), "{bad}");
        }
    }
}
