//! `argosy-lab chaos`: the real replicas in simulated worlds, under faults, judged by invariants.

mod hosts;
mod proof;
mod show;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use argosy_chaos::report::Report;
use argosy_chaos::scenario::Scenario;
use argosy_chaos::series::Series;
use argosy_chaos::shrink::Bounds;
use argosy_chaos::stage::{Apart, serve};
use argosy_failpoint::Planted;
use clap::{Args, Subcommand};

use self::show::{broken, progress, summary, told};

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
    Proof(proof::ProofArgs),
    /// Take away from a seed's faults what it does not need to break its promise, and write the rest down as a scenario
    Shrink(shrink::ShrinkArgs),
    /// Break real processes on network namespaces, and judge them; needs root
    Hosts(hosts::HostsArgs),
    /// Run the world that standard input asks for: what `run` starts as its children
    #[command(hide = true)]
    World,
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
    /// Draw no failpoints: the product does what is rare as rarely as ever
    #[arg(long, conflicts_with = "scenario")]
    no_failpoints: bool,
    /// Give the product this bug
    #[arg(long, value_name = "BUG", value_parser = parse_bug)]
    planted: Option<Planted>,
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
    /// Of the first world that breaks each promise, say what it takes; it costs at most so many more worlds, and 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 60)]
    shrink: usize,
    /// What that takes in all; a world that is begun is run to its end
    #[arg(long, value_name = "TIME", default_value = "45s", value_parser = humantime::parse_duration)]
    shrink_for: Duration,
    /// End with 1 when a failpoint never fired
    #[arg(long)]
    require_failpoints: bool,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page to this file that shows what happened; it opens from disk and needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
    /// Write the product's log lines that pass this filter to standard error, such as argosy_server=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Seeds that are run when nothing else is said.
const SEEDS: RangeInclusive<u64> = 1..=20;

/// Runs the command.
pub(crate) fn run(args: ChaosArgs) -> anyhow::Result<()> {
    match args.command {
        ChaosCommand::Run(args) => run_series(&args),
        ChaosCommand::Replay(args) => replay(&args),
        ChaosCommand::Proof(args) => proof::prove(&args),
        ChaosCommand::Shrink(args) => shrink::shrink(&args),
        ChaosCommand::Hosts(args) => hosts::run(&args),
        ChaosCommand::World => Ok(serve()?),
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
    let children = children()?;
    let report = series.run(
        || children.clone(),
        |outcome| {
            for violation in &outcome.violations {
                let text = told(&args.world, outcome, &violation.invariant, violation.at, &violation.detail);
                // Without a terminal the bar is silent; this is not.
                bar.suspend(|| println!("{text}"));
            }
            bar.inc(1);
            bar.set_message(format!("last seed {}, {:.0} s simulated", outcome.seed, outcome.simulated.as_secs_f64()));
        },
    );
    bar.finish_and_clear();
    if let Some(path) = &args.json {
        put(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = &args.html {
        put(path, &argosy_chaos::page::render(&report.page(|seed| args.world.again(seed))))?;
    }
    print!("{}", summary(&report));
    if args.shrink > 0 {
        let until = Instant::now() + args.shrink_for;
        for seed in first_of_each(&report) {
            if Instant::now() < until {
                print!("{}", shrink::tell(&args.world, seed, Bounds { runs: args.shrink, until: Some(until) })?);
            } else {
                println!(
                    "seed {seed}: no time was left to shrink it; argosy-lab chaos shrink --seed {seed} {}",
                    args.world.options()
                );
            }
        }
    }
    let silent = report.silent();
    if args.require_failpoints && !silent.is_empty() {
        bail!("ARG-0953: failpoints that never fired: {}; run more seeds", silent.join(", "));
    }
    if !report.violations.is_empty() {
        bail!(
            "ARG-0951: {} promises broken in {} worlds; replay a seed to see how",
            report.violations.len(),
            broken(&report)
        );
    }
    Ok(())
}

/// A process for every world: this program again.
pub(super) fn children() -> anyhow::Result<Apart> {
    let program = std::env::current_exe().context("ARG-0952: where this program lies is not known")?;
    Ok(Apart::of(&program, &["chaos", "world"]))
}

/// The first seed that broke each promise, in order.
fn first_of_each(report: &Report) -> BTreeSet<u64> {
    let mut first = BTreeMap::new();
    for broken in &report.violations {
        let seed = first.entry(&broken.invariant).or_insert(broken.seed);
        *seed = broken.seed.min(*seed);
    }
    first.into_values().collect()
}

fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let series = args.world.series(args.seed..=args.seed, 1, None)?;
    if let Some(filter) = &args.log {
        argosy_chaos::log::to_stderr(filter).map_err(|why| anyhow::anyhow!("--log: {why}"))?;
    }
    let outcome = argosy_chaos::run::run(&series.campaign(args.seed), args.seed);
    if let Some(path) = &args.trace {
        put(path, &outcome.trace.join("\n"))?;
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

impl WorldArgs {
    fn series(&self, seeds: RangeInclusive<u64>, jobs: usize, until: Option<Instant>) -> anyhow::Result<Series> {
        let scenario = match &self.scenario {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("ARG-0950: {}", path.display()))?;
                Some(Scenario::parse(&path.display().to_string(), &text)?)
            }
        };
        let (failpoints, planted) = (!self.no_failpoints, self.planted);
        Ok(Series { seeds, scenario, safety: self.strike_for, failpoints, planted, jobs, until })
    }

    /// The command that makes the same world again.
    fn again(&self, seed: u64) -> String {
        format!("argosy-lab chaos replay --seed {seed} {} --trace trace.txt", self.options())
    }

    /// The options that make the same worlds.
    fn options(&self) -> String {
        let mut options = match &self.scenario {
            Some(path) => format!("--scenario {}", path.display()),
            None => format!("--strike-for {}", humantime::format_duration(self.strike_for)),
        };
        if self.no_failpoints {
            options.push_str(" --no-failpoints");
        }
        if let Some(bug) = self.planted {
            options.push_str(&format!(" --planted {bug}"));
        }
        options
    }
}

/// Writes a file that was asked for, naming it on failure.
pub(super) fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("ARG-0913: {} cannot be written", path.display()))
}

fn parse_bug(name: &str) -> Result<Planted, String> {
    let names = || Planted::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    Planted::named(name).ok_or_else(|| format!("no such bug; there are {}", names()))
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
