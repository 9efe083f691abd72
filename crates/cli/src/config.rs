//! `argosy config`: check a configuration as the server would read it, and print the reference of its keys.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use argosy_server::config::{self, Config, ProblemRecord, Report, Security};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::output;

/// Check and explain configurations of `argosy server`
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report everything that is wrong with a configuration, with file, line and column
    ///
    /// Exit status 0 when the server would start with it, 2 when it would not. Warnings do not stop a server.
    Check {
        /// The configuration.
        file: PathBuf,
        /// For a machine to read.
        #[arg(long)]
        json: bool,
    },
    /// Print every key with what it does, what it takes and its default
    Reference,
}

/// Runs one of them.
pub(crate) fn run(args: &ConfigArgs) -> Result<ExitCode> {
    match &args.command {
        ConfigCommand::Reference => {
            output::line(config::reference().trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Check { file, json } => {
            let (summary, report) = match config::load(file) {
                Ok(loaded) => (Some(Summary::of(&loaded.config)), loaded.report),
                Err(report) => (None, report),
            };
            if *json {
                say_json(summary.as_ref(), &report)?
            } else {
                say(summary.as_ref(), &report)?
            }
            Ok(if summary.is_some() { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
    }
}

/// What a good configuration amounts to.
#[derive(Debug, Serialize)]
struct Summary {
    fleet: String,
    node: String,
    listen: String,
    security: &'static str,
    nodes: usize,
    regions: usize,
    shards: usize,
    clusters: usize,
    providers: usize,
}

impl Summary {
    fn of(config: &Config) -> Self {
        let mut regions: Vec<_> = config.peers.iter().map(|peer| &peer.region).chain([&config.node.region]).collect();
        regions.sort();
        regions.dedup();
        Self {
            fleet: config.fleet.to_string(),
            node: config.node.id.to_string(),
            listen: config.node.listen.to_string(),
            security: match config.security {
                Security::Plaintext => "plaintext on loopback",
                Security::Tls(_) => "mutual TLS",
            },
            nodes: config.peers.len() + 1,
            regions: regions.len(),
            shards: config.placement.shards.len(),
            clusters: config.placement.shards.iter().map(|shard| shard.clusters.len()).sum(),
            providers: config.providers.len(),
        }
    }
}

fn say(summary: Option<&Summary>, report: &Report) -> Result<()> {
    if !report.problems().is_empty() {
        output::line(report)?;
    }
    let Some(s) = summary else { return Ok(()) };
    output::line(format_args!(
        "ok: node {} of fleet {} listens on {} with {}; nodes {} in regions {}, shards {}, clusters {}, providers {}",
        s.node, s.fleet, s.listen, s.security, s.nodes, s.regions, s.shards, s.clusters, s.providers
    ))
}

fn say_json(summary: Option<&Summary>, report: &Report) -> Result<()> {
    #[derive(Serialize)]
    struct Said<'a> {
        ok: bool,
        errors: usize,
        warnings: usize,
        problems: Vec<ProblemRecord>,
        summary: Option<&'a Summary>,
    }
    output::json(&Said {
        ok: summary.is_some(),
        errors: report.errors(),
        warnings: report.warnings(),
        problems: report.records(),
        summary,
    })
}
