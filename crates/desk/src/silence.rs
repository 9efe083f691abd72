//! Whose agent is heard, and whose is not any more.
//!
//! An agent that was heard once, by this leader or by one before it, and is not heard for the policy's time, is called silent: that is an
//! event like any other, and the health policy says what it means. What follows from it, repair decides; nothing is taken back here.
//!
//! Soft state, and sane after a failover: whom a new leader expects it reads from the log, and it gives each of them the whole time,
//! counted from its own start. A silence that the log has is ended by the first sign of life, whichever leader hears it.
//!
//! **What is deliberately absent:** machines that never had an agent (nobody has to run one), machines without a host, and machines
//! whose agent is carrying out an order: who reboots cannot speak.

use std::collections::{BTreeMap, BTreeSet};

use argosy_health::{Event, EventType, Record, System};
use argosy_model::{Duration, MachineIx, ShardTime};
use argosy_repair::Step;
use argosy_shard::ShardState;

use crate::plant::{Bug, planted};

/// The agents of a leadership.
#[derive(Debug, Default)]
pub struct Silence {
    agents: BTreeMap<String, Agent>,
    /// When each agent had been heard when it was last looked at, by time: at most as late as it really was.
    agenda: BTreeSet<(ShardTime, String)>,
}

#[derive(Debug)]
struct Agent {
    /// The host that it runs on: what comes after it has not been heard yet.
    host: String,
    heard: ShardTime,
    is_silent: bool,
}

/// What a sign of life changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Nothing: it was expected.
    Expected,
    /// It is the first one; from now on its silence is noticed.
    First,
    /// The agent had been called silent: [`heard_again`] is to be fed.
    Again,
    /// The shard has no such machine, or it has no host.
    Unknown,
}

impl Silence {
    /// Expects every agent of which the log has something, from now on.
    pub fn take_up(&mut self, state: &ShardState, now: ShardTime) {
        if planted(Bug::SilenceForgotten) {
            return;
        }
        for (machine, kept) in state.health().iter() {
            let spoke = Record::decode(&kept.record).is_ok_and(|record| !record.mark.journal.is_empty());
            if let Some(host) = state.fleet().host(machine).filter(|_| spoke) {
                self.expect(state, machine, host, now);
            }
        }
    }

    /// An agent was heard.
    pub fn heard(&mut self, state: &ShardState, machine: &str, now: ShardTime) -> Sign {
        let fleet = state.fleet();
        let Some(ix) = fleet.find(machine) else { return Sign::Unknown };
        let Some(host) = fleet.host(ix) else { return Sign::Unknown };
        let is_new = self.agents.get(machine).is_none_or(|agent| agent.host != host);
        if is_new {
            self.forget(machine);
            self.expect(state, ix, host, now);
        }
        let Some(agent) = self.agents.get_mut(machine) else { return Sign::Unknown };
        agent.heard = agent.heard.max(now);
        match (std::mem::take(&mut agent.is_silent), is_new) {
            (true, _) => {
                self.agenda.insert((agent.heard, machine.to_owned()));
                Sign::Again
            }
            (false, true) => Sign::First,
            (false, false) => Sign::Expected,
        }
    }

    /// Gives an agent its whole time again: somebody has said that its machine is dealt with.
    pub fn excuse(&mut self, machine: &str, now: ShardTime) {
        if let Some(agent) = self.agents.get_mut(machine) {
            (agent.heard, agent.is_silent) = (agent.heard.max(now), false);
            self.agenda.insert((agent.heard, machine.to_owned()));
        }
    }

    /// The machines whose agents are silent from now on: [`fell_silent`] is to be fed to each.
    pub fn overdue(&mut self, state: &ShardState, after: Duration, now: ShardTime) -> Vec<String> {
        let mut silent = Vec::new();
        while let Some((at, machine)) = self.agenda.first().filter(|(at, _)| at.plus(after) <= now).cloned() {
            self.agenda.remove(&(at, machine.clone()));
            let Some(agent) = self.agents.get_mut(&machine) else { continue };
            let is_here = |ix: &MachineIx| state.fleet().host(*ix) == Some(&*agent.host);
            let Some(ix) = state.fleet().find(&machine).filter(is_here) else {
                self.agents.remove(&machine);
                continue;
            };
            if is_at_work(state, ix) && !planted(Bug::RebootCounted) {
                agent.heard = now;
            }
            if agent.heard.plus(after) > now {
                self.agenda.insert((agent.heard, machine));
            } else if !std::mem::replace(&mut agent.is_silent, true) {
                silent.push(machine);
            }
        }
        silent
    }

    /// When to look again.
    #[must_use]
    pub fn next(&self, after: Duration) -> Option<ShardTime> {
        self.agenda.first().map(|(at, _)| at.plus(after))
    }

    fn expect(&mut self, state: &ShardState, machine: MachineIx, host: &str, now: ShardTime) {
        let id = state.fleet().id(machine);
        if self.agents.contains_key(id) {
            return;
        }
        let heard = if planted(Bug::CondemnedAtOnce) { ShardTime(0) } else { now };
        let is_silent = is_called_silent(state, machine) && !planted(Bug::ReturnUnnoticed);
        self.agents.insert(id.to_owned(), Agent { host: host.to_owned(), heard, is_silent });
        self.agenda.insert((heard, id.to_owned()));
    }

    fn forget(&mut self, machine: &str) {
        // What is left in the agenda finds nobody, or looks once too early.
        self.agents.remove(machine);
    }
}

/// An agent is not heard any more.
#[must_use]
pub fn fell_silent(after: Duration) -> Event {
    let message = format!("nothing is heard of its agent for {} s", after.0 / 1_000);
    Event { system: System::Agent, message, ..Event::plain(EventType::AgentSilent, -1) }
}

/// One that was called silent is heard again.
#[must_use]
pub fn heard_again() -> Event {
    Event { system: System::Agent, ..Event::plain(EventType::Recovered, -1) }
}

/// Whether the log has it that a machine's agent is silent.
fn is_called_silent(state: &ShardState, machine: MachineIx) -> bool {
    let record = state.health().get(machine).and_then(|kept| Record::decode(&kept.record).ok());
    record.is_some_and(|record| record.findings.values().any(|finding| finding.system == System::Agent))
}

/// Whether its agent has an order to reset or reboot it.
fn is_at_work(state: &ShardState, machine: MachineIx) -> bool {
    let repair = state.repairs().book().get(machine);
    repair.is_some_and(|repair| matches!(repair.step, Step::Acting { .. }))
}

#[cfg(test)]
mod tests;
