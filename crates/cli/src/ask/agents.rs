//! `argosy agents`, `argosy agent-status`, `argosy agent-command`: node agents, and what they say of their machines.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use argosy_agent::commands::KINDS;
use argosy_agent::json::of_message;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind, AgentCommandState, AgentDetail, AgentRow, CommandAgentRequest, GetAgentRequest,
    GpuDriverState, ListAgentsRequest,
};
use clap::Args;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::target::Target;
use super::{block_on, said, table};
use crate::output;

/// List the node agents that the leaders have heard of
#[derive(Args, Debug)]
pub(crate) struct AgentsArgs {
    /// Only those of this shard.
    #[arg(long, default_value = "")]
    shard: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Show what a machine's agent says: inventory, newest numbers, recent events, commands
#[derive(Args, Debug)]
pub(crate) struct AgentStatusArgs {
    /// The machine.
    machine: String,
    /// Its shard; without it every shard is asked.
    #[arg(long, default_value = "")]
    shard: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Have a machine's agent run a command that its site has switched on
#[derive(Args, Debug)]
pub(crate) struct AgentCommandArgs {
    /// The machine.
    machine: String,
    /// What: cordon, uncordon, drain, reset-gpu, reboot, run-diagnostics or terminate.
    #[arg(value_parser = kind)]
    command: AgentCommandKind,
    /// For reset-gpu and run-diagnostics: the UUIDs of the devices; all of them without it.
    #[arg(long, value_delimiter = ',')]
    gpus: Vec<String>,
    /// Why. It is audited, and handed to the site's script.
    #[arg(long)]
    reason: String,
    /// It is ended after this.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    deadline: Duration,
    /// Do not wait for the result.
    #[arg(long)]
    no_wait: bool,
    /// Its id, to ask again about a command that was given before.
    #[arg(long)]
    id: Option<String>,
    /// Its shard; without it every shard is asked.
    #[arg(long, default_value = "")]
    shard: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

fn kind(text: &str) -> Result<AgentCommandKind, String> {
    let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let known = KINDS.iter().find(|(name, _)| *name == text);
    known.map(|(_, kind)| *kind).ok_or_else(|| format!("'{text}' is none of {}", names()))
}

fn client(target: &Target) -> Result<NodeAgentsClient<Channel>> {
    Ok(NodeAgentsClient::new(target.channel()?).max_decoding_message_size(256 << 20))
}

/// Runs `argosy agents`.
pub(crate) fn run_list(args: AgentsArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = args.target.request(ListAgentsRequest { shard: args.shard.clone() });
        let answer = client(&args.target)?.list_agents(ask).await.map_err(|status| said(&status))?.into_inner();
        for (shard, why) in &answer.unanswered {
            eprintln!("shard {shard} did not answer: {why}");
        }
        let header = ["machine", "shard", "connected", "silent_s", "gpus", "driver", "events", "dropped", "version"];
        table::print(&header, answer.agents.iter().map(row).collect(), args.json)
    })
}

fn row(agent: &AgentRow) -> Vec<Value> {
    vec![
        json!(agent.machine),
        json!(agent.shard),
        json!(agent.connected),
        json!(agent.silent_ms / 1_000),
        json!(agent.gpus),
        json!(driver(agent)),
        json!(agent.events),
        json!(agent.dropped_samples + agent.dropped_events),
        json!(agent.version),
    ]
}

fn driver(agent: &AgentRow) -> String {
    let driver = agent.driver.clone().unwrap_or_default();
    match driver.state() {
        GpuDriverState::Working => driver.version,
        GpuDriverState::Lost => format!("lost: {}", driver.error),
        GpuDriverState::Absent | GpuDriverState::Unspecified => String::new(),
    }
}

/// Runs `argosy agent-status`.
pub(crate) fn run_status(args: AgentStatusArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = GetAgentRequest { machine: args.machine.clone(), shard: args.shard.clone() };
        let ask = args.target.request(ask);
        let detail = client(&args.target)?.get_agent(ask).await.map_err(|status| said(&status))?.into_inner();
        if args.json {
            return output::json(&of_message(&detail));
        }
        show(&detail)
    })
}

fn show(detail: &AgentDetail) -> Result<()> {
    let agent = detail.agent.clone().unwrap_or_default();
    let inventory = detail.inventory.clone().unwrap_or_default();
    let facts = [
        ("machine", json!(agent.machine)),
        ("shard", json!(agent.shard)),
        ("agent", json!(agent.agent_id)),
        ("connected", json!(agent.connected)),
        ("silent_s", json!(agent.silent_ms / 1_000)),
        ("hostname", json!(inventory.hostname)),
        ("kernel", json!(inventory.kernel)),
        ("instance_id", json!(inventory.instance_id)),
        ("driver", json!(driver(&agent))),
        ("boot_id", json!(detail.boot_id)),
        ("commands_on", json!(detail.switched_on)),
        ("dropped_samples", json!(agent.dropped_samples)),
        ("dropped_events", json!(agent.dropped_events)),
        ("sample_age_s", json!(detail.sample_age_ms / 1_000)),
    ];
    table::print(&["fact", "value"], facts.into_iter().map(|(name, value)| vec![json!(name), value]).collect(), false)?;
    let samples = detail.sample.clone().unwrap_or_default().gpus;
    let gpus = inventory.gpus.iter().map(|gpu| {
        let sample = samples.iter().find(|sample| sample.uuid == gpu.uuid).cloned().unwrap_or_default();
        let volatile = sample.ecc_volatile.unwrap_or_default();
        vec![
            json!(gpu.index),
            json!(gpu.name),
            json!(gpu.uuid),
            json!(gpu.pci_bus_id),
            json!(sample.temperature_celsius),
            json!(sample.power_milliwatts.map(|milliwatts| milliwatts / 1_000)),
            json!(sample.utilization_percent),
            json!(volatile.uncorrected),
            json!(sample.throttle_reason_names),
        ]
    });
    let header = ["gpu", "name", "uuid", "pci", "celsius", "watts", "util", "ecc_dbe", "throttle"];
    table::print(&header, gpus.collect(), false)?;
    let events = detail.events.iter().map(|row| {
        let event = row.event.clone().unwrap_or_default();
        let kind = event.event_type().as_str_name().trim_start_matches("HEALTH_EVENT_TYPE_").to_lowercase();
        vec![json!(row.age_ms / 1_000), json!(kind), json!(event.gpu_index), json!(event.message)]
    });
    table::print(&["seconds_ago", "event", "gpu", "message"], events.collect(), false)?;
    let commands = detail.commands.iter().map(|update| {
        vec![json!(update.id), json!(name(update.kind())), json!(state(update.state())), json!(update.output)]
    });
    table::print(&["command", "kind", "state", "output"], commands.collect(), false)
}

fn name(kind: AgentCommandKind) -> &'static str {
    argosy_agent::commands::name(kind)
}

fn state(state: AgentCommandState) -> String {
    state.as_str_name().trim_start_matches("AGENT_COMMAND_STATE_").to_lowercase()
}

/// Runs `argosy agent-command`. Exit status 1 when the command did not succeed.
pub(crate) fn run_command(args: AgentCommandArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let wait = if args.no_wait { Duration::ZERO } else { args.deadline };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let command = AgentCommand {
            id: args.id.clone().unwrap_or_else(|| format!("{:016x}", rand::random::<u64>())),
            kind: args.command.into(),
            deadline_ms: millis(args.deadline),
            gpu_uuids: args.gpus.clone(),
            reason: args.reason.clone(),
        };
        let ask = CommandAgentRequest {
            machine: args.machine.clone(),
            shard: args.shard.clone(),
            command: Some(command),
            wait_ms: millis(wait),
        };
        let mut ask = args.target.request(ask);
        ask.set_timeout(wait + Duration::from_secs(10));
        let answer = client(&args.target)?.command_agent(ask).await.map_err(|status| said(&status))?.into_inner();
        let update = answer.update.unwrap_or_default();
        if args.json {
            output::json(&of_message(&update))?;
        } else {
            let cells =
                vec![json!(update.id), json!(state(update.state())), json!(update.exit_code), json!(update.output)];
            table::print(&["command", "state", "exit_code", "output"], vec![cells], false)?;
        }
        let good = args.no_wait || update.state() == AgentCommandState::Succeeded;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_names_of_the_configuration() {
        assert_eq!(kind("reset-gpu"), Ok(AgentCommandKind::ResetGpu));
        assert!(kind("explode").is_err_and(|error| error.contains("run-diagnostics")));
    }

    #[test]
    fn a_lost_driver_is_shown_as_lost() {
        let driver_lost = argosy_proto::argosy::v1::GpuDriver {
            state: GpuDriverState::Lost.into(),
            error: "not loaded".to_owned(),
            ..Default::default()
        };
        let agent = AgentRow { driver: Some(driver_lost), ..AgentRow::default() };
        assert_eq!(driver(&agent), "lost: not loaded");
    }
}
