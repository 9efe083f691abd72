//! The checks of [`Invariants`] on a running fleet: asks the fleet and its provider for the evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_proto::argosy::v1::{Effect, EffectsRequest, ListMachinesRequest, MachineRow};
use argosy_proto::bigfleet::v1alpha1::MachineState;
use argosy_provider::sim::ledger::LedgerReport;

use crate::blueprint::Blueprint;
use crate::clients::{Clients, within};
use crate::fleet::LocalFleet;
use crate::invariants::Invariants;
use crate::picture::Picture;

/// Looks between two comparisons of the shards' bound machines or of the replicas' states, which are much to read.
const WHOLE_EVERY: u64 = 10;
/// Machines asked for at a time.
const PAGE: u32 = 10_000;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks a fleet look by look.
#[derive(Debug)]
pub struct Watch {
    blueprint: Blueprint,
    clients: Clients,
    invariants: Invariants,
    looks: u64,
}

impl Watch {
    /// Watches a fleet that nothing has been seen of yet.
    pub fn new(fleet: &LocalFleet) -> Self {
        let (blueprint, clients) = (fleet.blueprint().clone(), fleet.clients().clone());
        Self { blueprint, clients, invariants: Invariants::default(), looks: 0 }
    }

    /// What has been found so far.
    pub fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    /// Whether the next look should hold the hashes of the replicas' states.
    pub fn wants_hashes(&self) -> bool {
        self.looks.is_multiple_of(WHOLE_EVERY)
    }

    /// Checks one look, and now and then what every shard holds.
    pub async fn look(&mut self, picture: &Picture) {
        self.invariants.look(picture);
        if self.looks.is_multiple_of(WHOLE_EVERY) {
            self.bound().await;
        }
        self.looks += 1;
    }

    /// Compares what the shards hold. Shards that cannot be asked now are left aside; the next look asks again.
    pub async fn bound(&mut self) {
        let mut machines = BTreeMap::new();
        for shard in &self.blueprint.shards {
            if let Ok(rows) = bound_machines(&self.blueprint, &self.clients, &shard.id).await {
                machines.insert(shard.id.clone(), rows);
            }
        }
        self.invariants.bound(&machines);
    }

    /// Checks the provider's whole ledger; `None` if it cannot be read.
    pub async fn ledger(&mut self) -> Option<LedgerReport> {
        let effects = effects(&self.clients).await.ok()?;
        Some(self.invariants.ledger(effects))
    }
}

/// The provider's whole ledger.
pub async fn effects(clients: &Clients) -> Result<Vec<Effect>, tonic::Status> {
    let request = EffectsRequest { after_seq: 0, follow: false };
    let mut stream = clients.provider().effects(request).await?.into_inner();
    let mut effects = Vec::new();
    while let Some(answer) = stream.message().await? {
        effects.extend(answer.effects);
    }
    Ok(effects)
}

/// The machines that a shard holds for a cluster now, from its leader.
pub async fn bound_machines(
    blueprint: &Blueprint,
    clients: &Clients,
    shard: &str,
) -> Result<Vec<MachineRow>, tonic::Status> {
    let mut last = tonic::Status::unavailable("no node answers");
    for node in &blueprint.nodes {
        match machines_through(clients, &node.id, shard).await {
            Ok(rows) => return Ok(rows),
            Err(status) => last = status,
        }
    }
    Err(last)
}

async fn machines_through(clients: &Clients, node: &str, shard: &str) -> Result<Vec<MachineRow>, tonic::Status> {
    let states = [MachineState::Configuring, MachineState::Configured, MachineState::Draining].map(i32::from).to_vec();
    let mut client = clients.fleet(node)?;
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let ask = ListMachinesRequest {
            shard: shard.to_owned(),
            states: states.clone(),
            page_size: PAGE,
            page_token,
            ..ListMachinesRequest::default()
        };
        let answer = client.list_machines(within(PATIENCE, ask)).await?.into_inner();
        rows.extend(answer.machines);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(rows);
        }
    }
}
