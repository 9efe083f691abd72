//! `argosy machines`: a shard's machines, or one machine in detail.

use std::process::ExitCode;

use anyhow::Result;
use argosy_proto::argosy::v1::{GetMachineRequest, ListMachinesRequest, MachineRow};
use argosy_proto::bigfleet::v1alpha1::{CapacityType, MachineState};
use clap::Args;
use serde_json::{Value, json};

use super::target::Target;
use super::{block_on, said, table};

/// List a shard's machines, or show one.
#[derive(Args, Debug)]
pub(crate) struct MachinesArgs {
    /// The shard; may be left out when one machine is asked for.
    #[arg(long)]
    shard: Option<String>,
    /// Show this machine only, in detail.
    machine: Option<String>,
    /// Only machines in these states, such as Configured,Idle.
    #[arg(long, value_delimiter = ',', value_parser = state)]
    states: Vec<MachineState>,
    /// Only machines of this cluster.
    #[arg(long, default_value = "")]
    cluster: String,
    /// At most this many.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

fn state(text: &str) -> Result<MachineState, String> {
    let name = format!("MACHINE_STATE_{}", text.to_uppercase());
    MachineState::from_str_name(&name).ok_or_else(|| format!("'{text}' is no state of a machine"))
}

/// Runs the command.
pub(crate) fn run(args: MachinesArgs) -> Result<ExitCode> {
    block_on(async move {
        match (&args.machine, &args.shard) {
            (Some(machine), shard) => show(&args, machine, shard.as_deref().unwrap_or_default()).await,
            (None, Some(shard)) => list(&args, shard).await,
            (None, None) => anyhow::bail!("ARG-0821: name a shard with --shard, or a machine"),
        }
    })
}

async fn list(args: &MachinesArgs, shard: &str) -> Result<()> {
    let mut fleet = args.target.fleet()?;
    let mut rows = Vec::new();
    let mut page_token = String::new();
    while rows.len() < args.limit {
        let ask = ListMachinesRequest {
            shard: shard.to_owned(),
            states: args.states.iter().map(|state| i32::from(*state)).collect(),
            cluster: args.cluster.clone(),
            page_size: u32::try_from(args.limit - rows.len()).unwrap_or(u32::MAX),
            page_token,
            ..ListMachinesRequest::default()
        };
        let answer = fleet.list_machines(args.target.request(ask)).await.map_err(|status| said(&status))?.into_inner();
        rows.extend(answer.machines.iter().map(row));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let header = [
        "machine",
        "state",
        "cluster",
        "instance_type",
        "zone",
        "capacity",
        "usd_per_hour",
        "health",
        "flags",
        "error",
    ];
    table::print(&header, rows, args.json)
}

fn row(machine: &MachineRow) -> Vec<Value> {
    vec![
        json!(machine.id),
        json!(state_name(machine.state)),
        json!(machine.cluster),
        json!(machine.instance_type),
        json!(machine.zone),
        json!(capacity_name(machine.capacity_type)),
        json!(machine.price_microusd_per_hour as f64 / 1e6),
        json!(machine.health),
        json!(flags(machine)),
        json!(machine.last_error),
    ]
}

async fn show(args: &MachinesArgs, machine: &str, shard: &str) -> Result<()> {
    let ask =
        GetMachineRequest { machine: machine.to_owned(), shard: shard.to_owned(), ..GetMachineRequest::default() };
    let answer = args.target.fleet()?.get_machine(args.target.request(ask)).await;
    let detail = answer.map_err(|status| said(&status))?.into_inner();
    let row = detail.machine.unwrap_or_default();
    let operation =
        detail.operation.map(|o| format!("{} {} at {} ({}), attempt {}", o.id, o.kind, o.step, o.state, o.attempt));
    let facts = [
        ("machine", json!(row.id)),
        ("shard", json!(detail.as_of.map(|as_of| as_of.shard))),
        ("state", json!(state_name(row.state))),
        ("since_ms", json!(row.since_ms)),
        ("cluster", json!(row.cluster)),
        ("group", json!(row.group)),
        ("acquired_for", json!(detail.profile_fingerprint)),
        ("draining_for", json!(row.heir_cluster)),
        ("operation", json!(operation)),
        ("provider", json!(row.provider)),
        ("host", json!(row.host)),
        ("instance_type", json!(row.instance_type)),
        ("zone", json!(row.zone)),
        ("capacity", json!(capacity_name(row.capacity_type))),
        ("usd_per_hour", json!(row.price_microusd_per_hour as f64 / 1e6)),
        ("resources", json!(row.resources)),
        ("labels", json!(row.labels)),
        ("health", json!(row.health_reason)),
        ("flags", json!(flags(&row))),
        ("error", json!(row.last_error)),
    ];
    let rows = facts.into_iter().map(|(name, value)| vec![json!(name), value]).collect();
    table::print(&["fact", "value"], rows, args.json)
}

fn flags(machine: &MachineRow) -> Vec<&'static str> {
    let all = [
        (machine.cordoned, "cordoned"),
        (machine.unhealthy, "unhealthy"),
        (machine.unfit, "unfit"),
        (machine.interruption_notice, "notice"),
        (machine.cooling, "cooling"),
        (machine.held_back, "held_back"),
    ];
    all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect()
}

fn state_name(number: i32) -> String {
    let name = MachineState::try_from(number).unwrap_or_default().as_str_name();
    title(name.trim_start_matches("MACHINE_STATE_"))
}

fn capacity_name(number: i32) -> String {
    let name = CapacityType::try_from(number).unwrap_or_default().as_str_name();
    name.trim_start_matches("CAPACITY_TYPE_").split('_').map(title).collect()
}

fn title(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{first}{}", rest.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_capacity_types_read_as_people_write_them() {
        assert_eq!(state_name(MachineState::Configured.into()), "Configured");
        assert_eq!(capacity_name(CapacityType::OnDemand.into()), "OnDemand");
        assert_eq!(state("idle"), Ok(MachineState::Idle));
        assert!(state("asleep").is_err());
    }
}
