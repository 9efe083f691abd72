//! The checks of [`Invariants`] on a running fleet: asks the fleet and its provider for the evidence.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::{Effect, EffectsRequest, ListMachinesRequest, MachineRow};
use argosy_proto::bigfleet::v1alpha1::MachineState;
use argosy_provider::sim::ledger::LedgerReport;

use crate::fleet::LocalFleet;
use crate::invariants::Invariants;
use crate::picture::Picture;

/// Looks between two comparisons of the shards' bound machines or of the replicas' states, which are much to read.
const WHOLE_EVERY: u64 = 10;
/// Machines asked for at a time.
const PAGE: u32 = 10_000;

/// Checks a fleet look by look.
#[derive(Debug, Default)]
pub struct Watch {
    invariants: Invariants,
    looks: u64,
}

impl Watch {
    /// What has been found so far.
    pub fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    /// Whether the next look should hold the hashes of the replicas' states.
    pub fn wants_hashes(&self) -> bool {
        self.looks.is_multiple_of(WHOLE_EVERY)
    }

    /// Checks one look, and now and then what every shard holds.
    pub async fn look(&mut self, picture: &Picture, fleet: &LocalFleet) {
        self.invariants.look(picture);
        if self.looks.is_multiple_of(WHOLE_EVERY) {
            self.bound(fleet).await;
        }
        self.looks += 1;
    }

    /// Compares what the shards hold. Shards that cannot be asked now are left aside; the next look asks again.
    pub async fn bound(&mut self, fleet: &LocalFleet) {
        let mut machines = BTreeMap::new();
        for shard in &fleet.blueprint().shards {
            if let Ok(rows) = bound_machines(fleet, &shard.id).await {
                machines.insert(shard.id.clone(), rows);
            }
        }
        self.invariants.bound(&machines);
    }

    /// Checks the provider's whole ledger; `None` if it cannot be read.
    pub async fn ledger(&mut self, fleet: &LocalFleet) -> Option<LedgerReport> {
        let effects = effects(fleet).await.ok()?;
        Some(self.invariants.ledger(effects))
    }
}

/// The provider's whole ledger.
pub async fn effects(fleet: &LocalFleet) -> Result<Vec<Effect>, tonic::Status> {
    let request = EffectsRequest { after_seq: 0, follow: false };
    let mut stream = fleet.clients().provider().effects(request).await?.into_inner();
    let mut effects = Vec::new();
    while let Some(answer) = stream.message().await? {
        effects.extend(answer.effects);
    }
    Ok(effects)
}

/// The machines that a shard holds for a cluster now, from its leader.
pub async fn bound_machines(fleet: &LocalFleet, shard: &str) -> Result<Vec<MachineRow>, tonic::Status> {
    let mut last = tonic::Status::unavailable("no node answers");
    for node in &fleet.blueprint().nodes {
        match machines_through(fleet, &node.id, shard).await {
            Ok(rows) => return Ok(rows),
            Err(status) => last = status,
        }
    }
    Err(last)
}

async fn machines_through(fleet: &LocalFleet, node: &str, shard: &str) -> Result<Vec<MachineRow>, tonic::Status> {
    let states = [MachineState::Configuring, MachineState::Configured, MachineState::Draining].map(i32::from).to_vec();
    let mut client = fleet.clients().fleet(node)?;
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMachinesRequest {
            shard: shard.to_owned(),
            states: states.clone(),
            page_size: PAGE,
            page_token,
            ..ListMachinesRequest::default()
        };
        let answer = client.list_machines(request).await?.into_inner();
        rows.extend(answer.machines);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(rows);
        }
    }
}
