//! Scenario files without the rest of the laboratory, which takes long to build: `rehearse FILE [SEED [--trace | --out DIR]]`,
//! `rehearse --schema`.

#![allow(clippy::disallowed_methods, reason = "beside the simulation: it reads arguments and files")]

use std::process::ExitCode;
use std::time::Instant;

use argosy_sim::rehearsal;
use argosy_sim::scenario::{self, shipped};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(what) = args.first() else {
        eprintln!("rehearse FILE [SEED] | rehearse --schema");
        return ExitCode::from(2);
    };
    if what == "--schema" {
        print!("{}", scenario::schema());
        return ExitCode::SUCCESS;
    }
    let text = std::fs::read_to_string(what).ok().or_else(|| shipped::find(what).map(|one| one.text.to_owned()));
    let text = text.unwrap_or_default();
    match scenario::load(what, &text) {
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Ok(loaded) => {
            let seed = args.get(1).and_then(|seed| seed.parse().ok()).unwrap_or(loaded.scenario.seed());
            let began = Instant::now();
            let record = rehearsal::run(&loaded, seed);
            let mut summary = serde_json::to_value(record.summary()).expect("plain data");
            summary["wall_s"] = began.elapsed().as_secs_f64().into();
            println!("{summary:#}");
            if args.get(2).is_some_and(|word| word == "--trace") {
                print!("{}", record.trace());
            }
            if let Some(folder) = args.get(3).filter(|_| args[2] == "--out") {
                argosy_sim::report::write(&record, Some(&text), std::path::Path::new(folder)).expect("a run directory");
                println!("{folder}/report.html");
            }
            if record.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
