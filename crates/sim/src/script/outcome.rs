//! What can be asked of a run when it is over.

use std::collections::BTreeSet;

use argosy_model::{State, vocabulary};

use crate::fleet::FleetSim;
use crate::leader::{Cycled, Leader};

/// A run that is over.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    fleet: &'a FleetSim,
    cycles: &'a [Cycled],
}

impl<'a> Outcome<'a> {
    /// Of a fleet and the cycles that it ran.
    pub fn new(fleet: &'a FleetSim, cycles: &'a [Cycled]) -> Self {
        Self { fleet, cycles }
    }

    /// The fleet.
    pub fn fleet(&self) -> &'a FleetSim {
        self.fleet
    }

    /// The first shard.
    pub fn leader(&self) -> &'a Leader {
        &self.fleet.leaders()[0]
    }

    /// Machines in a state, of all shards.
    pub fn in_state(&self, state: State) -> usize {
        self.fleet.leaders().iter().map(|leader| leader.count(state, None)).sum()
    }

    /// A cluster's configured machines, by id.
    pub fn configured(&self, cluster: &str) -> Vec<&'a str> {
        let Some(leader) = self.fleet.leader_of(cluster) else { return Vec::new() };
        let mut ids: Vec<&str> =
            leader.configured(cluster).into_iter().map(|ix| leader.state().fleet().id(ix)).collect();
        ids.sort_unstable();
        ids
    }

    /// Which actions a cycle took, by number from 1: `4 Bootstrap`, `2 Preempt + 1 Bootstrap`, `nothing`.
    pub fn cycle(&self, number: usize) -> String {
        let Some(cycled) = self.cycles.get(number - 1) else { return "no such cycle".to_owned() };
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for acted in &cycled.acted {
            match counts.iter_mut().find(|(kind, _)| *kind == acted.kind) {
                Some((_, count)) => *count += 1,
                None => counts.push((acted.kind, 1)),
            }
        }
        if counts.is_empty() {
            return "nothing".to_owned();
        }
        let parts: Vec<String> = counts.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        parts.join(" + ")
    }

    /// How many actions of a kind the whole run took.
    pub fn total(&self, kind: &str) -> usize {
        self.cycles.iter().flat_map(|cycled| &cycled.acted).filter(|acted| acted.kind == kind).count()
    }

    /// What the last cycle left uncovered: reason and missing amounts, need by need; `none` if nothing is missing.
    pub fn shortfalls(&self) -> String {
        let Some(last) = self.cycles.last() else { return "no cycle".to_owned() };
        let words = &self.fleet.leaders()[last.shard].state().fleet().words;
        let tell = |short: &argosy_engine::Shortfall| {
            let lacks: Vec<String> =
                words.quantities(&short.residual).into_iter().map(|(dim, n)| format!("{dim}={n}")).collect();
            format!("{} {}", short.unmet.map_or("covered", |unmet| unmet.name()), lacks.join(","))
        };
        let told: Vec<String> = last.decision.shortfalls().map(tell).collect();
        if told.is_empty() { "none".to_owned() } else { told.join("; ") }
    }

    /// The values of a label that a cluster's configured machines have.
    pub fn domains(&self, cluster: &str, key: &str) -> BTreeSet<&'a str> {
        let values = self.values(cluster, key);
        values.into_iter().collect()
    }

    /// How many of a cluster's configured machines have each value of a label, by value.
    pub fn spread(&self, cluster: &str, key: &str) -> Vec<usize> {
        let values = self.values(cluster, key);
        let distinct: BTreeSet<&str> = values.iter().copied().collect();
        distinct.into_iter().map(|value| values.iter().filter(|other| **other == value).count()).collect()
    }

    fn values(&self, cluster: &str, key: &str) -> Vec<&'a str> {
        let Some(leader) = self.fleet.leader_of(cluster) else { return Vec::new() };
        let (fleet, words) = (leader.state().fleet(), &leader.state().fleet().words);
        let Some(symbol) = words.find_symbol(key) else { return Vec::new() };
        let attribute = |ix| words.attribute(words.shape_of(fleet.machine(ix).shape), symbol);
        let values = leader.configured(cluster).into_iter().filter_map(attribute);
        values.map(|value| words.text(value)).collect()
    }

    /// What a cluster's configured machines cost an hour, in micro-dollars.
    pub fn price(&self, cluster: &str) -> u64 {
        let Some(leader) = self.fleet.leader_of(cluster) else { return 0 };
        let fleet = leader.state().fleet();
        let price = |ix| fleet.words.shape_of(fleet.machine(ix).shape).price.0;
        leader.configured(cluster).into_iter().map(price).sum()
    }

    /// Where a machine is; `gone` if it is not in the inventory.
    pub fn state_of(&self, machine: &str) -> String {
        let found = self.fleet.leaders().iter().find_map(|leader| {
            let ix = leader.state().fleet().find(machine)?;
            Some(leader.state().fleet().machine(ix).state.name())
        });
        found.unwrap_or("gone").to_owned()
    }

    /// What a failed machine says, if it says anything.
    pub fn error_of(&self, machine: &str) -> Option<&'a str> {
        let fleet = self.leader().state().fleet();
        fleet.find(machine).and_then(|ix| fleet.error(ix))
    }

    /// The zone label's key, for [`Outcome::domains`] and [`Outcome::spread`].
    pub const ZONE: &'static str = vocabulary::ZONE_KEY;
    /// The rack label's key.
    pub const RACK: &'static str = vocabulary::RACK_KEY;
}
