//! Failures: something breaks, an agent says so or can no longer say anything, and in the end it is mended.

use argosy_desk::health::Batch;
use argosy_health::record::Mark;
use argosy_health::{Facts, Input};
use argosy_model::{ShardTime, State};
use argosy_shard::Command;

use super::agenda::Due;
use super::agents::{self, Said};
use super::condition::{Failure, Word};
use super::record::{FailureKind, FailureNumber, MachineNumber, What};
use super::stage::Stage;
use crate::fleet::FleetSim;

/// A GPU that is hot is read again this often, so that what was read last is never stale.
const READ_EVERY_MS: u64 = 60_000;
/// The XID that a fault of NVLink shows as.
const NVLINK_XID: u32 = 74;

impl Stage {
    /// Something breaks on a machine that is up. Nothing happens to one that is not.
    pub(super) fn strike(&mut self, fleet: &mut FleetSim, mut failure: Failure) -> Option<FailureNumber> {
        let (number, now) = (failure.machine, fleet.now_ms());
        if !self.machine(number).up {
            return None;
        }
        if failure.kind == FailureKind::NvlinkError {
            failure.xid = Some(NVLINK_XID);
        }
        let at = FailureNumber::try_from(self.failures.len()).expect("fewer failures than four billion");
        let (kind, xid, gpu, cause) = (failure.kind, failure.xid, failure.gpu, failure.cause.clone());
        self.note(fleet, Some(number), What::Failed { failure: at, kind, xid, gpu, cause });
        self.failures.push(failure);
        self.machine(number).active.insert(at);
        match kind {
            FailureKind::Network => self.falls_silent(fleet, number),
            FailureKind::BootFailure => {
                let id = self.site(number).node.id.clone();
                fleet.cloud_mut().break_down(now, &id);
            }
            _ => self.agenda.put(now + self.scenario.argosy.health.report_after.0, Due::Report(at)),
        }
        self.follow_up(fleet, at);
        Some(at)
    }

    /// A failure is over; whether it was not already.
    pub(super) fn ends(&mut self, fleet: &FleetSim, at: FailureNumber) -> bool {
        let now = fleet.now_ms();
        let failure = &mut self.failures[at as usize];
        if std::mem::replace(&mut failure.over, true) {
            return false;
        }
        let (number, kind, lasted_ms) = (failure.machine, failure.kind, now - failure.began_ms);
        self.machine(number).active.remove(&at);
        self.note(fleet, Some(number), What::Recovered { failure: at, kind, lasted_ms });
        true
    }

    /// A failure ends by itself, or somebody mends it; unless it is over already.
    pub(super) fn recover(&mut self, fleet: &mut FleetSim, at: FailureNumber) {
        if !self.ends(fleet, at) {
            return;
        }
        let Failure { machine: number, kind, .. } = self.failures[at as usize];
        match kind {
            FailureKind::Network => self.is_heard_again(fleet, number),
            FailureKind::BootFailure => {
                let id = self.site(number).node.id.clone();
                fleet.cloud_mut().repair(&id);
            }
            _ if self.failures[at as usize].told => self.say(fleet, number, Word::Mended(at)),
            _ => {}
        }
    }

    // -- what agents say

    /// An agent has come up, and finds itself in whatever outage is on.
    pub(super) fn greet(&mut self, fleet: &mut FleetSim, number: MachineNumber) {
        if !self.machine(number).up {
            return;
        }
        self.hit_by_outages(fleet, number);
        if self.machine(number).unreachable == 0 {
            self.catch_up(fleet, number);
        }
    }

    /// A failure is reported.
    pub(super) fn report(&mut self, fleet: &mut FleetSim, at: FailureNumber) {
        if !self.failures[at as usize].over {
            self.failures[at as usize].told = true;
            self.say(fleet, self.failures[at as usize].machine, Word::Broke(at));
        }
    }

    /// A hot GPU is read again, as long as it is hot.
    pub(super) fn reading(&mut self, fleet: &mut FleetSim, at: FailureNumber) {
        let failure = &self.failures[at as usize];
        let number = failure.machine;
        if failure.over || !self.machines[number as usize].up {
            return;
        }
        if self.machines[number as usize].unreachable == 0 {
            self.voice(fleet, number, Word::Broke(at));
        }
        self.agenda.put(fleet.now_ms() + READ_EVERY_MS, Due::Reading(at));
    }

    /// Says something, or keeps it until somebody hears.
    fn say(&mut self, fleet: &mut FleetSim, number: MachineNumber, word: Word) {
        let machine = self.machine(number);
        if !machine.up {
            return;
        }
        if machine.unreachable > 0 {
            machine.unsaid.push(word);
            return;
        }
        self.voice(fleet, number, word);
        if let Word::Broke(at) = word
            && self.failures[at as usize].kind == FailureKind::Temperature
        {
            self.agenda.put(fleet.now_ms() + READ_EVERY_MS, Due::Reading(at));
        }
    }

    pub(super) fn catch_up(&mut self, fleet: &mut FleetSim, number: MachineNumber) {
        for word in std::mem::take(&mut self.machine(number).unsaid) {
            self.say(fleet, number, word);
        }
    }

    fn voice(&mut self, fleet: &mut FleetSim, number: MachineNumber, word: Word) {
        let said = match word {
            Word::Greeting => return self.introduce(fleet, number),
            Word::Done(order) => return self.workshop.done(number, order),
            Word::Reset => Some(Said::Event(agents::reset())),
            Word::Broke(at) => agents::broke(&self.failures[at as usize]),
            Word::Mended(at) if self.is_shadowed(at) => None,
            Word::Mended(at) => agents::mended(&self.failures[at as usize]),
        };
        if let Some(said) = said {
            self.hear(fleet, number, said);
        }
    }

    /// Whether the same is still broken on the same GPU by something else: then it is not right again.
    fn is_shadowed(&self, at: FailureNumber) -> bool {
        let mended = &self.failures[at as usize];
        let is_like = |other: &Failure| {
            let is_hot = |failure: &Failure| failure.kind == FailureKind::Temperature;
            other.told && other.gpu == mended.gpu && is_hot(other) == is_hot(mended)
        };
        self.machines[mended.machine as usize].active.iter().any(|other| is_like(&self.failures[*other as usize]))
    }

    /// The agent says what its machine is, and that all is well.
    fn introduce(&mut self, fleet: &mut FleetSim, number: MachineNumber) {
        let (now, site) = (ShardTime(fleet.now_ms()), self.site(number));
        let (id, gpus) = (site.node.id.clone(), site.node.gpu_count);
        let boot = u64::from(self.machine(number).generation) * 1_000 + self.machine(number).said;
        let state = fleet.leaders()[0].state();
        self.health.facts(state, &id, now, Facts { gpus, domains: Vec::new() });
        self.hear(fleet, number, Said::Event(agents::booted(boot)));
        self.hear(fleet, number, Said::Reading(agents::fine(0)));
    }

    /// The leader hears something of a machine.
    pub(super) fn hear(&mut self, fleet: &FleetSim, number: MachineNumber, said: Said) {
        let now = ShardTime(fleet.now_ms());
        let id = &self.sites[number as usize].node.id;
        let machine = &mut self.machines[number as usize];
        if let Some(ward) = self.health.ward(fleet.leaders()[0].state(), id, now) {
            match said {
                Said::Event(event) => {
                    machine.said += 1;
                    let journal = format!("{id}/{}", machine.generation);
                    ward.watch.take_recorded(now, Mark { journal, sequence: machine.said }, event);
                }
                Said::Reading(event) => {
                    ward.watch.take(now, Input::Reading(event));
                }
            }
            self.health.touched(id);
        }
        self.notice(fleet, number);
    }

    // -- silence

    fn falls_silent(&mut self, fleet: &FleetSim, number: MachineNumber) {
        self.machine(number).unreachable += 1;
        if self.machine(number).unreachable == 1 {
            self.is_unheard(fleet, number);
        }
    }

    /// Nothing is heard of a machine from now on, and nobody knows why.
    pub(super) fn is_unheard(&mut self, fleet: &FleetSim, number: MachineNumber) {
        let (now, after) = (fleet.now_ms(), self.scenario.argosy.health.silent_after.0);
        self.machine(number).unheard_since = Some(now);
        self.agenda.put(now + after, Due::Silence { machine: number, since_ms: now });
    }

    /// Whether an agent has really not been heard for as long as it takes.
    pub(super) fn silence(&mut self, fleet: &FleetSim, number: MachineNumber, since_ms: u64) {
        let machine = self.machine(number);
        if machine.up && machine.unheard_since == Some(since_ms) {
            machine.silent = true;
            self.note(fleet, Some(number), What::Silent);
            self.hear(fleet, number, Said::Event(agents::silent()));
        }
    }

    fn is_heard_again(&mut self, fleet: &mut FleetSim, number: MachineNumber) {
        let machine = self.machine(number);
        machine.unreachable = machine.unreachable.saturating_sub(1);
        if machine.unreachable > 0 || !machine.up {
            return;
        }
        machine.unheard_since = None;
        if std::mem::take(&mut machine.silent) {
            self.note(fleet, Some(number), What::Heard);
            self.hear(fleet, number, Said::Event(agents::heard()));
        }
        self.catch_up(fleet, number);
    }

    // -- what the leader makes of it

    /// Writes down what is said of a machine, if it is said otherwise than before.
    pub(super) fn notice(&mut self, fleet: &FleetSim, number: MachineNumber) {
        let id = &self.sites[number as usize].node.id;
        let Some(ward) = self.health.find(id) else { return };
        let (next, last) = (&ward.watch.record().standing, &self.machines[number as usize].standing);
        let is_same =
            (next.health, next.class, next.unfit, &next.rule) == (last.health, last.class, last.unfit, &last.rule);
        if is_same {
            return;
        }
        let (was_unfit, from) = (last.unfit, last.health);
        let (next, reason) = (next.clone(), ward.watch.verdict().line());
        let now = fleet.now_ms();
        let oldest = self.machines[number as usize].active.first().map(|at| self.failures[*at as usize].began_ms);
        let after_ms = oldest.map(|began| now.saturating_sub(began));
        if next.unfit && !was_unfit {
            self.books.detect.extend(after_ms);
        }
        let what = What::Verdict {
            from: from.name().to_owned(),
            to: next.health.name().to_owned(),
            class: next.class.name().to_owned(),
            rule: next.rule.clone(),
            reason,
            unfit: next.unfit,
            after_ms,
        };
        self.note(fleet, Some(number), what);
        self.machine(number).standing = next;
    }

    /// Commits what the leader has found out, as its health desk does.
    pub(super) fn commit_health(&mut self, fleet: &mut FleetSim) {
        while self.health.has_news() {
            let now = ShardTime(fleet.now_ms());
            let batch: Batch = self.health.batch(fleet.leaders()[0].state(), now);
            if batch.updates.is_empty() {
                return;
            }
            let touched: Vec<MachineNumber> =
                batch.updates.iter().filter_map(|update| self.numbers.get(&update.machine).copied()).collect();
            fleet.admin(0, Command::Health(batch.updates.clone()));
            self.health.committed(fleet.leaders()[0].state(), batch);
            for number in touched {
                self.supply_changed(fleet, number);
            }
        }
    }

    /// A machine may have become, or ceased to be, supply.
    pub(super) fn supply_changed(&mut self, fleet: &FleetSim, number: MachineNumber) {
        let state = fleet.leaders()[0].state();
        let known = state.fleet().find(&self.site(number).node.id).map(|ix| *state.fleet().machine(ix));
        match known {
            Some(known) if !known.is_cover() => self.misses(fleet, number),
            Some(known) if known.state == State::Configured => drop(self.found(number)),
            // It serves nobody now: when it joins a pool again it makes up for itself.
            _ => {}
        }
        self.meter(fleet, number);
    }
}
