//! The simulator without the rest of the laboratory, which takes long to build: `make sim` runs this.
//!
//! `fleet_sim` runs everything and compares goldens; `fleet_sim NAME` shows one run; `fleet_sim --record` writes the goldens;
//! `fleet_sim --replay FOLDER [MACHINES [COMPRESSION [STEP_S]]]` replays a trace.

#![allow(clippy::disallowed_methods, reason = "beside the simulation: it reads arguments and says how long a run took")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use argosy_sim::closed::random::{Draft, shrink};
use argosy_sim::replay::Replay;
use argosy_sim::suite;
use argosy_trace::family::{DEFAULT_VARIANT, Family};
use argosy_trace::tiles::{Tiles, Tiling};

fn main() -> ExitCode {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        None | Some("--light") => everything(&golden),
        Some("--quality") => {
            println!("{:#?}", argosy_sim::quality::tally(1, 300));
            ExitCode::SUCCESS
        }
        Some("--replay") => replay(&args[1..]),
        Some("--random") => random(args.get(1), args.get(2)),
        Some("--record") => {
            for run in suite::all().iter().filter(|run| run.has_golden()) {
                println!("{}", run.record(&golden).expect("the golden folder can be written").display());
            }
            ExitCode::SUCCESS
        }
        Some(name) => match suite::find(name) {
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
            Ok(run) => {
                let played = run.play();
                print!("{}", played.trace.text());
                played.report.assertions.iter().for_each(|check| eprintln!("  {check}"));
                eprint!("{}", played.report);
                if played.report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
        },
    }
}

/// `--replay FOLDER [MACHINES [COMPRESSION [STEP_S]]]`: the default variant of a trace, tiled if machines are given.
fn replay(args: &[String]) -> ExitCode {
    let began = Instant::now();
    let number = |at: usize| args.get(at).map(|text| text.parse::<u64>().expect("a number"));
    let family = Family::open(Path::new(args.first().expect("a folder"))).expect("a trace");
    let (trace, _) = family.read(DEFAULT_VARIANT, false).expect("a variant without bad rows");
    let tiling = Tiling { machines: number(1).filter(|machines| *machines > 0), jitter_ms: 3_600_000, seed: 1 };
    let tiles = Tiles::new(trace.compress_arrivals(number(2).unwrap_or(1)), tiling).expect("nodes and tasks");
    let replay = Replay { step_ms: number(3).unwrap_or(300) * 1_000, ..Replay::new(1) };
    let replayed = replay.run("replay", &tiles, |per_mille| eprint!("\r{per_mille:>4} of 1000"));
    eprintln!(" in {:.1} s", began.elapsed().as_secs_f64());
    print!("{replayed}");
    if replayed.report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `--random SEED COUNT`: random worlds; the first that fails is reduced and shown.
fn random(seed: Option<&String>, count: Option<&String>) -> ExitCode {
    let number = |text: Option<&String>, default| text.map_or(default, |text| text.parse().expect("a number"));
    let (seed, count) = (number(seed, 1), number(count, 1_000));
    for nth in 0..count {
        let draft = Draft::new(seed, nth);
        if let Err(wrong) = draft.run() {
            let alike = |other: &Draft| other.run().is_err_and(|found| found.is_like(&wrong));
            let least = shrink(draft, alike);
            println!("seed {seed}, world {nth}: {wrong}");
            println!("{}", serde_json::to_string(&least).expect("a draft is plain data"));
            println!("reduced: {}", least.run().expect_err("it fails"));
            return ExitCode::FAILURE;
        }
    }
    println!("{count} worlds of seed {seed}: sound, and at rest");
    ExitCode::SUCCESS
}

fn everything(golden: &Path) -> ExitCode {
    let (began, mut failed) = (Instant::now(), 0);
    let light = std::env::args().any(|arg| arg == "--light");
    for run in suite::all().into_iter().filter(|run| !(light && run.heavy)) {
        let began = Instant::now();
        let (report, parted) = if run.has_golden() {
            run.verify(golden).unwrap_or_else(|error| (run.play().report, Some(error.to_string())))
        } else {
            (run.play().report, None)
        };
        print!("{:>7.2} s  {} {report}", began.elapsed().as_secs_f64(), run.family.name());
        if let Some(parted) = &parted {
            println!("  {parted}");
        }
        failed += usize::from(!report.passed || parted.is_some());
    }
    println!("{failed} failed, {:.1} s", began.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
