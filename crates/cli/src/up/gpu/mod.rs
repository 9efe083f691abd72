//! `argosy up --gpu`: a pool of GPU machines with real agents, one of which has a GPU fall off the bus.
//!
//! It plays provider image and bad luck: it starts an agent on every host that there is, breaks one GPU, and looks. What follows,
//! verdict, drain and replacement, is the fleet's own doing.

mod ground;
mod story;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use argosy_engine::explain::MachineExplanation;
use argosy_localfleet::{Agents, LocalFleet, watch, within};
use argosy_proto::argosy::v1::{
    ExplainMachineRequest, GetRepairsRequest, ListAgentsRequest, ListMachinesRequest, MachineRow,
};
use serde::Serialize;
use tonic::Status;

pub(crate) use self::ground::catalogue;
use self::ground::{PATIENCE, POOL, SIZE, first, lay, token};
use self::story::{Act, Seen, Story};

/// The GPU that breaks.
const GPU: usize = 3;

/// The demonstration while it runs.
pub(crate) struct Demo {
    shard: String,
    agents: Agents,
    story: Story,
    explanation: String,
    /// The provider's effects up to this one were before the fault.
    effects_before: usize,
}

/// What it came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct GpuSummary {
    /// The machine whose GPU broke.
    pub(crate) machine: Option<String>,
    /// Moment, seconds since the fleet came up, and what there was to say.
    pub(crate) moments: Vec<(String, f64, String)>,
    /// What `argosy explain machine` said of it while it was in repair.
    pub(crate) explanation: String,
    /// What should have been otherwise.
    pub(crate) faults: Vec<String>,
}

impl Demo {
    /// Puts pool and policies in force.
    pub(crate) async fn begin(fleet: &LocalFleet, library: Option<PathBuf>, fault_after: Duration) -> Result<Self> {
        let (blueprint, layout) = (fleet.blueprint(), fleet.layout());
        let shard = blueprint.shards.first().map(|shard| shard.id.clone()).unwrap_or_default();
        lay(blueprint, fleet.clients(), &shard).await?;
        let mut agents = Agents::new(std::env::current_exe()?, library, layout, blueprint);
        if blueprint.nodes.iter().all(|node| node.door.is_some()) {
            agents = agents.joining_with(token(blueprint, fleet.clients()).await?);
        }
        if !agents.have_gpus() {
            eprintln!(
                "argosy up: no stand-in for NVIDIA's library (`make demo-gpu` builds one): the agents read XIDs from the kernel's log alone"
            );
        }
        let story = Story::new(POOL, SIZE, fault_after);
        Ok(Self { shard, agents, story, explanation: String::new(), effects_before: 0 })
    }

    /// Sees to the agents, takes one look, and does what the story asks for. A look that nobody answers is left out.
    pub(crate) async fn look(&mut self, fleet: &LocalFleet, now: Duration) -> Result<()> {
        self.agents.check()?;
        let Ok(seen) = self.see(fleet).await else { return Ok(()) };
        let hosts = seen.machines.iter().filter(|row| !row.host.is_empty());
        let hosts: BTreeMap<String, String> = hosts.map(|row| (row.id.clone(), row.host.clone())).collect();
        self.agents.follow(&self.shard, &hosts).await?;
        match self.story.look(now, &seen) {
            Some(Act::Break(machine)) => {
                self.effects_before = watch::effects(fleet.clients()).await?.len();
                self.agents.break_gpu(&machine, GPU)?;
            }
            Some(Act::Explain(machine)) => {
                self.explanation = self.explained(fleet, &machine).await.unwrap_or_else(|status| status.to_string());
            }
            None => {}
        }
        Ok(())
    }

    async fn see(&self, fleet: &LocalFleet) -> Result<Seen, Status> {
        let clients = fleet.clients();
        first(fleet.blueprint(), async |node| {
            let shard = self.shard.clone();
            let ask = ListMachinesRequest { shard: shard.clone(), page_size: 10_000, ..ListMachinesRequest::default() };
            let machines: Vec<MachineRow> =
                clients.fleet(node)?.list_machines(within(PATIENCE, ask)).await?.into_inner().machines;
            let ask = GetRepairsRequest { shard: shard.clone() };
            let repairs = clients.repair(node)?.get_repairs(within(PATIENCE, ask)).await?.into_inner().repairs;
            let agents = clients
                .agents(node)?
                .list_agents(within(PATIENCE, ListAgentsRequest { shard }))
                .await?
                .into_inner()
                .agents;
            let connected = agents.into_iter().filter(|agent| agent.connected).map(|agent| agent.machine).collect();
            Ok(Seen { machines, connected, repairs })
        })
        .await
    }

    async fn explained(&self, fleet: &LocalFleet, machine: &str) -> Result<String, Status> {
        let clients = fleet.clients();
        let answer = first(fleet.blueprint(), async |node| {
            let ask =
                ExplainMachineRequest { machine: machine.to_owned(), shard: self.shard.clone(), ..Default::default() };
            Ok(clients.fleet(node)?.explain_machine(within(PATIENCE, ask)).await?.into_inner().machine_json)
        });
        let told: Result<MachineExplanation, _> = serde_json::from_str(&answer.await?);
        Ok(told.map_or_else(|error| error.to_string(), |told| told.to_string()))
    }

    /// The story so far, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(moment, at, text): (story::Moment, Duration, &str)| {
            format!("{:>5.1}s  {:<9} {text}", at.as_secs_f64(), moment.name())
        };
        self.story.moments().map(line).collect()
    }

    /// The last look at the provider's ledger, and the end of the agents.
    pub(crate) async fn finish(self, fleet: &LocalFleet) -> Result<GpuSummary> {
        let effects = watch::effects(fleet.clients()).await?;
        let faults = self.story.faults(effects.get(self.effects_before..).unwrap_or_default());
        let moments = self.story.moments();
        let moments = moments.map(|(moment, at, text)| (moment.name().to_owned(), at.as_secs_f64(), text.to_owned()));
        let (machine, moments) = (self.story.victim().map(str::to_owned), moments.collect());
        self.agents.stop().await?;
        Ok(GpuSummary { machine, moments, explanation: self.explanation, faults })
    }
}
