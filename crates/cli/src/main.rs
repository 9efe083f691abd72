//! The binary `argosy`: one module per command, and nothing but words between a person and the libraries.
//!
//! A command is a module with its options (`XArgs`) and a `run` that returns the exit status. Adding one is its `mod`, its
//! line in [`Command`] and its line in [`Command::run`]. Exit status: 0 done, 1 failed, 2 used wrongly or, for a check,
//! found wanting.

mod agent;
mod ask;
mod config;
mod health;
mod import;
mod output;
mod pki;
mod provider;
mod server;
mod stop;
mod up;
mod version;
mod xid;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The fold allocates and frees small pages by the million (docs/adr/0058-an-allocator-for-small-pages.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A control plane for machine and GPU fleets that span regions, clouds and clusters.
#[derive(Debug, Parser)]
#[command(name = "argosy", version, propagate_version = true, max_term_width = 100)]
struct Argosy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(Box<up::UpArgs>),
    Server(server::ServerArgs),
    Agent(agent::AgentArgs),
    Config(config::ConfigArgs),
    Pki(pki::PkiArgs),
    Provider(provider::ProviderArgs),
    Agents(ask::AgentsArgs),
    AgentStatus(ask::AgentStatusArgs),
    #[command(name = "agent-command")]
    OrderAgent(ask::AgentCommandArgs),
    Shards(ask::ShardsArgs),
    Machines(ask::MachinesArgs),
    Needs(ask::NeedsArgs),
    Shortfalls(ask::ShortfallsArgs),
    Operations(ask::OperationsArgs),
    Explain(ask::ExplainArgs),
    Whatif(Box<ask::WhatIfArgs>),
    Rails(ask::RailsArgs),
    Cordon(ask::CordonArgs),
    Resume(ask::ResumeArgs),
    Member(ask::MemberArgs),
    Health(health::HealthArgs),
    Repair(ask::RepairArgs),
    Notify(ask::NotifyArgs),
    Token(ask::TokenArgs),
    Xid(xid::XidArgs),
    Pools(ask::PoolsArgs),
    Pool(ask::PoolArgs),
    Lane(ask::LaneArgs),
    Consolidation(ask::ConsolidationArgs),
    Import(import::ImportArgs),
    Version(version::VersionArgs),
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => tokio::runtime::Runtime::new()?.block_on(up::run(*args)),
            Self::Server(args) => server::run(&args),
            Self::Agent(args) => agent::run(&args),
            Self::Config(args) => config::run(&args),
            Self::Pki(args) => pki::run(args),
            Self::Provider(args) => provider::run(args),
            Self::Agents(args) => ask::agents(args),
            Self::AgentStatus(args) => ask::agent_status(args),
            Self::OrderAgent(args) => ask::agent_command(args),
            Self::Shards(args) => ask::shards(args),
            Self::Machines(args) => ask::machines(args),
            Self::Needs(args) => ask::needs(args),
            Self::Shortfalls(args) => ask::shortfalls(args),
            Self::Operations(args) => ask::operations(args),
            Self::Explain(args) => ask::explain(args),
            Self::Whatif(args) => ask::what_if(*args),
            Self::Rails(args) => ask::rails(args),
            Self::Cordon(args) => ask::cordon(args),
            Self::Resume(args) => ask::resume(args),
            Self::Member(args) => ask::member(args),
            Self::Health(args) => health::run(args),
            Self::Repair(args) => ask::repair(args),
            Self::Notify(args) => ask::notify(args),
            Self::Token(args) => ask::token(args),
            Self::Xid(args) => xid::run(&args),
            Self::Pools(args) => ask::pools(args),
            Self::Pool(args) => ask::pool(args),
            Self::Lane(args) => ask::lane(args),
            Self::Consolidation(args) => ask::consolidation(args),
            Self::Import(args) => import::run(&args),
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
