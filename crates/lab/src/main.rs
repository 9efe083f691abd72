//! The binary `argosy-lab`: production traces, chaos and experiments. Never deployed.
//!
//! One module per command under `commands`; what they do lives in the library.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulated worlds allocate and free small pages by the million, as what is deployed does (docs/adr/0058-an-allocator-for-small-pages.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Experiments with production traces, simulated fleets and simulated worlds.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect many node agents to one real node, and measure what that costs it
    Agents(commands::agents::AgentsArgs),
    /// Run the real replicas in simulated worlds, under faults, and judge them
    Chaos(commands::chaos::ChaosArgs),
    /// Replay a production trace on a real three-node fleet, in lock-step
    Replay(Box<commands::replay::ReplayArgs>),
    /// Run simulated fleets on virtual time, and judge them
    Sim(commands::sim::SimArgs),
    /// Look at production traces, and make look-alikes
    Trace(commands::trace::TraceArgs),
}

fn main() -> ExitCode {
    let outcome = match Lab::parse().command {
        Command::Agents(args) => commands::agents::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Chaos(args) => commands::chaos::run(args).map(|()| ExitCode::SUCCESS),
        Command::Replay(args) => commands::replay::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Sim(args) => commands::sim::run(args),
        Command::Trace(args) => commands::trace::run(args).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
