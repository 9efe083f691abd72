//! What has to happen when a GPU falls off the bus, and when it did: plain data, looked at once a second.
//!
//! Nothing here believes what it was told to expect: the machines are those that the shard's leader lists, the number of purchases
//! that of the provider's ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_proto::argosy::v1::effect::Kind;
use argosy_proto::argosy::v1::{Effect, MachineRow, RepairRow};
use argosy_proto::bigfleet::v1alpha1::MachineState;

/// A moment of the story, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// The pool has its machines, and every agent is heard.
    Whole,
    /// A GPU falls off the bus.
    Broken,
    /// The leader has a verdict.
    Detected,
    /// The repair passed grace, breakers and budgets.
    Admitted,
    /// Another machine joins the pool, or serves it already: that is when a drain may begin.
    Covered,
    /// The machine serves nobody.
    Drained,
    /// Its provider has it back.
    Returned,
    /// The pool is as it was, with another machine.
    Restored,
}

impl Moment {
    const ALL: [Self; 8] = [
        Self::Whole,
        Self::Broken,
        Self::Detected,
        Self::Admitted,
        Self::Covered,
        Self::Drained,
        Self::Returned,
        Self::Restored,
    ];

    /// Its word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Broken => "broken",
            Self::Detected => "detected",
            Self::Admitted => "admitted",
            Self::Covered => "covered",
            Self::Drained => "drained",
            Self::Returned => "returned",
            Self::Restored => "restored",
        }
    }
}

/// One look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) machines: Vec<MachineRow>,
    /// Machines whose agent's stream is open.
    pub(super) connected: BTreeSet<String>,
    pub(super) repairs: Vec<RepairRow>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Break a GPU of this machine.
    Break(String),
    /// Ask why this machine is as it is.
    Explain(String),
}

/// The story so far.
#[derive(Debug)]
pub(super) struct Story {
    holder: String,
    size: usize,
    fault_after: Duration,
    moments: BTreeMap<Moment, (Duration, String)>,
    /// The machines that served when the fault came.
    before: BTreeSet<String>,
    victim: Option<String>,
    explained: bool,
    /// The last look at a pool that was not whole.
    wanting: String,
}

impl Story {
    /// Of a pool of `size`; the fault comes so long after it is whole.
    pub(super) fn new(pool: &str, size: usize, fault_after: Duration) -> Self {
        let (moments, before) = (BTreeMap::new(), BTreeSet::new());
        let (holder, wanting) = (format!("pool/{pool}"), String::new());
        Self { holder, size, fault_after, moments, before, victim: None, explained: false, wanting }
    }

    /// When something happened, and what there is to say about it.
    pub(super) fn moments(&self) -> impl Iterator<Item = (Moment, Duration, &str)> {
        self.moments.iter().map(|(moment, (at, text))| (*moment, *at, text.as_str()))
    }

    /// The machine that broke.
    pub(super) fn victim(&self) -> Option<&str> {
        self.victim.as_deref()
    }

    /// Takes one look in, `now` since the fleet came up, and says what is to be done.
    pub(super) fn look(&mut self, now: Duration, seen: &Seen) -> Option<Act> {
        let serving: Vec<&MachineRow> = seen.machines.iter().filter(|row| self.serves(row)).collect();
        let well = serving.iter().filter(|row| seen.connected.contains(&row.id) && row.health == "healthy").count();
        if well < self.size {
            let ill = serving.iter().find(|row| row.health != "healthy").map_or("", |row| row.health_reason.as_str());
            let (serve, heard) = (serving.len(), seen.connected.len());
            self.wanting = format!("{serve} serve, {heard} agents are heard, {well} are well of {}; {ill}", self.size);
        }
        let Some(victim) = self.victim.clone() else {
            if serving.len() == self.size && well == self.size {
                self.reach(
                    Moment::Whole,
                    now,
                    format!("{well} machines serve {}, their agents are heard", self.holder),
                );
            }
            let due = self.moments.get(&Moment::Whole).is_some_and(|(at, _)| now >= *at + self.fault_after);
            if !due || well < self.size {
                return None;
            }
            self.before = serving.iter().map(|row| row.id.clone()).collect();
            let victim = serving.first()?.id.clone();
            self.victim = Some(victim.clone());
            self.reach(Moment::Broken, now, format!("GPU 3 of {victim} falls off the bus (XID 79)"));
            return Some(Act::Break(victim));
        };
        self.follow(now, &victim, seen);
        let joins = [MachineState::Configuring, MachineState::Configured];
        let others = seen.machines.iter().filter(|row| row.cluster == self.holder && joins.contains(&row.state()));
        let others: Vec<&str> =
            others.filter(|row| !self.before.contains(&row.id)).map(|row| row.id.as_str()).collect();
        if !others.is_empty() {
            self.reach(Moment::Covered, now, format!("{} joins in its place", others.join(" and ")));
        }
        let stays = serving.iter().all(|row| row.id != victim);
        if self.moments.contains_key(&Moment::Returned) && stays && serving.len() == self.size && well == self.size {
            self.reach(Moment::Restored, now, format!("{well} machines serve {} again", self.holder));
        }
        let explain = self.moments.contains_key(&Moment::Admitted) && !std::mem::replace(&mut self.explained, true);
        explain.then_some(Act::Explain(victim))
    }

    /// What became of the machine that broke.
    fn follow(&mut self, now: Duration, victim: &str, seen: &Seen) {
        let Some(row) = seen.machines.iter().find(|row| row.id == victim) else { return };
        if row.health == "unhealthy" {
            self.reach(Moment::Detected, now, row.health_reason.clone());
        }
        if let Some(repair) = seen.repairs.iter().find(|one| one.machine == victim && one.step != "waiting") {
            self.reach(Moment::Admitted, now, format!("{} {}: {}", repair.class, repair.step, repair.waits));
        }
        if !self.moments.contains_key(&Moment::Admitted) {
            return;
        }
        let is_bound = [MachineState::Configured, MachineState::Draining, MachineState::Configuring];
        if !is_bound.contains(&row.state()) {
            self.reach(Moment::Drained, now, format!("{victim} serves nobody"));
        }
        if row.state() == MachineState::Speculative {
            self.reach(Moment::Returned, now, format!("{victim} is back at its provider"));
        }
    }

    fn serves(&self, row: &MachineRow) -> bool {
        row.cluster == self.holder && row.state() == MachineState::Configured
    }

    fn reach(&mut self, moment: Moment, now: Duration, text: String) {
        self.moments.entry(moment).or_insert((now, text));
    }

    /// What is wrong with it, when it is over. `effects` are the provider's since the fault.
    pub(super) fn faults(&self, effects: &[Effect]) -> Vec<String> {
        let missing = Moment::ALL.iter().filter(|moment| !self.moments.contains_key(moment));
        let mut faults: Vec<String> = missing.map(|moment| format!("never {}", moment.name())).collect();
        if !faults.is_empty() {
            faults.push(format!("the pool when it was last not whole: {}", self.wanting));
        }
        let at = |moment| self.moments.get(&moment).map(|(at, _)| *at);
        if at(Moment::Drained).is_some_and(|drained| at(Moment::Covered).is_none_or(|covered| drained < covered)) {
            faults.push("the machine was drained before another one joined in its place".to_owned());
        }
        let of = |kind: Kind| {
            effects.iter().filter(|effect| effect.kind() == kind).map(|one| one.machine_id.as_str()).collect::<Vec<_>>()
        };
        let (created, deleted) = (of(Kind::Create), of(Kind::Delete));
        if self.moments.contains_key(&Moment::Restored) && created.len() != 1 {
            faults.push(format!("{} machines were bought for one that broke: {}", created.len(), created.join(", ")));
        }
        if self.victim.is_some() && deleted.iter().any(|machine| Some(*machine) != self.victim()) {
            faults.push(format!("machines were given back that nothing was wrong with: {}", deleted.join(", ")));
        }
        faults
    }
}

#[cfg(test)]
mod tests;
