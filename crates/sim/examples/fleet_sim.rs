//! The simulator without the rest of the laboratory, which takes long to build: `make sim` runs this.
//!
//! `fleet_sim` runs everything and compares goldens; `fleet_sim NAME` shows one run; `fleet_sim --record` writes the goldens.

#![allow(clippy::disallowed_methods, reason = "beside the simulation: it reads arguments and says how long a run took")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use argosy_sim::closed::random::{Draft, shrink};
use argosy_sim::suite;

fn main() -> ExitCode {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        None | Some("--light") => everything(&golden),
        Some("--quality") => {
            println!("{:#?}", argosy_sim::quality::tally(1, 300));
            ExitCode::SUCCESS
        }
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
