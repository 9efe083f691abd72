//! What must come true once everything is healed: shards are led, replicas caught up, demand covered as the engine says, nothing left open.

use std::collections::BTreeMap;

use crate::sight::{ReplicaSight, Sight};

/// Why a healed world has not come to rest; nothing if it has.
pub(crate) fn unrest(sight: &Sight<'_>, administered: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if !administered {
        reasons.push("administrators are still at it".to_owned());
    }
    for shard in &sight.layout.shards {
        let replicas: BTreeMap<&str, &ReplicaSight> = sight
            .replicas()
            .filter(|(_, replica)| replica.shard == shard.id)
            .map(|(node, replica)| (node.id.as_str(), replica))
            .collect();
        if replicas.len() < sight.nodes.len() {
            reasons.push(format!("{}: {} of {} replicas run", shard.id, replicas.len(), sight.nodes.len()));
        }
        let mut leaders = replicas.values().filter(|replica| replica.reign.is_some());
        match (leaders.next(), leaders.next()) {
            (Some(leader), None) => {
                reasons.extend(behind(leader, &replicas));
                reasons.extend(work_left(leader).map(|left| format!("{}: {left}", shard.id)));
            }
            (None, _) => reasons.push(format!("{}: nobody leads", shard.id)),
            (Some(_), Some(_)) => reasons.push(format!("{}: two nodes lead", shard.id)),
        }
    }
    for agent in &sight.agents {
        let known = sight.replicas().any(|(_, replica)| replica.view.state.fleet().find(&agent.machine).is_some());
        if known && agent.acknowledged != Some(agent.happened) {
            reasons.push(format!("the agent of {} has more to say: {agent:?}", agent.machine));
        }
    }
    for (cluster, seen) in &sight.clusters {
        if seen.sent == 0 || seen.acknowledged < seen.sent && seen.greetings == 0 {
            reasons.push(format!("{cluster}: its roll-up is not acknowledged ({seen:?})"));
        }
    }
    reasons
}

fn behind(leader: &ReplicaSight, replicas: &BTreeMap<&str, &ReplicaSight>) -> Vec<String> {
    let last = leader.status.committed;
    let late = replicas.iter().filter(|(_, replica)| replica.status.applied < last);
    late.map(|(node, replica)| format!("{}: {node} has applied {} of {last}", leader.shard, replica.status.applied))
        .collect()
}

/// What the shard still has to do, by its own committed state and the engine's word on it.
fn work_left(leader: &ReplicaSight) -> Option<String> {
    let state = &leader.view.state;
    if let Some(first) = state.ledger().iter().next() {
        let machine = state.fleet().id(first.machine);
        return Some(format!("{} operations are open, the first on {machine}: {first:?}", state.ledger().len()));
    }
    let decision = argosy_engine::decide(&state.view(state.now()));
    let actions = decision.plan.actions().count();
    (actions > 0).then(|| format!("the engine would act {actions} times"))
}
