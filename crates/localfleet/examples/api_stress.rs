//! `make stress`: the course of [`argosy_localfleet::stress`] over the release binary. `api_stress PROGRAM DIR [SECONDS]` says where it and
//! its data lie, and how long the pressure lasts. Exit status 1 if anything is wrong.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use argosy_localfleet::stress::{self, Plan};
use argosy_localfleet::{FleetError, LocalFleet};

async fn course(program: PathBuf, dir: &Path, plan: &Plan) -> Result<stress::Report, FleetError> {
    let mut fleet = LocalFleet::start(stress::ground(program, dir, plan)?).await?;
    let mut report = stress::run(&mut fleet, plan).await?;
    let killed = fleet.stop().await?;
    report.faults.extend(killed.into_iter().map(|name| format!("{name} had to be killed in the end")));
    Ok(report)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, dir, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: api_stress PROGRAM DIR [SECONDS]");
        return ExitCode::from(2);
    };
    let mut plan = Plan::full();
    if let Some(seconds) = rest.first().and_then(|seconds| seconds.parse().ok()) {
        plan.pressure = Duration::from_secs(seconds);
    }
    match course(PathBuf::from(program), Path::new(dir), &plan).await {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
