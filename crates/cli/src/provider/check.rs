//! `argosy provider check`: the contract as checks against a running provider.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use argosy_provider::conformance::{self, Settings};
use clap::Args;
use tonic::transport::Channel;

use crate::output;

/// Check a running provider against the contract
#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    /// Where it listens, in plaintext: check it before it goes behind TLS
    #[arg(default_value = "http://127.0.0.1:7770")]
    address: String,
    /// A slot that may be bought and given back; three of them
    #[arg(long = "slot", value_name = "MACHINE", required = true)]
    slots: Vec<String>,
    /// The longest that one transition may take
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// One JSON object for each rule
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &CheckCommand) -> Result<ExitCode> {
    let slots = <[String; 3]>::try_from(command.slots.clone())
        .map_err(|given| anyhow!("name three slots with --slot, not {}", given.len()))?;
    // A provider remembers the fences of earlier runs.
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs();
    let settings = Settings { slots, epoch: i64::try_from(epoch)?, patience: command.patience };
    let findings = tokio::runtime::Runtime::new()?.block_on(async {
        let endpoint = Channel::from_shared(command.address.clone()).context("the address")?;
        let channel = endpoint.connect().await.with_context(|| format!("no provider at {}", command.address))?;
        anyhow::Ok(conformance::run(channel, &settings).await)
    })?;
    for finding in &findings {
        let line = match &finding.broken {
            _ if command.json => serde_json::to_string(finding)?,
            None => format!("kept    {}", finding.rule),
            Some(how) => format!("BROKEN  {}\n        {how}", finding.rule),
        };
        output::line(line)?;
    }
    let broken = findings.iter().any(|finding| finding.broken.is_some());
    Ok(if broken { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
