//! Repairs: what the leader proposes for unfit machines, and what their agents do of it.
//!
//! The leader's half is the product's own: the shard proposes, the fold takes. The agents' half is here: whoever can be heard hears its
//! order, takes its time, mends what a repair of that kind mends, and says so. Under the eager policy no agent is asked.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{MachineIx, ShardTime};
use argosy_repair::{Acted, Class, Domain, Policy, Step, Wait, wait};
use argosy_shard::{Command, RepairOrder, ShardState};
use argosy_workload::dice::Dice;

use super::agenda::Due;
use super::agents;
use super::condition::Word;
use super::record::{FailureKind, FailureNumber, MachineNumber, What};
use super::stage::Stage;
use crate::fleet::FleetSim;
use crate::leader::Moved;
use crate::scenario::form::{Repair, RepairPolicy};

/// Replaces what is unfit at once, however much of it.
const EAGER: &str = "
version: 1
grace: {reset-gpu: 0s, reboot-host: 0s, quarantine: 0s, replace: 0s}
act: {reset-gpu: {escalate_to: replace}, reboot-host: {escalate_to: replace}}
keep_quarantined: 0s
breakers: []
budgets: []
";

/// The last order that an agent has heard. It carries none out twice.
#[derive(Clone, Copy, Debug)]
struct Errand {
    order: u64,
    class: Class,
    is_over: bool,
}

/// The repairs of a rehearsal, as far as they do not lie in the log.
#[derive(Debug)]
pub(super) struct Workshop {
    form: Repair,
    lasts: Dice,
    helps: Dice,
    errands: BTreeMap<MachineNumber, Errand>,
    /// What agents have said and nobody has committed.
    done: Vec<(MachineNumber, u64)>,
    /// What a rail holds back, by the name of what it waits for.
    held: BTreeMap<MachineNumber, &'static str>,
    /// Breakers that are open, each as the record calls it.
    open: BTreeMap<Domain, String>,
    /// The state that was looked at last, and when time alone makes another look worth while.
    seen: Option<u64>,
    next_ms: Option<u64>,
}

impl Workshop {
    /// Of a scenario.
    pub(super) fn new(form: Repair, seed: u64) -> Self {
        Self {
            form,
            lasts: Dice::new(seed, "repairs/lasts"),
            helps: Dice::new(seed, "repairs/helps"),
            errands: BTreeMap::new(),
            done: Vec::new(),
            held: BTreeMap::new(),
            open: BTreeMap::new(),
            seen: None,
            next_ms: None,
        }
    }

    /// Puts the scenario's policy in force.
    pub(super) fn policy(&self) -> Command {
        let policy: Policy = match &self.form.policy {
            RepairPolicy::Eager => argosy_repair::parse("the eager policy", EAGER).expect("it is sound"),
            RepairPolicy::Default => Policy::default(),
            RepairPolicy::Inline(policy) => (**policy).clone(),
        };
        Command::SetRepairPolicy { policy: Some(Box::new(policy)), by: Stage::by("the scenario") }
    }

    fn is_eager(&self) -> bool {
        self.form.policy == RepairPolicy::Eager
    }

    /// When time alone moves a repair on.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }

    /// An agent has said that an order is carried out.
    pub(super) fn done(&mut self, machine: MachineNumber, order: u64) {
        self.done.push((machine, order));
    }

    /// A machine's host is gone, and with it what its agent was at.
    pub(super) fn forget(&mut self, machine: MachineNumber) {
        self.errands.remove(&machine);
        self.held.remove(&machine);
    }

    /// Another leader has seen nothing yet.
    pub(super) fn look_anew(&mut self) {
        self.seen = None;
    }

    /// Whether nothing can have changed since the last look.
    fn has_seen(&self, state: &ShardState, now_ms: u64) -> bool {
        self.seen == Some(state.revision()) && self.next_ms.is_none_or(|due| now_ms < due) && self.done.is_empty()
    }
}

impl Stage {
    /// Commits what is next for machines in repair, as the leader's workshop does, and has its orders heard.
    pub(super) fn commit_repairs(&mut self, fleet: &mut FleetSim) {
        self.hear_orders(fleet);
        if self.workshop.has_seen(fleet.leaders()[0].state(), fleet.now_ms()) {
            return;
        }
        while let Some(command) = self.next_repair(fleet) {
            let Command::Repair(repairs) = &command else { unreachable!("it proposes repairs") };
            let machines: Vec<MachineIx> = repairs.steps.iter().map(|step| step.machine).collect();
            fleet.admin(0, command);
            for machine in machines {
                if let Some(number) = self.number_of(fleet, machine) {
                    self.supply_changed(fleet, number);
                }
            }
        }
        self.hear_orders(fleet);
        self.note_rails(fleet);
        let (state, now) = (fleet.leaders()[0].state(), fleet.now_ms());
        self.workshop.seen = Some(state.revision());
        self.workshop.next_ms = state.next_repair(ShardTime(now), super::clock_at(now)).map(|due| due.0);
    }

    /// What is to be proposed: what came of orders first.
    fn next_repair(&mut self, fleet: &FleetSim) -> Option<Command> {
        let (state, now) = (fleet.leaders()[0].state(), fleet.now_ms());
        while let Some((number, order)) = self.workshop.done.pop() {
            let machine = state.fleet().find(&self.site(number).node.id);
            let outcome = machine.and_then(|machine| state.repair_outcome(machine, order, Acted::Done));
            if outcome.is_some() {
                return outcome;
            }
        }
        let order = state.repair_orders().next().filter(|_| self.workshop.is_eager());
        let refused = order.and_then(|order| {
            let outcome = Acted::Impossible("the eager policy asks no agent".to_owned());
            state.repair_outcome(order.machine, order.order, outcome)
        });
        refused.or_else(|| state.propose_repairs(ShardTime(now), super::clock_at(now)))
    }

    fn number_of(&self, fleet: &FleetSim, machine: MachineIx) -> Option<MachineNumber> {
        self.numbers.get(fleet.leaders()[0].state().fleet().id(machine)).copied()
    }

    /// A machine's repair has moved.
    pub(super) fn repair_moved(&mut self, fleet: &FleetSim, moved: &Moved) {
        let Some(number) = self.numbers.get(&moved.machine).copied() else { return };
        let what = What::Repair { class: moved.class.name().to_owned(), state: moved.to.to_owned() };
        self.note(fleet, Some(number), what);
    }

    // -- agents

    /// Every agent that can be heard, and is at nothing else, begins with its order.
    fn hear_orders(&mut self, fleet: &FleetSim) {
        if self.workshop.is_eager() {
            return;
        }
        let orders: Vec<RepairOrder> = fleet.leaders()[0].state().repair_orders().collect();
        for order in orders {
            let Some(number) = self.number_of(fleet, order.machine) else { continue };
            let last = self.workshop.errands.get(&number);
            let is_free = last.is_none_or(|last| last.is_over && last.order != order.order);
            if is_free && self.is_responsive(number) && fleet.now_ms() < order.until.0 {
                self.begin(fleet, number, &order);
            }
        }
    }

    fn begin(&mut self, fleet: &FleetSim, number: MachineNumber, order: &RepairOrder) {
        let takes = match order.class {
            Class::ResetGpu => self.workshop.form.reset,
            _ => self.workshop.form.reboot,
        };
        let lasts = self.workshop.lasts.between(takes.min.0, takes.max.0);
        self.workshop.errands.insert(number, Errand { order: order.order, class: order.class, is_over: false });
        if order.class == Class::RebootHost {
            // Not heard, and not taken for silent: the leader knows why.
            self.machine(number).unreachable += 1;
        }
        self.agenda.put(fleet.now_ms() + lasts, Due::CarriedOut { machine: number, order: order.order });
    }

    /// An agent has done what it was ordered, whether or not that helps.
    pub(super) fn carried_out(&mut self, fleet: &mut FleetSim, number: MachineNumber, order: u64) {
        let errand = self.workshop.errands.get_mut(&number).filter(|errand| errand.order == order);
        let Some(Errand { class, is_over, .. }) = errand else { return };
        let (class, is_reboot) = (*class, *class == Class::RebootHost);
        *is_over = true;
        if self.machine(number).up {
            self.work(fleet, number, class);
            let first = if is_reboot { Word::Greeting } else { Word::Reset };
            self.machine(number).unsaid.splice(0..0, [first, Word::Done(order)]);
        }
        let machine = self.machine(number);
        machine.unreachable -= u32::from(is_reboot);
        match (machine.up, machine.unreachable) {
            (true, 0) => self.catch_up(fleet, number),
            (true, _) if is_reboot => self.is_unheard(fleet, number),
            _ => {}
        }
    }

    /// Mends what a repair of this kind mends, if it helps; what is still broken is noticed again.
    fn work(&mut self, fleet: &FleetSim, number: MachineNumber, class: Class) {
        let helps = !self.workshop.helps.chance(self.workshop.form.fails.0);
        let active: Vec<FailureNumber> = self.machine(number).active.iter().copied().collect();
        for at in active {
            let failure = &self.failures[at as usize];
            if helps && agents::cure(failure).is_some_and(|cure| cure <= class) {
                self.ends(fleet, at);
                continue;
            }
            // A temperature is read again anyway.
            let is_told_once = agents::broke(failure).is_some() && failure.kind != FailureKind::Temperature;
            if failure.told && is_told_once {
                self.agenda.put(fleet.now_ms() + self.scenario.argosy.health.report_after.0, Due::Report(at));
            }
        }
    }

    // -- rails

    /// Writes down which breakers are open, and which repairs a breaker or a budget holds back.
    fn note_rails(&mut self, fleet: &FleetSim) {
        if self.workshop.is_eager() {
            return;
        }
        self.note_breakers(fleet);
        let (state, now) = (fleet.leaders()[0].state(), fleet.now_ms());
        let held: Vec<(MachineIx, Class, &'static str)> =
            state.look_at_repairs(ShardTime(now), super::clock_at(now), |at| {
                let gate = at.gate();
                let waiting = at.book.repairs().filter(|(_, repair)| repair.step == Step::Waiting);
                let held = waiting.filter_map(|(machine, repair)| match wait(at, &gate, machine)? {
                    wait @ (Wait::Breaker(_) | Wait::Budget { .. }) => Some((machine, repair.class, wait.name())),
                    _ => None,
                });
                held.collect()
            });
        let mut still = BTreeMap::new();
        for (machine, class, rail) in held {
            let Some(number) = self.number_of(fleet, machine) else { continue };
            still.insert(number, rail);
            let before = self.workshop.held.get(&number).copied();
            self.books.record.tally.repairs_held += u32::from(before.is_none());
            if before != Some(rail) {
                let state = format!("waits for {rail}");
                self.note(fleet, Some(number), What::Repair { class: class.name().to_owned(), state });
            }
        }
        self.workshop.held = still;
    }

    fn note_breakers(&mut self, fleet: &FleetSim) {
        let book = fleet.leaders()[0].state().repairs().book();
        let tripped: BTreeMap<Domain, String> = book
            .tripped(ShardTime(fleet.now_ms()))
            .map(|(domain, trip)| {
                (domain.clone(), format!("breaker of {domain} at {} of {} machines", trip.found, trip.of))
            })
            .collect();
        let before = std::mem::replace(&mut self.workshop.open, tripped.clone());
        let known: BTreeSet<&Domain> = before.keys().collect();
        for (_, rail) in before.iter().filter(|(domain, _)| !tripped.contains_key(domain)) {
            self.note(fleet, None, What::Held { rail: rail.clone(), on: false });
        }
        for (_, rail) in tripped.into_iter().filter(|(domain, _)| !known.contains(domain)) {
            self.note(fleet, None, What::Held { rail, on: true });
        }
    }
}
