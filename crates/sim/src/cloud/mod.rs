//! The simulated provider: what a shard's leader calls and lists, on virtual time.
//!
//! It keeps the provider's contract: a call passes only with a newer fence, position is checked after the fence, a refused call
//! still raises the mark, steps are asynchronous, and what changed is listed. It breaks what the contract lets break, on demand
//! or by a seeded draw about the machine and its count of calls alone, so that neither order nor another machine changes a
//! machine's luck.
//!
//! `argosy_provider::sim` is the same contract behind real gRPC with a durable ledger; it is shaped by its store and its wire,
//! and draws both into whatever links it. This one holds millions of machines in memory and is linked into nothing that runs
//! in production (docs/adr/0090).

mod dwell;
mod fates;
mod offer;
mod slot;

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::State;
use argosy_model::vocabulary::{PROVIDER_KEY, REGION_KEY};
use argosy_shard::{Call, Fence, Observed, ObservedShape, Refusal, Step, Verb};
use argosy_workload::dice::Dice;

pub use self::dwell::{Dwell, Dwells};
pub use self::offer::Offer;
use self::slot::{End, Fate, Slot};

/// Chances of misfortune, in parts per million of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The call never arrives.
    pub lost_call_ppm: u32,
    /// It arrives and is carried out; the answer never does.
    pub lost_answer_ppm: u32,
    /// It is turned down: too many calls.
    pub throttle_ppm: u32,
    /// The step ends in failure, in the order create, configure, drain, delete.
    pub failure_ppm: [u32; 4],
    /// Instance types of which no host can be had.
    pub out_of_stock: BTreeSet<String>,
    /// Regions in which a provider sells nothing, by provider and region.
    pub sold_out: BTreeSet<(String, String)>,
    /// A failed machine is well again after this long; never, if there is none.
    pub repair_ms: Option<u64>,
    /// The slot of a lost host is offered again after this long; never, if there is none.
    pub return_ms: Option<u64>,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is being carried out, or is done; the machine looks like this now.
    Accepted(Box<Observed>),
    /// It was not carried out.
    Refused(Refusal),
    /// Nobody knows.
    Lost,
}

/// A fleet of machines at one provider.
#[derive(Clone, Debug)]
pub struct Cloud {
    shapes: Vec<ObservedShape>,
    slots: Vec<Slot>,
    index: BTreeMap<String, usize>,
    ends: BTreeSet<(u64, usize)>,
    fates: BTreeSet<(u64, usize)>,
    /// For each reader: machines that have changed since it last listed.
    unlisted: Vec<BTreeSet<usize>>,
    dwells: Dwells,
    faults: Faults,
    /// The next call of this step on this machine ends in failure.
    doomed: BTreeSet<(usize, Step)>,
    /// Creations that were called for, by provider and region.
    creations: BTreeMap<(String, String), u64>,
    seed: u64,
    /// Rules of the contract that a caller broke.
    broken: Vec<String>,
}

/// The name under which machines are listed that say no other.
pub const PROVIDER: &str = "sim";

/// The provider and the region of machines of a shape.
#[must_use]
pub fn place_of(shape: &ObservedShape) -> (&str, &str) {
    let label = |key: &str| shape.labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    (label(PROVIDER_KEY).unwrap_or(PROVIDER), label(REGION_KEY).unwrap_or(""))
}

impl Cloud {
    /// A cloud with these machines, by id, and so many readers.
    ///
    /// # Panics
    /// When two machines have one id.
    pub fn new(machines: impl IntoIterator<Item = (String, Offer)>, readers: usize, dwells: Dwells, seed: u64) -> Self {
        let mut cloud = Self {
            shapes: Vec::new(),
            slots: Vec::new(),
            index: BTreeMap::new(),
            ends: BTreeSet::new(),
            fates: BTreeSet::new(),
            unlisted: vec![BTreeSet::new(); readers],
            dwells,
            faults: Faults::default(),
            doomed: BTreeSet::new(),
            creations: BTreeMap::new(),
            seed,
            broken: Vec::new(),
        };
        let mut known = BTreeMap::new();
        for (id, offer) in machines {
            cloud.add(&id, offer, &mut known);
        }
        cloud
    }

    fn add(&mut self, id: &str, offer: Offer, known: &mut BTreeMap<ObservedShape, usize>) {
        let fresh = self.shapes.len();
        let shape = *known.entry(offer.shape).or_insert_with_key(|shape| {
            self.shapes.push(shape.clone());
            fresh
        });
        let has_host = !matches!(offer.state, State::Speculative | State::Creating);
        let at = self.slots.len();
        self.slots.push(Slot {
            id: id.to_owned(),
            shape,
            state: offer.state,
            host: has_host.then_some(1),
            hosts: u32::from(has_host),
            cluster: offer.cluster,
            metadata: offer.metadata,
            error: None,
            notice: false,
            gone: false,
            end: None,
            fate: None,
            marks: Vec::new(),
            effect: None,
            calls: 0,
            next_create_ms: None,
        });
        self.changed(at);
        assert!(self.index.insert(id.to_owned(), at).is_none(), "two machines are called {id}");
    }

    /// Creations that were called for, by provider and region.
    pub fn creations(&self) -> &BTreeMap<(String, String), u64> {
        &self.creations
    }

    /// Puts other faults in force.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Machines in the inventory.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.gone).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rules of the contract that a caller broke: an operation that was carried out twice.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// How much is kept, in entries of all tables: flat over a long run.
    pub fn table_sizes(&self) -> usize {
        let marks: usize = self.slots.iter().map(|slot| slot.marks.len()).sum();
        self.slots.len() + self.ends.len() + self.fates.len() + marks + self.doomed.len()
    }

    // -- what a leader does

    /// Carries out a call of a shard.
    pub fn call(&mut self, now_ms: u64, shard: usize, call: &Call) -> Answer {
        let Some(&at) = self.index.get(&call.machine).filter(|at| !self.slots[**at].gone) else {
            return Answer::Refused(Refusal::NotFound);
        };
        self.slots[at].calls += 1;
        if call.verb == Verb::Create {
            let (provider, region) = place_of(&self.shapes[self.slots[at].shape]);
            *self.creations.entry((provider.to_owned(), region.to_owned())).or_default() += 1;
        }
        let mut dice = Dice::new(self.seed, &format!("call/{}/{}", call.machine, self.slots[at].calls));
        let [lost_call, lost_answer, throttled] =
            [self.faults.lost_call_ppm, self.faults.lost_answer_ppm, self.faults.throttle_ppm]
                .map(|ppm| dice.chance(ppm));
        if lost_call {
            return Answer::Lost;
        }
        if throttled {
            return Answer::Refused(Refusal::Throttled);
        }
        let answer = self.carry_out(now_ms, shard, at, call, &mut dice);
        if lost_answer { Answer::Lost } else { answer }
    }

    fn carry_out(&mut self, now_ms: u64, shard: usize, at: usize, call: &Call, dice: &mut Dice) -> Answer {
        let fence: Fence = call.fence;
        if !self.slots[at].pass(shard, fence) {
            return Answer::Refused(Refusal::Fenced);
        }
        let step = step_of(&call.verb);
        let (state, effect) = (self.slots[at].state, self.slots[at].effect);
        if state == step.doing() && effect == Some((call.operation, step)) {
            return Answer::Accepted(Box::new(self.seen(at)));
        }
        if state != step.start() {
            return Answer::Refused(Refusal::OutOfPosition);
        }
        if step == Step::Create && self.is_out_of_stock(at) {
            return Answer::Refused(Refusal::StockOut);
        }
        if effect == Some((call.operation, step)) {
            self.broken.push(format!(
                "{}: {} of operation {} carried out twice",
                call.machine,
                step.name(),
                call.operation
            ));
        }
        let mut ms = self.dwells.of(step).draw(dice);
        if step == Step::Create {
            ms = self.slots[at].next_create_ms.take().unwrap_or(ms);
        }
        if let Verb::Drain { grace, .. } = &call.verb {
            ms = ms.min(grace.0);
        }
        let slot = &mut self.slots[at];
        slot.effect = Some((call.operation, step));
        slot.state = step.doing();
        if let Verb::Configure { cluster, metadata, .. } = &call.verb {
            (slot.cluster, slot.metadata) = (Some(cluster.clone()), metadata.clone());
        }
        let ppm = self.faults.failure_ppm[step_number(step)];
        let fails = self.doomed.remove(&(at, step)) || dice.chance(ppm);
        let end = End { at_ms: now_ms.saturating_add(ms), step, fails };
        if ms == 0 {
            self.finish(now_ms, at, end);
        } else {
            self.slots[at].end = Some(end);
            self.ends.insert((end.at_ms, at));
        }
        self.changed(at);
        Answer::Accepted(Box::new(self.seen(at)))
    }

    /// What one reader has not seen yet: machines, and ids of those that are gone. In the order of ids.
    pub fn list(&mut self, reader: usize) -> (Vec<Observed>, Vec<String>) {
        let changed = std::mem::take(&mut self.unlisted[reader]);
        let (gone, there): (Vec<usize>, Vec<usize>) = changed.into_iter().partition(|at| self.slots[*at].gone);
        let mut machines: Vec<Observed> = there.into_iter().map(|at| self.seen(at)).collect();
        machines.sort_by(|a, b| a.machine.id.cmp(&b.machine.id));
        let mut gone: Vec<String> = gone.into_iter().map(|at| self.slots[at].id.clone()).collect();
        gone.sort_unstable();
        (machines, gone)
    }

    /// Whether a reader has something to list.
    pub fn has_news(&self, reader: usize) -> bool {
        !self.unlisted[reader].is_empty()
    }

    /// What one reader has been shown in an answer need not be listed to it again.
    pub fn was_shown(&mut self, reader: usize, id: &str) {
        if let Some(at) = self.index.get(id) {
            self.unlisted[reader].remove(at);
        }
    }

    /// A machine as it is now; `None` if it is not in the inventory.
    pub fn get(&self, id: &str) -> Option<Observed> {
        self.index.get(id).filter(|at| !self.slots[**at].gone).map(|at| self.seen(*at))
    }

    // -- inner

    fn seen(&self, at: usize) -> Observed {
        self.slots[at].observed(&self.shapes[self.slots[at].shape])
    }

    fn is_out_of_stock(&self, at: usize) -> bool {
        let shape = &self.shapes[self.slots[at].shape];
        let (provider, region) = place_of(shape);
        shape.instance_type.as_ref().is_some_and(|name| self.faults.out_of_stock.contains(name))
            || self.faults.sold_out.contains(&(provider.to_owned(), region.to_owned()))
    }

    fn changed(&mut self, at: usize) {
        for reader in &mut self.unlisted {
            reader.insert(at);
        }
    }

    fn set_fate(&mut self, at: usize, fate: Option<Fate>) {
        if let Some(before) = self.slots[at].fate {
            self.fates.remove(&(before.at_ms(), at));
        }
        self.slots[at].fate = fate;
        if let Some(fate) = fate {
            self.fates.insert((fate.at_ms(), at));
        }
    }
}

fn step_of(verb: &Verb) -> Step {
    match verb {
        Verb::Create => Step::Create,
        Verb::Configure { .. } => Step::Configure,
        Verb::Drain { .. } => Step::Drain,
        Verb::Delete => Step::Delete,
    }
}

fn step_number(step: Step) -> usize {
    match step {
        Step::Create => 0,
        Step::Configure => 1,
        Step::Drain => 2,
        Step::Delete => 3,
    }
}
