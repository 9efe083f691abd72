//! ARCHITECTURE.md §4: XID and ECC events are in the log, so that a failover forgets none. What an agent was told to be safe is in what the
//! leader keeps of its machine, every event once and in its order.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_health::Record;

use super::Invariant;
use crate::sight::{AgentSight, ReplicaSight, Sight};
use crate::world::agents::EVENT;

/// What leaders keep, held against what agents were told.
#[derive(Debug, Default)]
pub(super) struct EventsSurvive {
    /// Events that agents were told to be safe, at the last look.
    told: Vec<AgentSight>,
    /// The newest term of each shard that was led. One that stands still, or is cut off, believes to lead long after that: it need not have
    /// what a later leader took.
    newest: BTreeMap<String, u64>,
    /// The last record of each machine that was read, with the numbers in it: most looks find it as it was.
    read: BTreeMap<Arc<str>, (Vec<u8>, Vec<u64>)>,
}

impl Invariant for EventsSurvive {
    fn name(&self) -> &'static str {
        "events of machines survive"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §4"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        for (_, replica) in sight.replicas() {
            let leadership = replica.status.leadership;
            let led = leadership.leader.map(|_| leadership.term).max(replica.reign);
            let newest = self.newest.entry(replica.shard.clone()).or_default();
            *newest = led.map_or(*newest, |led| led.max(*newest));
        }
        let told = std::mem::replace(&mut self.told, sight.agents.clone());
        let broken = told.iter().filter_map(|agent| {
            let newest = *self.newest.get(&*agent.shard)?;
            let (node, leader) = sight
                .replicas()
                .find(|(_, replica)| *replica.shard == *agent.shard && replica.reign == Some(newest))?;
            let numbers = match self.numbers(&agent.machine, kept(leader, &agent.machine)?) {
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

impl EventsSurvive {
    /// The numbers of the events in a machine's record, or why they cannot be read. What is noted of other things than events, as a boot,
    /// has no number.
    fn numbers(&mut self, machine: &Arc<str>, record: &[u8]) -> Result<&[u64], String> {
        if self.read.get(machine).is_none_or(|read| read.0 != record) {
            let decoded = Record::decode(record).map_err(|error| format!("a record that nobody can read: {error}"))?;
            let number = |text: &str| text.split_once(EVENT)?.1.parse().ok();
            let numbers = decoded.notes.iter().filter_map(|note| number(&note.text));
            self.read.insert(Arc::clone(machine), (record.to_vec(), numbers.collect()));
        }
        Ok(self.read.get(machine).map_or(&[], |read| &read.1))
    }
}

/// What a replica keeps of a machine. What was given back to its provider took its record with it.
fn kept<'a>(replica: &'a ReplicaSight, machine: &str) -> Option<&'a [u8]> {
    let state = &replica.view.state;
    state.health().get(state.fleet().find(machine)?).map(|kept| kept.record.as_slice())
}
