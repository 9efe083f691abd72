//! State turned into the rows of the read API. Pure: a state and perhaps the leader's last decision in, messages out.

use std::collections::BTreeMap;

use argosy_engine::Verdict;
use argosy_model::{Flags, MachineIx, Need, Operator, Profile, Resources, Vocabulary};
use argosy_proto::argosy::v1::{ClusterStatus, MachineRow, NeedRow, OperationRow, OwnedDomain, RailState};
use argosy_proto::bigfleet::v1alpha1::node_selector_requirement::Operator as WireOperator;
use argosy_proto::bigfleet::v1alpha1::topology_spread::WhenUnsatisfiable;
use argosy_proto::bigfleet::v1alpha1::{CapacityNeed, NodeSelectorRequirement, TopologySpread};
use argosy_shard::{Operation, ShardState};

/// Quantity strings by resource name.
pub(super) fn quantities(words: &Vocabulary, resources: &Resources) -> BTreeMap<String, String> {
    words.quantities(resources).into_iter().collect()
}

/// One machine.
pub(super) fn machine(state: &ShardState, ix: MachineIx) -> MachineRow {
    let fleet = state.fleet();
    let words = &fleet.words;
    let machine = fleet.machine(ix);
    let shape = words.shape_of(machine.shape);
    let text = |sym: Option<argosy_model::Sym>| sym.map(|sym| words.text(sym).to_owned()).unwrap_or_default();
    let cluster = |claim: Option<argosy_model::Claim>| {
        claim.map(|claim| words.cluster_id(claim.cluster).to_owned()).unwrap_or_default()
    };
    let health = state.health().get(ix).map(|kept| kept.verdict.clone()).unwrap_or_default();
    let group = machine.claim.and_then(|claim| claim.group).map(|group| words.group_id(group).to_owned());
    MachineRow {
        id: fleet.id(ix).to_owned(),
        state: machine.state.number(),
        cluster: cluster(machine.claim),
        instance_type: text(shape.instance_type),
        zone: text(shape.zone),
        capacity_type: shape.capacity_type as i32,
        price_microusd_per_hour: shape.price.0,
        provider: words.text(shape.provider).to_owned(),
        since_ms: machine.since.0,
        version: machine.version,
        cordoned: machine.flags.has(Flags::CORDONED),
        unhealthy: machine.flags.has(Flags::UNHEALTHY),
        interruption_notice: machine.flags.has(Flags::NOTICE),
        cooling: machine.flags.has(Flags::COOLING),
        held_back: machine.flags.has(Flags::HELD_BACK),
        last_error: fleet.error(ix).unwrap_or_default().to_owned(),
        labels: shape.labels.iter().map(|(k, v)| (words.text(*k).to_owned(), words.text(*v).to_owned())).collect(),
        resources: quantities(words, &shape.resources),
        host: fleet.host(ix).unwrap_or_default().to_owned(),
        heir_cluster: cluster(machine.heir),
        group: group.unwrap_or_default(),
        assigned_priority: machine.assigned_priority,
        health: health.health,
        health_class: health.class,
        health_reason: health.reason,
        unfit: health.unfit,
    }
}

/// One open operation.
pub(super) fn operation(state: &ShardState, operation: &Operation) -> OperationRow {
    let fleet = state.fleet();
    let cluster = fleet.get(operation.machine).and_then(argosy_model::Machine::cluster);
    OperationRow {
        id: operation.id.to_string(),
        machine: fleet.id(operation.machine).to_owned(),
        kind: operation.kind.name().to_owned(),
        step: operation.step.name().to_owned(),
        state: progress(operation).to_owned(),
        cluster: cluster.map(|cluster| fleet.words.cluster_id(cluster).to_owned()).unwrap_or_default(),
        attempt: operation.attempt.number,
        fence_epoch: operation.attempt.fence.epoch,
        fence_sequence: operation.attempt.fence.sequence,
        decided_at_ms: operation.decided_at.0,
        maybe_executed: operation.maybe_executed,
        last_error: barred(operation).to_owned(),
        reason: operation.reason.name().to_owned(),
    }
}

fn progress(operation: &Operation) -> &'static str {
    match operation.attempt.progress {
        argosy_shard::Progress::Open => "open",
        argosy_shard::Progress::Accepted { .. } => "accepted",
        argosy_shard::Progress::Barred { .. } => "barred",
    }
}

fn barred(operation: &Operation) -> &'static str {
    match operation.attempt.progress {
        argosy_shard::Progress::Barred { why, .. } => why.name(),
        _ => "",
    }
}

/// One row of demand with what the last cycle found about it.
pub(super) fn need(state: &ShardState, need: &Need, verdict: Option<&Verdict>) -> NeedRow {
    let words = &state.fleet().words;
    let profile = words.profile_of(need.key.profile);
    let mut row = NeedRow {
        cluster: words.cluster_id(need.key.cluster).to_owned(),
        need: Some(capacity_need(words, need, profile)),
        profile_fingerprint: words.fingerprint(profile),
        arrival_ms: need.arrival.0,
        covered: false,
        ..NeedRow::default()
    };
    if let Some(verdict) = verdict {
        row.covered = verdict.unmet.is_none();
        row.unmet_reason = verdict.unmet.map(|unmet| unmet.name().to_owned()).unwrap_or_default();
        row.residual = quantities(words, &verdict.residual);
        row.claimed = verdict.claimed;
        row.bootstraps = verdict.bootstraps;
        row.provisions = verdict.provisions;
        row.victims = verdict.victims;
        row.domain = verdict.domain.map(|domain| words.text(domain).to_owned()).unwrap_or_default();
        row.unmet_since_ms = verdict.unmet_since.map(|since| since.0);
    }
    row
}

/// A row of demand as the wire has it.
pub(super) fn capacity_need(words: &Vocabulary, need: &Need, profile: &Profile) -> CapacityNeed {
    let spread = profile.spread().map(|spread| TopologySpread {
        topology_key: words.text(spread.key).to_owned(),
        max_skew: i32::try_from(spread.max_skew).unwrap_or(i32::MAX),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule.into(),
    });
    CapacityNeed {
        requirements: requirements(words, profile),
        aggregate_resources: quantities(words, &need.aggregate),
        priority: profile.priority,
        spread: spread.into_iter().collect(),
        interruption_penalty_bucket: profile.interruption.number().into(),
        reclamation_penalty_bucket: profile.reclamation.number().into(),
        min_unit: quantities(words, &need.min_unit),
        group: need.key.group.map(|group| words.group_id(group).to_owned()).unwrap_or_default(),
    }
}

/// The conditions of a profile as the wire has them.
fn requirements(words: &Vocabulary, profile: &Profile) -> Vec<NodeSelectorRequirement> {
    let wire = |operator| match operator {
        Operator::In => WireOperator::In,
        Operator::NotIn => WireOperator::NotIn,
        Operator::Exists => WireOperator::Exists,
        Operator::DoesNotExist => WireOperator::DoesNotExist,
        Operator::Same => WireOperator::Same,
    };
    let one = |requirement: &argosy_model::Requirement| NodeSelectorRequirement {
        key: words.text(requirement.key).to_owned(),
        operator: wire(requirement.operator).into(),
        values: requirement.values.iter().map(|value| words.text(*value).to_owned()).collect(),
    };
    profile.requirements().iter().map(one).collect()
}

/// How many machines there are in each state; states without machines are left out.
pub(super) fn machines_by_state(state: &ShardState) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (class, members) in state.fleet().classes().iter() {
        *counts.entry(class.state.name().to_owned()).or_default() += members.len() as u64;
    }
    counts
}

/// The rails as they stand.
pub(super) fn rails(state: &ShardState) -> RailState {
    let policy = &state.settings().policy;
    RailState {
        kill_switch: policy.kill_switch,
        dry_run: policy.dry_run,
        empty_rollup_guard: policy.empty_rollup_guard,
        reclaim_cap_ppm: policy.reclaim_cap_ppm,
    }
}

/// The topology domains that the shard owns.
pub(super) fn domains(state: &ShardState) -> Vec<OwnedDomain> {
    let owned = |(key, value): &(String, String)| OwnedDomain { key: key.clone(), value: value.clone() };
    state.ownership().domains.iter().map(owned).collect()
}

/// Every cluster that has reported to the shard. `attached` says whose session is with the leader.
pub(super) fn clusters(state: &ShardState, attached: &dyn Fn(&str) -> bool) -> Vec<ClusterStatus> {
    let words = &state.fleet().words;
    let status = |(cluster, reporting): (argosy_model::ClusterIx, &argosy_model::demand::Reporting)| {
        let id = words.cluster_id(cluster);
        ClusterStatus {
            cluster: id.to_owned(),
            heard: reporting.heard,
            configured: state.fleet().count(argosy_model::State::Configured, Some(cluster)) as u64,
            needs: state.demand().of_cluster(cluster).count() as u64,
            quarantined: reporting.quarantined.into(),
            session: attached(id),
        }
    };
    state.demand().clusters().map(status).collect()
}

/// Actions committed since the shard began, by kind.
pub(super) fn actions(counters: &argosy_shard::Counters) -> BTreeMap<String, u64> {
    counters.opened().map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}
