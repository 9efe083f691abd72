//! One machine under watch: what its agent reports goes in, changes of its verdict come out.
//!
//! [`Watch::take`] and [`Watch::advance`] are the only ways in, and both carry shard time. Whatever becomes due between two calls
//! (a decay, a grace) is done at the moment at which it is due, so how often and in what batches they are called makes no
//! difference to the record. What has to survive is in [`Record`]; beside it stands what may be lost: when each GPU was last read,
//! what readings add up to, how often each rule failed.

mod apply;
mod count;
mod ends;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::ShardTime;

use crate::event::Event;
use crate::policy::RuleSet;
use crate::record::{Mark, Place, Record, Tally};
use crate::verdict::{Transition, Verdict};

/// Most GPUs of a machine that a watch tells apart.
pub const MAX_GPUS: u32 = 64;

/// What a machine is, as far as health goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How many GPUs it has.
    pub gpus: u32,
    /// The NVLink domain of each; empty if all share one.
    pub domains: Vec<u32>,
}

/// What a watch is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Something that happened.
    Event(Event),
    /// Numbers at one moment, as an event of their kind.
    Reading(Event),
    /// An operator says that whatever was found is dealt with.
    Clear,
}

/// One machine under watch.
#[derive(Clone, Debug)]
pub struct Watch {
    rules: Arc<RuleSet>,
    facts: Facts,
    record: Record,
    soft: Soft,
    clock: ShardTime,
}

/// What a failover may lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Soft {
    /// When each GPU was last read.
    read: BTreeMap<i32, ShardTime>,
    /// Since when a rule holds for the readings of a GPU.
    held: BTreeMap<(Arc<str>, i32), ShardTime>,
    /// What is counted over readings.
    tallies: BTreeMap<(String, Place), Tally>,
    /// How often each rule failed.
    failed: BTreeMap<String, u64>,
    /// How many failing rules the last verdict named.
    told: usize,
}

impl Watch {
    /// A machine of which nothing has been heard.
    pub fn new(rules: Arc<RuleSet>, facts: Facts, now: ShardTime) -> Self {
        Self::restore(rules, facts, Record::default(), now)
    }

    /// A machine of which a record was kept. Its GPUs count as read now, so that silence starts anew. What became due since the
    /// record was written is done by the next call, at the moment at which it was due.
    pub fn restore(rules: Arc<RuleSet>, facts: Facts, record: Record, now: ShardTime) -> Self {
        let read = record.findings.keys().map(|(_, gpu)| (*gpu, now)).collect();
        let soft = Soft { read, told: record.erring.len(), ..Soft::default() };
        Self { rules, facts, record, soft, clock: ShardTime(0) }
    }

    /// Takes one report in; gives back each change of the verdict, in order.
    pub fn take(&mut self, at: ShardTime, input: Input) -> Vec<Transition> {
        let mut transitions = self.advance(at);
        self.record.heard = true;
        match input {
            Input::Event(event) => self.apply_event(&event.bounded()),
            Input::Reading(event) => self.apply_reading(&event.bounded()),
            Input::Clear => self.clear(),
        }
        transitions.extend(self.settle());
        transitions
    }

    /// Takes the event of a journal in, unless it was taken before.
    pub fn take_recorded(&mut self, at: ShardTime, mark: Mark, event: Event) -> Vec<Transition> {
        let read = &self.record.mark;
        if read.journal == mark.journal && mark.sequence <= read.sequence {
            return self.advance(at);
        }
        self.record.mark = mark;
        self.take(at, Input::Event(event))
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: ShardTime) -> Vec<Transition> {
        let mut transitions = Vec::new();
        while let Some(due) = self.next_deadline().filter(|due| *due <= now) {
            self.clock = self.clock.max(due);
            self.expire();
            transitions.extend(self.settle());
        }
        self.clock = self.clock.max(now);
        transitions
    }

    /// When time alone changes something next.
    pub fn next_deadline(&self) -> Option<ShardTime> {
        let lapses = self.record.findings.iter().filter_map(|(key, finding)| self.lapse(key, finding));
        let dues = self.record.findings.iter().filter(|(key, one)| self.is_pending(key, one)).map(|(_, one)| one.due);
        lapses.chain(dues).min()
    }

    /// From now on another policy holds, or the machine is another. What was found stands; what is counted for rules that are gone
    /// does not.
    pub fn reform(&mut self, rules: Arc<RuleSet>, facts: Facts) -> Vec<Transition> {
        let is_there = |name: &str| rules.rules.iter().any(|rule| *rule.name == *name);
        self.record.tallies.retain(|(rule, _), _| is_there(rule));
        self.record.erring.clear();
        self.soft.tallies.retain(|(rule, _), _| is_there(rule));
        self.soft.held.clear();
        self.soft.failed.clear();
        self.soft.told = 0;
        self.rules = rules;
        self.facts = facts;
        self.settle().into_iter().collect()
    }

    /// What must survive.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What is said of the machine.
    pub fn verdict(&self) -> Verdict {
        self.describe()
    }
}

#[cfg(test)]
mod tests;
