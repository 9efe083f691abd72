//! Writes into the trace how things stand, whenever they stand otherwise than at the last look. Most looks find most things as they were, so what
//! is compared is not yet text.

use std::collections::BTreeMap;
use std::fmt;

use argosy_shard::Digest;

use crate::sight::{AgentSight, ClusterSight, NodeSight, ReplicaSight, Sight};
use crate::trace::Trace;

/// How everything stood at the last look.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    nodes: BTreeMap<String, NodeStand>,
    /// By node and group.
    replicas: BTreeMap<(u64, u64), ReplicaStand>,
    agents: Vec<AgentSight>,
    clusters: BTreeMap<String, ClusterSight>,
}

#[derive(Debug, PartialEq, Eq)]
struct NodeStand {
    life: u32,
    up: bool,
    refused: Option<String>,
}

impl NodeStand {
    fn of(node: &NodeSight) -> Self {
        Self { life: node.life, up: !node.replicas.is_empty(), refused: node.refused.clone() }
    }
}

impl fmt::Display for NodeStand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "life={} up={}", self.life, self.up)?;
        self.refused.iter().try_for_each(|reason| write!(f, " refused={reason}"))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct ReplicaStand {
    term: u64,
    leader: u64,
    ready: bool,
    reign: Option<u64>,
    log: u64,
    committed: u64,
    applied: u64,
    snapshot: u64,
    purged: u64,
    decisions: Digest,
    now: u64,
}

impl ReplicaStand {
    fn of(replica: &ReplicaSight) -> Self {
        let (status, led, state) = (&replica.status, &replica.status.leadership, &replica.view.state);
        Self {
            term: led.term,
            leader: led.leader.map_or(0, |leader| leader.0),
            ready: led.ready,
            reign: replica.reign,
            log: status.last_log,
            committed: status.committed,
            applied: status.applied,
            snapshot: status.snapshot,
            purged: status.purged,
            decisions: state.decision_hash(),
            now: state.now().0,
        }
    }
}

impl fmt::Display for ReplicaStand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, leader, ready, reign, log, committed, applied, snapshot, purged, decisions, now } = self;
        write!(
            f,
            "term={term} leader={leader} ready={ready} reign={reign:?} log={log} committed={committed} applied={applied} \
             snapshot={snapshot} purged={purged} decisions={decisions} now={now}"
        )
    }
}

impl Chronicle {
    /// Writes down what has changed.
    pub(super) fn look(&mut self, trace: &mut Trace, sight: &Sight<'_>) {
        for node in &sight.nodes {
            let stand = NodeStand::of(node);
            if self.nodes.get(&node.id) != Some(&stand) {
                trace.note(sight.at, format_args!("{} {stand}", node.id));
                self.nodes.insert(node.id.clone(), stand);
            }
            for replica in &node.replicas {
                let (place, stand) = ((node.number, replica.group), ReplicaStand::of(replica));
                if self.replicas.get(&place) != Some(&stand) {
                    trace.note(sight.at, format_args!("{}/{} {stand}", node.id, replica.shard));
                    self.replicas.insert(place, stand);
                }
            }
        }
        effects(trace, sight);
        self.outside(trace, sight);
    }

    /// Agents and operators.
    fn outside(&mut self, trace: &mut Trace, sight: &Sight<'_>) {
        if self.agents != sight.agents {
            for (at, agent) in sight.agents.iter().enumerate() {
                if self.agents.get(at) != Some(agent) {
                    let (machine, happened, acknowledged) = (&agent.machine, agent.happened, agent.acknowledged);
                    trace.note(
                        sight.at,
                        format_args!("agent of {machine} happened={happened} acknowledged={acknowledged:?}"),
                    );
                }
            }
            self.agents.clone_from(&sight.agents);
        }
        for (cluster, seen) in &sight.clusters {
            if self.clusters.get(cluster) != Some(seen) {
                trace.note(sight.at, format_args!("{cluster} {seen:?}"));
                self.clusters.insert(cluster.clone(), *seen);
            }
        }
    }
}

fn effects(trace: &mut Trace, sight: &Sight<'_>) {
    for effect in &sight.effects {
        let (seq, at_ms, kind) = (effect.seq, effect.at_ms, effect.kind);
        let (machine, operation, attempt) = (&effect.machine_id, &effect.operation, effect.attempt);
        trace.note(
            sight.at,
            format_args!(
                "effect {seq} at={at_ms} kind={kind} {machine} operation={operation} attempt={attempt} fence={}.{} cluster={}",
                effect.shard_epoch, effect.sequence_number, effect.cluster
            ),
        );
    }
}
