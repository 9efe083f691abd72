//! The binary `argosy`: one module per command, and nothing but words between a person and the libraries.
//!
//! A command is a module with its options (`XArgs`) and a `run` that returns the exit status. Adding one is its `mod`, its
//! line in [`Command`] and its line in [`Command::run`]. Exit status: 0 done, 1 failed, 2 used wrongly or, for a check,
//! found wanting.

mod config;
mod output;
mod pki;
mod server;
mod stop;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A control plane for machine and GPU fleets that span regions, clouds and clusters.
#[derive(Debug, Parser)]
#[command(name = "argosy", version, propagate_version = true, max_term_width = 100)]
struct Argosy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Config(config::ConfigArgs),
    Pki(pki::PkiArgs),
    Server(server::ServerArgs),
    Version(version::VersionArgs),
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Config(args) => config::run(&args),
            Self::Pki(args) => pki::run(args),
            Self::Server(args) => server::run(&args),
            Self::Version(args) => version::run(&args),
        }
    }
}

fn main() -> ExitCode {
    match Argosy::parse().command.run() {
        Ok(status) => status,
        Err(error) if output::reader_has_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_well_formed() {
        use clap::CommandFactory as _;
        Argosy::command().debug_assert();
    }
}
