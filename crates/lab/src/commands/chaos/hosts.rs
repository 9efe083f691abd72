//! `argosy-lab chaos hosts`: real processes on network namespaces, broken on purpose and judged.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use argosy_chaos::page;
use argosy_hosts::{Options, Play, PlayReport, Report, cage};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::put;
use crate::commands::fleet::Program;

/// Arguments of `argosy-lab chaos hosts`.
#[derive(Debug, Args)]
pub(crate) struct HostsArgs {
    /// A play; may be given again. All of them when left out
    #[arg(long, value_name = "NAME", value_parser = parse_play)]
    play: Vec<Play>,
    /// How often a leader is struck in plays that measure
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Decides the workload, and which frames are lost
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the fleets' files and logs here; else they go to a folder that is removed if every promise was held
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What the nodes log, as `log.filter` of their configuration
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page to this file that shows what happened; it opens from disk and needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
    /// The program is in its cage already
    #[arg(long, hide = true)]
    inside: bool,
}

/// Runs the command: first from outside, which starts it again inside, then there.
pub(crate) fn run(args: &HostsArgs) -> anyhow::Result<()> {
    let program = args.program.path()?;
    if !args.inside {
        bail!(cage::enter("--inside"));
    }
    cage::furnish()?;
    let scratch = Scratch::new(args.dir.clone())?;
    let plays = if args.play.is_empty() { Play::ALL.to_vec() } else { args.play.clone() };
    let options = Options {
        program,
        dir: scratch.dir.clone(),
        plays,
        rounds: args.rounds,
        seed: args.seed,
        log: args.log.clone(),
    };
    let runtime = tokio::runtime::Runtime::new().context("the runtime")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = argosy_hosts::run(&options, |play| println!("{}", line(play))) => Ok(report?),
            () = asked_to_end() => bail!("stopped by a signal; what was played so far is not judged"),
        }
    })?;
    if let Some(path) = &args.json {
        put(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = &args.html {
        put(path, &page::render(&report.page()))?;
    }
    judge(&report, scratch)
}

fn judge(report: &Report, mut scratch: Scratch) -> anyhow::Result<()> {
    for (play, why) in &report.skipped {
        println!("{play:<16} not played: {why}");
    }
    for play in &report.plays {
        play.violations.iter().for_each(|violation| println!("{}: {violation}", play.play));
    }
    if report.broken() > 0 {
        scratch.keep = true;
        bail!("ARG-0963: {} promises broken; the logs are in {}", report.broken(), scratch.dir.display());
    }
    Ok(())
}

/// One play in a line.
fn line(play: &PlayReport) -> String {
    let verdict =
        if play.violations.is_empty() { "held".to_owned() } else { format!("{} broken", play.violations.len()) };
    let mut line = format!("{:<16} {verdict:<9} {:>4.0} s", play.play, play.wall_s);
    if play.rounds > 0 {
        let of = |spread: argosy_chaos::report::Spread| format!("{:.2}/{:.2}", spread.p50, spread.p99);
        line += &format!(
            ", {} strikes; p50/p99 until a leader {} s, a write {} s, a plan {} s",
            play.rounds,
            of(play.leader_s),
            of(play.commit_s),
            of(play.plan_s)
        );
    }
    let longest = play.unavailable_s.max;
    line + &format!(
        "; {} outages, longest {longest:.2} s; {} answers, {} effects",
        play.outages, play.answered, play.effects
    )
}

/// Completes on Ctrl-C or SIGTERM.
async fn asked_to_end() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Where the fleets' files go.
struct Scratch {
    dir: PathBuf,
    keep: bool,
}

impl Scratch {
    fn new(dir: Option<PathBuf>) -> anyhow::Result<Self> {
        let keep = dir.is_some();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let dir = dir.unwrap_or_else(|| std::env::temp_dir().join(format!("argosy-hosts-{}", since.as_millis())));
        std::fs::create_dir_all(&dir).with_context(|| format!("ARG-0913: {} cannot be written", dir.display()))?;
        Ok(Self { dir: dir.canonicalize()?, keep })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is in the system's folder for such things, which is emptied by others.
            let _left = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn parse_play(name: &str) -> Result<Play, String> {
    let names = Play::ALL.map(Play::name).join(", ");
    Play::named(name).ok_or_else(|| format!("there are: {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_play_that_is_not_known_is_refused_with_those_that_are() {
        assert_eq!(parse_play("kill"), Ok(Play::Kill));
        assert!(parse_play("tea").is_err_and(|error| error.contains("region-cut")));
    }
}
