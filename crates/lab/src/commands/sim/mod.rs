//! `argosy-lab sim`: simulated fleets on virtual time. Exit status: 0 passed, 1 something failed, 2 the question was wrong.

mod diff;
mod rehearse;
mod replay;
mod report;
mod scenario;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use argosy_sim::SimError;
use argosy_sim::check::Report;
use argosy_sim::scenario::{ScenarioError, shipped};
use argosy_sim::suite::{self, Run};
use argosy_trace::problems::TraceError;
use argosy_workload::catalogue::{Catalogue, CatalogueError};
use argosy_workload::fleet::{FleetPlan, FleetSpec, RegionSpec, Unhostable};
use clap::{Args, Subcommand};

/// Arguments of `argosy-lab sim`.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Debug, Subcommand)]
enum SimCommand {
    /// List all runs
    List,
    /// Run a scenario file, a scenario that ships, or any other run by its name
    Run(RunArgs),
    /// Run all of them
    RunAll {
        /// Write the reports as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Replay a production trace, as it is or tiled to a million machines
    Replay(Box<replay::ReplayArgs>),
    /// Compare two runs by their figures
    Diff(diff::DiffArgs),
    /// Make the report of a run directory anew from its record
    Report(report::ReportArgs),
    /// Check a scenario file, with line and column, and say what its cascades come to
    Validate {
        /// The file, or the name of a scenario that ships
        scenario: String,
    },
    /// Write a scenario file to begin with, with comments
    New {
        /// The file; printed if none is named
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Say whether a fleet could host the workload of a catalogue, with the arithmetic where it could not
    Preflight {
        /// A catalogue that ships
        #[arg(long, default_value = "realistic")]
        catalogue: String,
        /// Machines of the fleet
        #[arg(long, default_value_t = 5_000)]
        machines: u64,
        /// Regions of three zones and two clusters each
        #[arg(long, default_value_t = 1)]
        regions: u64,
    },
    /// Write the golden trace of one run
    Record {
        /// Its name
        name: String,
        #[command(flatten)]
        golden: Golden,
    },
    /// Compare one run, or all, with their golden traces
    Verify {
        /// Its name; all that have a golden trace if none is given
        name: Option<String>,
        #[command(flatten)]
        golden: Golden,
    },
}

/// What is run, and how.
#[derive(Debug, Args)]
struct RunArgs {
    /// A file, or a name out of `sim list`
    what: String,
    /// Take this seed instead of the file's (scenarios)
    #[arg(long)]
    seed: Option<u64>,
    /// Write the outcome as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Seconds of virtual time in a second, to watch; as fast as it goes if not given (scenarios)
    #[arg(long, value_name = "X")]
    speed: Option<f64>,
    /// Write record and reports into this folder (scenarios)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print neither trace nor progress
    #[arg(long)]
    quiet: bool,
}

/// Where golden traces lie.
#[derive(Debug, Args)]
struct Golden {
    /// The folder of the golden traces
    #[arg(long, value_name = "DIR", default_value = "crates/sim/golden")]
    golden: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: SimArgs) -> anyhow::Result<ExitCode> {
    match dispatch(args.command) {
        Ok(passed) => Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Err(error) if is_wrong_question(&error) => {
            eprintln!("{error:#}");
            Ok(ExitCode::from(2))
        }
        Err(error) => Err(error),
    }
}

/// Whether what was asked is wrong, and not what came of it.
fn is_wrong_question(error: &anyhow::Error) -> bool {
    let of_files = error.is::<ScenarioError>() || error.is::<TraceError>() || error.is::<CatalogueError>();
    of_files || error.is::<SimError>() || error.is::<Unhostable>()
}

fn dispatch(command: SimCommand) -> anyhow::Result<bool> {
    match command {
        SimCommand::List => {
            for run in suite::all() {
                println!("{:<12} {:<40} {}", run.family.name(), run.name, run.about);
            }
            for one in shipped::ALL {
                println!("{:<12} {:<40} {}", "scenario", one.name, one.about());
            }
            Ok(true)
        }
        SimCommand::Run(args) => run_one(args),
        SimCommand::RunAll { json } => everything(json),
        SimCommand::Replay(args) => replay::run(&args),
        SimCommand::Diff(args) => diff::run(&args),
        SimCommand::Report(args) => report::run(&args),
        SimCommand::Validate { scenario } => scenario::validate(&scenario),
        SimCommand::New { file } => scenario::new(file),
        SimCommand::Schema => Ok(scenario::schema()),
        SimCommand::Preflight { catalogue, machines, regions } => preflight(&catalogue, machines, regions),
        SimCommand::Record { name, golden } => {
            println!("{}", suite::find(&name)?.record(&golden.golden)?.display());
            Ok(true)
        }
        SimCommand::Verify { name, golden } => verify(name, &golden),
    }
}

/// Runs what a name stands for: a run of the suite, else a scenario.
fn run_one(args: RunArgs) -> anyhow::Result<bool> {
    match suite::find(&args.what) {
        Ok(run) => one(&run, args.json, args.quiet),
        Err(_) => rehearse::run(&args),
    }
}

fn one(run: &Run, json: Option<PathBuf>, quiet: bool) -> anyhow::Result<bool> {
    let began = Instant::now();
    let played = run.play();
    if !quiet {
        std::io::stdout().write_all(played.trace.text().as_bytes())?;
    }
    for check in &played.report.assertions {
        eprintln!("  {check}");
    }
    eprint!("{}", played.report);
    write(json, &timed(&played.report, began))?;
    Ok(played.report.passed)
}

fn preflight(catalogue: &str, machines: u64, regions: u64) -> anyhow::Result<bool> {
    let catalogue = Catalogue::shipped(catalogue)?;
    let region = |number: u64| RegionSpec {
        name: format!("region-{number}"),
        provider: "sim".to_owned(),
        zones: ["a", "b", "c"].map(|zone| format!("region-{number}{zone}")).to_vec(),
        clusters: (0..2).map(|cluster| format!("cluster-{number}-{cluster}")).collect(),
    };
    let spec = FleetSpec::new(machines, (0..regions).map(region).collect(), 1);
    let plan = FleetPlan::new(&catalogue, &spec);
    plan.preflight(&catalogue, &spec)?;
    println!("{} machines can host what {} asks for", plan.slots(), catalogue.name);
    Ok(true)
}

fn everything(json: Option<PathBuf>) -> anyhow::Result<bool> {
    let (mut passed, mut reports) = (true, Vec::new());
    for run in suite::all() {
        let began = Instant::now();
        let report = run.play().report;
        print!("{:>7.2} s  {report}", began.elapsed().as_secs_f64());
        passed &= report.passed;
        reports.push(timed(&report, began));
    }
    write(json, &serde_json::Value::Array(reports))?;
    Ok(passed)
}

fn verify(name: Option<String>, golden: &Golden) -> anyhow::Result<bool> {
    let runs = match name {
        Some(name) => vec![suite::find(&name)?],
        None => suite::all().into_iter().filter(Run::has_golden).collect(),
    };
    let mut passed = true;
    for run in runs {
        let (report, parted) = run.verify(&golden.golden)?;
        print!("{report}");
        if let Some(parted) = &parted {
            print!("{parted}");
        }
        passed &= report.passed && parted.is_none();
    }
    Ok(passed)
}

/// The report with the one thing in it that virtual time does not know.
fn timed(report: &Report, began: Instant) -> serde_json::Value {
    let mut value = serde_json::to_value(report).expect("a report is plain data");
    value["wall_s"] = began.elapsed().as_secs_f64().into();
    value
}

fn write(path: Option<PathBuf>, value: &serde_json::Value) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(&path, serde_json::to_vec_pretty(value)?).with_context(|| format!("write {}", path.display()))
}
