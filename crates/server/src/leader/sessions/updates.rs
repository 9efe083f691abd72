//! What an operator is told of a machine.
//!
//! Who is told is decided where the change was folded: a machine that has just left a cluster no longer names it.

use std::collections::BTreeMap;

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, ZONE_KEY};
use argosy_model::{Fleet, MachineIx, Shape, State};
use argosy_proto::bigfleet::v1alpha1::{NodeStateUpdate, Resources};

/// The update for the cluster that has the machine, or is getting it; `None` if that is not `cluster`.
pub(super) fn current(fleet: &Fleet, machine: MachineIx, cluster: &str) -> Option<NodeStateUpdate> {
    let record = fleet.get(machine)?;
    let holder = fleet.words.cluster_id(record.cluster()?);
    let state = record.state;
    (holder == cluster).then(|| described(fleet, machine, state, cluster))
}

/// The update for the cluster that a machine has left by going from one state to another.
pub(super) fn left(
    fleet: &Fleet,
    machine: MachineIx,
    from: Option<State>,
    to: State,
    cluster: &str,
) -> NodeStateUpdate {
    // A slot is no news of a node to come: the node that the cluster has or waits for is lost.
    let lost = to == State::Speculative && from != Some(State::Deleting);
    let mut update = described(fleet, machine, if lost { State::Failed } else { to }, cluster);
    if lost {
        update.last_error = "the host is gone, or was never created".to_owned();
    }
    update
}

/// The update for the cluster of a machine of which only the id is left: its host and its slot are gone.
pub(super) fn gone(id: &str, cluster: &str) -> NodeStateUpdate {
    NodeStateUpdate {
        last_error: "the provider no longer has this machine".to_owned(),
        ..bare(id, State::Failed, cluster)
    }
}

fn bare(id: &str, state: State, cluster: &str) -> NodeStateUpdate {
    NodeStateUpdate {
        supersedes_key: format!("node:{id}"),
        machine_id: id.to_owned(),
        cluster_id: cluster.to_owned(),
        state: state.number(),
        // The Node object is called as the machine is: the shard's providers know hosts by no other name.
        node_name: id.to_owned(),
        ..NodeStateUpdate::default()
    }
}

fn described(fleet: &Fleet, machine: MachineIx, state: State, cluster: &str) -> NodeStateUpdate {
    let shape = fleet.words.shape_of(fleet.machine(machine).shape);
    NodeStateUpdate {
        provider_id: provider_id(fleet, machine, shape),
        last_error: fleet.error(machine).unwrap_or_default().to_owned(),
        labels: labels(fleet, shape),
        resources: Some(Resources { resources: fleet.words.quantities(&shape.resources).into_iter().collect() }),
        ..bare(fleet.id(machine), state, cluster)
    }
}

/// As a Node's `spec.providerID`; a reference that has a scheme already is taken as it is.
fn provider_id(fleet: &Fleet, machine: MachineIx, shape: &Shape) -> String {
    match fleet.host(machine) {
        None => String::new(),
        Some(host) if host.contains("://") => host.to_owned(),
        Some(host) => format!("{}://{host}", fleet.words.text(shape.provider)),
    }
}

fn labels(fleet: &Fleet, shape: &Shape) -> BTreeMap<String, String> {
    let text = |sym| fleet.words.text(sym).to_owned();
    let mut labels: BTreeMap<_, _> = shape.labels.iter().map(|(key, value)| (text(*key), text(*value))).collect();
    let typed = [(INSTANCE_TYPE_KEY, shape.instance_type), (ZONE_KEY, shape.zone)];
    labels.extend(typed.into_iter().filter_map(|(key, value)| Some((key.to_owned(), text(value?)))));
    labels
}
