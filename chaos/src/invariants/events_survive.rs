//! ARCHITECTURE.md §4: XID and ECC events are in the log, so that a failover forgets none. What an agent was told to be safe is in what the
//! leader keeps of its machine, every event once and in its order.

use argosy_health::Record;

use super::Invariant;
use crate::sight::{AgentSight, ReplicaSight, Sight};
use crate::world::agents::EVENT;

/// Events that agents were told to be safe, at the last look.
#[derive(Debug, Default)]
pub(super) struct EventsSurvive(Vec<AgentSight>);

impl Invariant for EventsSurvive {
    fn name(&self) -> &'static str {
        "events of machines survive"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §4"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let told = std::mem::replace(&mut self.0, sight.agents.clone());
        let broken = told.iter().filter_map(|agent| {
            // Of two that believe to lead, the one of the higher term does.
            let reigning =
                sight.replicas().filter(|(_, replica)| replica.shard == agent.shard && replica.reign.is_some());
            let (node, leader) = reigning.max_by_key(|(_, replica)| replica.reign)?;
            let numbers = match kept(leader, &agent.machine)? {
                Ok(numbers) => numbers,
                Err(why) => return Some(format!("{}: {} keeps of {} {why}", agent.shard, node.id, agent.machine)),
            };
            let whole = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
            let (last, safe) = (numbers.last().copied().unwrap_or(0), agent.acknowledged.unwrap_or(0));
            (!whole || last < safe).then(|| {
                format!("{}: {} keeps {numbers:?} of {}, of which {safe} are safe", agent.shard, node.id, agent.machine)
            })
        });
        broken.collect()
    }
}

/// The numbers of the latest events that a replica keeps of a machine, or why they cannot be read. What was given back to its provider took
/// its record with it. What is noted of other things than events, as a boot, has no number.
fn kept(replica: &ReplicaSight, machine: &str) -> Option<Result<Vec<u64>, String>> {
    let state = &replica.view.state;
    let kept = state.health().get(state.fleet().find(machine)?)?;
    let record = match Record::decode(&kept.record) {
        Ok(record) => record,
        Err(error) => return Some(Err(format!("a record that nobody can read: {error}"))),
    };
    let number = |text: &str| text.split_once(EVENT)?.1.parse().ok();
    Some(Ok(record.notes.iter().filter_map(|note| number(&note.text)).collect()))
}
