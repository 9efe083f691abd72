//! The campaign: so many cases, on so many threads, until the first difference.
//!
//! `engine_proof --cases N [--seed S] [--threads T]`. It ends with 0 if all cases agree and cover what they should, else with 1;
//! a case that fails is printed and stored, reduced, in `crates/proof/regressions/`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use argosy_engine::Engine;
use argosy_proof::case::Case;
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::Diet;
use argosy_proof::run::{Failure, Words};
use argosy_proof::shrink::shrink;

/// Cases that a thread takes at a time.
const BATCH: u64 = 64;

/// How often a campaign says how far it is, in cases.
const PROGRESS: u64 = 10_000;

struct Campaign {
    cases: u64,
    seed: u64,
    threads: usize,
}

type Found = Option<(u64, Box<(Case, Failure)>)>;

fn main() -> ExitCode {
    let campaign = match arguments() {
        Ok(campaign) => campaign,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let (coverage, found) = run(&campaign);
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    println!("seed {}, threads {}, {seconds:.1} s", campaign.seed, campaign.threads);
    let (cases, changes) = (coverage.cases as f64 / seconds, coverage.changes as f64 / seconds);
    println!("{cases:.0} cases/s, {changes:.0} changes compared/s");
    print!("{coverage}");
    if let Some((nth, failed)) = found {
        report(campaign.seed, nth, *failed);
        return ExitCode::from(1);
    }
    let gaps = coverage.gaps();
    gaps.iter().for_each(|gap| println!("gap: {gap}"));
    if gaps.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn arguments() -> Result<Campaign, String> {
    let mut campaign = Campaign { cases: 10_000, seed: 1, threads: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number: u64 = value.parse().map_err(|_| format!("{word} needs a whole number, not {value}"))?;
        match word.as_str() {
            "--cases" => campaign.cases = number,
            "--seed" => campaign.seed = number,
            "--threads" => campaign.threads = usize::try_from(number).unwrap_or(1).max(1),
            _ => return Err(format!("no option {word}: engine_proof --cases N [--seed S] [--threads T]")),
        }
    }
    Ok(campaign)
}

fn run(campaign: &Campaign) -> (Coverage, Found) {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let mut coverage = Coverage::default();
    let mut first: Found = None;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..campaign.threads).map(|_| scope.spawn(|| work(campaign, &next, &stop))).collect();
        for worker in workers {
            let (seen, found) = worker.join().expect("a worker does not panic without a case to show");
            coverage.add(seen);
            if first.as_ref().is_none_or(|(first, _)| found.as_ref().is_some_and(|(nth, _)| nth < first)) {
                first = found.or(first.take());
            }
        }
    });
    (coverage, first)
}

fn work(campaign: &Campaign, next: &AtomicU64, stop: &AtomicBool) -> (Coverage, Found) {
    let words = Words::default();
    let mut coverage = Coverage::default();
    while !stop.load(Ordering::Relaxed) {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from / PROGRESS != from.saturating_sub(BATCH) / PROGRESS {
            println!("{} cases agree so far", from / PROGRESS * PROGRESS);
        }
        if from >= campaign.cases {
            break;
        }
        for nth in from..(from + BATCH).min(campaign.cases) {
            if let Err(failed) = words.run((campaign.seed, nth), Diet::Full, &mut Engine::new(), &mut coverage) {
                stop.store(true, Ordering::Relaxed);
                return (coverage, Some((nth, failed)));
            }
        }
    }
    (coverage, None)
}

fn report(seed: u64, nth: u64, (case, failure): (Case, Failure)) {
    println!("case {nth} of seed {seed} fails: {failure}");
    let (case, failure) = shrink(&Words::default(), case, Engine::new);
    let text = serde_json::to_string_pretty(&case).expect("a case is plain data");
    println!("reduced to {} machines, {} needs, {} steps:", case.machines.len(), case.needs.len(), case.steps.len());
    println!("{text}\n{failure}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("regressions/seed_{seed}_case_{nth}.json"));
    match std::fs::write(&path, text + "\n") {
        Ok(()) => println!("stored as regressions/seed_{seed}_case_{nth}.json"),
        Err(error) => println!("it could not be stored: {error}"),
    }
}
