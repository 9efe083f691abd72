//! `argosy-lab chaos proof`: plants one bug after the other, and shows which seed finds which.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use argosy_chaos::proof::{Proof, prove as look_for};
use argosy_failpoint::Planted;
use clap::Args;
use serde_json::json;

use super::{children, parse_bug, parse_seeds};

/// Arguments of `argosy-lab chaos proof`.
#[derive(Debug, Args)]
pub(super) struct ProofArgs {
    /// Seeds to try for each bug, from A up to and without B
    #[arg(long, value_name = "A..B", default_value = "1..101", value_parser = parse_seeds)]
    seeds: RangeInclusive<u64>,
    /// How long faults strike in each, in the world's time
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    strike_for: Duration,
    /// Only these bugs
    #[arg(long, value_name = "BUG", value_parser = parse_bug)]
    only: Vec<Planted>,
    /// Bugs that may stay unfound
    #[arg(long, value_name = "N", default_value_t = 0)]
    may_miss: usize,
    /// Bugs at a time
    #[arg(long, value_name = "J", default_value_t = 1)]
    jobs: usize,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn prove(args: &ProofArgs) -> anyhow::Result<()> {
    let bugs = if args.only.is_empty() { Planted::ALL } else { &args.only };
    let children = children()?;
    let (next, proofs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|workers| {
        for _ in 0..args.jobs.max(1) {
            workers.spawn(|| {
                let mut stage = children.clone();
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let proof = look_for(*bug, args.seeds.clone(), args.strike_for, &mut stage);
                    println!("{}", told(&proof));
                    proofs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(proof);
                }
            });
        }
    });
    let proofs = proofs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let missed = proofs.iter().filter(|proof| proof.found.is_none()).count();
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&proofs.iter().map(written).collect::<Vec<_>>())?;
        std::fs::write(path, text).with_context(|| format!("ARG-0913: {} cannot be written", path.display()))?;
    }
    println!("{} of {} planted bugs were found", proofs.len() - missed, proofs.len());
    if missed > args.may_miss {
        bail!("ARG-0951: {missed} planted bugs were not found, and {} may be", args.may_miss);
    }
    Ok(())
}

fn told(proof: &Proof) -> String {
    let (bug, seeds) = (proof.planted, proof.seeds);
    match &proof.found {
        Some((seed, violation)) => {
            let (at, invariant, detail) = (violation.at.as_secs_f64(), &violation.invariant, &violation.detail);
            let detail: String = detail.chars().take(300).collect();
            let of = proof.scenario.map_or_else(String::new, |scenario| format!(" of {scenario}"));
            format!("{bug}: seed {seed}{of} after {at:.1} s, the {seeds}th that was tried: {invariant}: {detail}")
        }
        None => format!("{bug}: not found by {seeds} seeds"),
    }
}

fn written(proof: &Proof) -> serde_json::Value {
    let found = proof.found.as_ref().map(|(seed, violation)| {
        json!({ "seed": seed, "at_s": violation.at.as_secs_f64(), "invariant": violation.invariant, "detail": violation.detail })
    });
    let (bug, does) = (proof.planted.name(), proof.planted.does());
    json!({ "bug": bug, "does": does, "seeds": proof.seeds, "scenario": proof.scenario, "found": found })
}
