//! `argosy health`: policies tried on files of events, and what the one in force says.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use argosy_health::policy::{DEFAULT, lint};
use argosy_health::script::{self, Told};
use argosy_health::{Policy, Transition};
use clap::{Args, Subcommand};

use crate::{ask, output};

/// Health of machines: policies and verdicts.
#[derive(Args, Debug)]
pub(crate) struct HealthArgs {
    #[command(subcommand)]
    command: HealthCommand,
}

#[derive(Debug, Subcommand)]
enum HealthCommand {
    Test(TestArgs),
    Lint(LintArgs),
    /// Print the policy of a new installation.
    Policy,
    /// Show a shard's health policy in force and a summary of its verdicts.
    Show(ask::PolicyShow),
    /// Put a policy in force for a shard; it is checked here first.
    Apply(ask::PolicyApply),
    Mode(ask::HealthModeArgs),
    Clear(ask::HealthClearArgs),
}

/// Try a policy on a file of events; exit status 1 if an expectation in it is not met.
#[derive(Args, Debug)]
struct TestArgs {
    /// The policy; `default` is that of a new installation.
    policy: PathBuf,
    /// Events, readings and expectations, one JSON object a line.
    #[arg(long)]
    events: PathBuf,
    /// As JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Check a policy, and point at what is legal and most likely not meant; exit status 2 if there is any.
#[derive(Args, Debug)]
struct LintArgs {
    /// The policy; `default` is that of a new installation.
    policy: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: HealthArgs) -> Result<ExitCode> {
    match args.command {
        HealthCommand::Test(args) => test(&args),
        HealthCommand::Lint(args) => check(&args),
        HealthCommand::Policy => {
            output::line(DEFAULT.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        HealthCommand::Show(args) => ask::run_show(args),
        HealthCommand::Apply(args) => ask::run_apply(args),
        HealthCommand::Mode(args) => ask::run_mode(args),
        HealthCommand::Clear(args) => ask::run_clear(args),
    }
}

fn policy(path: &PathBuf) -> Result<Policy> {
    if path.as_os_str() == "default" {
        return Ok(Policy::standard());
    }
    Ok(Policy::parse(&path.display().to_string(), &read(path)?)?)
}

fn read(path: &PathBuf) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn test(args: &TestArgs) -> Result<ExitCode> {
    let run = script::run(&policy(&args.policy)?, &args.events.display().to_string(), &read(&args.events)?)?;
    for told in &run.told {
        output::line(if args.json { serde_json::to_string(told)? } else { in_words(told) })?;
    }
    if !args.json {
        let missed = run.told.iter().filter(|told| matches!(told, Told::Missed { .. })).count();
        output::line(format_args!("{} of {} expectations met", run.expected - missed, run.expected))?;
    }
    Ok(if run.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_words(told: &Told) -> String {
    match told {
        Told::Changed { machine, transition } => changed(machine, transition),
        Told::Missed { machine, line, expected, found } => {
            let expected = serde_json::to_string(expected).unwrap_or_default();
            format!("line {line}: {machine} should be {expected}, and is {}", found.line())
        }
    }
}

fn changed(machine: &str, transition: &Transition) -> String {
    let (seconds, ms) = (transition.at_ms / 1_000, transition.at_ms % 1_000);
    format!("{seconds:>6}.{ms:03}s {machine}: {} -> {}", transition.from, transition.to.line())
}

fn check(args: &LintArgs) -> Result<ExitCode> {
    let policy = policy(&args.policy)?;
    let found = lint(&policy);
    for finding in &found {
        let rule = if finding.rule.is_empty() { String::new() } else { format!("rule {}: ", finding.rule) };
        let pool = if finding.pool.is_empty() { String::new() } else { format!(" (pool {})", finding.pool) };
        output::line(format_args!("{rule}{}{pool}", finding.text))?;
    }
    let rules = policy.rules_of(None).rules.len();
    output::line(format_args!("{rules} rules, {} pools, {} remarks", policy.pools().count(), found.len()))?;
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
