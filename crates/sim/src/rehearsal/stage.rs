//! The stage: one actor that plays the world of a rehearsal around the control plane, and writes down what happens.

use std::collections::{BTreeMap, VecDeque};

use argosy_desk::{health, pools};
use argosy_model::{Flags, ShardTime, State};
use argosy_pool::Specification;
use argosy_shard::pools::CLAIMANT_PREFIX;
use argosy_shard::{By, Command};

use super::agenda::{Agenda, Due};
use super::books::Books;
use super::chaos::Chaos;
use super::condition::{Condition, Failure, Word};
use super::judge::Judge;
use super::layout::Site;
use super::record::{MachineNumber, What};
use super::repairs::Workshop;
use super::script::Script;
use crate::actor::Actor;
use crate::fleet::FleetSim;
use crate::leader::{Change, Cycled};
use crate::scenario::form::Scenario;

/// Everything about a rehearsal that is not the fleet itself.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) sites: Vec<Site>,
    pub(super) pools: Vec<Specification>,
    pub(super) numbers: BTreeMap<String, MachineNumber>,
    pub(super) machines: Vec<Condition>,
    pub(super) failures: Vec<Failure>,
    pub(super) agenda: Agenda,
    pub(super) chaos: Chaos,
    pub(super) script: Script,
    pub(super) judge: Judge,
    pub(super) books: Books,
    /// What the leader knows of health and of pools beside its log.
    pub(super) health: health::Desk,
    pub(super) autoscaler: pools::Desk,
    /// By pool, the machines that it has to do without, longest first.
    pub(super) missed: BTreeMap<String, VecDeque<MachineNumber>>,
    /// Repairs, and what agents do of them.
    pub(super) workshop: Workshop,
    /// The end has come.
    pub(super) over: bool,
    /// From then on a fleet that is not complete is short of something: a while after the last machine ought to be there.
    pub(super) settled_ms: u64,
}

impl Stage {
    /// The actor's name in the log's audit records.
    pub(super) fn by(reason: &str) -> By {
        By { actor: "rehearsal".to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn site(&self, machine: MachineNumber) -> &Site {
        &self.sites[machine as usize]
    }

    pub(super) fn machine(&mut self, machine: MachineNumber) -> &mut Condition {
        &mut self.machines[machine as usize]
    }

    pub(super) fn note(&mut self, fleet: &FleetSim, machine: Option<MachineNumber>, what: What) {
        self.books.note(fleet.now_ms(), machine, what);
    }

    /// The pools ask for their machines.
    pub(super) fn start_fleet(&mut self, fleet: &mut FleetSim) {
        for pool in self.pools.clone() {
            let name = pool.name.clone();
            let before = fleet.leaders()[0].state().pool(&name).map_or(0, |pool| pool.standing.target);
            let command = Command::SetPool { specification: Box::new(pool), by: Self::by("the scenario starts") };
            fleet.admin(0, command);
            let to = fleet.leaders()[0].state().pool(&name).map_or(0, |pool| pool.standing.target);
            let what = What::PoolSized { pool: name, from: before, to, reason: "the scenario starts it".to_owned() };
            self.note(fleet, None, what);
        }
    }

    /// The pools ask for none.
    pub(super) fn stop_fleet(&mut self, fleet: &mut FleetSim) {
        let names: Vec<(String, u32)> = {
            let pools = fleet.leaders()[0].state().pools();
            pools.map(|(name, pool)| (name.to_owned(), pool.standing.target)).collect()
        };
        for (pool, from) in names {
            fleet.admin(0, Command::RemovePool { pool: pool.clone(), by: Self::by("the scenario stops") });
            let reason = "the scenario stops it".to_owned();
            self.note(fleet, None, What::PoolSized { pool, from, to: 0, reason });
        }
    }

    /// Looks at every pool, and commits what its policy decides.
    fn look(&mut self, fleet: &mut FleetSim) {
        let now = fleet.now_ms();
        let clock = super::clock_at(now);
        let moves: Vec<(Command, What)> = {
            let state = fleet.leaders()[0].state();
            let judged = self.autoscaler.judge(state, ShardTime(now), clock);
            let moved = judged.iter().filter_map(|judged| {
                let (from, to) = (judged.pool.standing.target, judged.decision.target);
                let reason = judged.decision.reason.to_string();
                Some((judged.command()?, What::PoolSized { pool: judged.name.to_owned(), from, to, reason }))
            });
            moved.collect()
        };
        for (command, what) in moves {
            fleet.admin(0, command);
            self.note(fleet, None, what);
        }
    }

    fn load(&mut self, fleet: &FleetSim, number: usize) {
        let load = &self.scenario.argosy.loads[number];
        let now = fleet.now_ms();
        let utilisation = load.utilisation.map(|share| argosy_pool::Percent::from_ppm(share.0));
        let told = pools::Told { jobs: load.queue_depth, utilisation };
        if fleet.leaders()[0].state().pool(&load.pool).is_some() {
            self.autoscaler.tell(&load.pool, told, ShardTime(now));
        }
        let next = now + load.every.0;
        if load.until.is_none_or(|until| next < until.0) {
            self.agenda.put(next, Due::Load(number));
        }
        // As the server gathers what comes in together.
        self.agenda.put(now + 200, Due::SoonLook);
    }

    // -- the life of machines

    /// A machine is in another state than before.
    fn changed(&mut self, fleet: &mut FleetSim, change: &Change) {
        let Some(&number) = self.numbers.get(&change.machine) else { return };
        let has_host =
            |state: Option<State>| !matches!(state, None | Some(State::Speculative | State::Creating | State::Failed));
        let (had, has) = (has_host(change.from), has_host(change.to));
        match (change.from, change.to) {
            (Some(State::Configured), Some(State::Draining)) => self.note(fleet, Some(number), What::Draining),
            (Some(State::Configuring | State::Draining), Some(to @ State::Idle)) => {
                self.note(fleet, Some(number), What::Left { state: to.name().to_owned() });
            }
            _ => {}
        }
        if had && !has {
            self.goes_down(fleet, number, change);
        }
        if has && !had {
            self.comes_up(fleet, number, change.from == Some(State::Failed));
        }
        let serves = change.to == Some(State::Configured);
        if serves && change.from != Some(State::Configured) {
            self.joins(fleet, number);
        }
        if !serves && change.to != Some(State::Draining) {
            self.machine(number).pool = None;
        }
        self.meter(fleet, number);
    }

    fn goes_down(&mut self, fleet: &mut FleetSim, number: MachineNumber, change: &Change) {
        let failed = change.to == Some(State::Failed);
        let asked = change.from == Some(State::Deleting);
        if matches!(change.from, Some(State::Configured)) {
            self.misses(fleet, number);
        }
        let machine = self.machine(number);
        (machine.up, machine.unheard_since, machine.silent) = (false, None, false);
        if failed {
            return;
        }
        (machine.started, machine.unreachable, machine.drain_asked) = (false, 0, false);
        machine.unsaid.clear();
        self.workshop.forget(number);
        let machine = self.machine(number);
        let gone: Vec<_> = std::mem::take(&mut machine.active).into_iter().collect();
        // What was broken went with the host.
        gone.into_iter().for_each(|failure| self.failures[failure as usize].over = true);
        self.note(fleet, Some(number), What::Ended { lost: !asked });
    }

    fn comes_up(&mut self, fleet: &mut FleetSim, number: MachineNumber, is_repaired: bool) {
        let now = fleet.now_ms();
        let machine = self.machine(number);
        machine.up = true;
        machine.generation += u32::from(!is_repaired);
        machine.unsaid.insert(0, Word::Greeting);
        self.agenda.put(now, Due::Greeting(number));
    }

    fn joins(&mut self, fleet: &mut FleetSim, number: MachineNumber) {
        let now = fleet.now_ms();
        let pool = {
            let state = fleet.leaders()[0].state();
            let ix = state.fleet().find(&self.site(number).node.id);
            let cluster = ix.and_then(|ix| state.fleet().machine(ix).cluster());
            cluster
                .and_then(|cluster| state.fleet().words.cluster_id(cluster).strip_prefix(CLAIMANT_PREFIX))
                .map(str::to_owned)
        };
        let Some(pool) = pool else { return };
        // What comes back makes up for itself, and for nobody else.
        let comes_back = self.found(number);
        let machine = self.machine(number);
        machine.pool = Some(pool.clone());
        let first = !std::mem::replace(&mut machine.started, true);
        let (generation, decided) = (machine.generation, machine.decided_ms.unwrap_or(now));
        if first {
            let what = What::Started { generation, cold_start_ms: now.saturating_sub(decided) };
            self.note(fleet, Some(number), what);
        }
        self.note(fleet, Some(number), What::Joined { pool: pool.clone() });
        // Only what was decided after a loss makes up for it.
        let longest = self.missed.get(&pool).and_then(|missed| missed.front().copied());
        let since = longest.and_then(|missed| self.machines[missed as usize].missed_since);
        let makes_up = !comes_back && since.is_some_and(|since| since <= decided);
        if let Some(missed) = self.missed.get_mut(&pool).filter(|_| makes_up).and_then(VecDeque::pop_front) {
            let since = self.machine(missed).missed_since.take().unwrap_or(now);
            self.note(fleet, Some(missed), What::Replaced { by: number, pool, took_ms: now - since });
        }
    }

    /// A pool has to do without a machine from now on.
    pub(super) fn misses(&mut self, fleet: &FleetSim, number: MachineNumber) {
        let now = fleet.now_ms();
        let machine = self.machine(number);
        let Some(pool) = machine.pool.clone() else { return };
        if std::mem::replace(&mut machine.is_out, true) {
            return;
        }
        machine.missed_since = Some(now);
        self.missed.entry(pool).or_default().push_back(number);
    }

    /// Nobody has to make up for a machine any more; whether somebody had to.
    pub(super) fn found(&mut self, number: MachineNumber) -> bool {
        let machine = self.machine(number);
        machine.is_out = false;
        let was_missed = machine.missed_since.take().is_some();
        if was_missed {
            self.missed.values_mut().for_each(|missed| missed.retain(|one| *one != number));
        }
        was_missed
    }

    /// Brings what a machine costs in line with what it is.
    pub(super) fn meter(&mut self, fleet: &FleetSim, number: MachineNumber) {
        let state = fleet.leaders()[0].state();
        let known = state.fleet().find(&self.site(number).node.id).map(|ix| *state.fleet().machine(ix));
        let pays = known.is_some_and(|known| known.flags.has(Flags::HOST) || known.state == State::Failed);
        let wastes = pays && known.is_some_and(|known| !known.is_cover() || known.state == State::Failed);
        let price = self.books.record.machines[number as usize].price_microusd_per_hour;
        let now = fleet.now_ms();
        let machine = &mut self.machines[number as usize];
        if std::mem::replace(&mut machine.pays, pays) != pays {
            self.books.pays(now, price, pays);
        }
        if std::mem::replace(&mut machine.wastes, wastes) != wastes {
            self.books.wastes(now, price, wastes);
        }
    }

    fn happen(&mut self, fleet: &mut FleetSim, due: Due) {
        match due {
            Due::Greeting(machine) => self.greet(fleet, machine),
            Due::Primary => self.primary(fleet),
            Due::Spread { machine, parent } => self.spread(fleet, machine, parent),
            Due::Wake { machine, parent, rule } => self.wake(fleet, machine, parent, rule),
            Due::Report(failure) => self.report(fleet, failure),
            Due::Reading(failure) => self.reading(fleet, failure),
            Due::Recovery(failure) => self.recover(fleet, failure),
            Due::CarriedOut { machine, order } => self.carried_out(fleet, machine, order),
            Due::Silence { machine, since_ms } => self.silence(fleet, machine, since_ms),
            Due::OutageBegins(outage) => self.outage_begins(fleet, outage),
            Due::OutageEnds(outage) => self.outage_ends(fleet, outage),
            Due::Load(load) => self.load(fleet, load),
            Due::Look => {
                self.look(fleet);
                self.agenda.put(fleet.now_ms() + super::LOOK_MS, Due::Look);
            }
            Due::SoonLook => self.look(fleet),
            Due::Sample => self.sample(fleet),
            Due::Watch => self.watch(fleet),
            Due::Assertion(number) => self.assertion(fleet, number),
            Due::Script => self.play(fleet),
            Due::NewLeader => {
                fleet.fail_over(0);
                self.health = health::Desk::default();
                self.health.take_up(fleet.leaders()[0].state(), ShardTime(fleet.now_ms()));
                self.autoscaler = pools::Desk::default();
                self.workshop.look_anew();
                self.note(fleet, None, What::LeaderChanged);
            }
            Due::End => self.end(fleet),
        }
    }
}

impl Actor for Stage {
    fn next_ms(&self) -> Option<u64> {
        let health = self.health.next_deadline().map(|due| due.0);
        [self.agenda.next_ms(), health, self.workshop.next_ms()].into_iter().flatten().min()
    }

    fn act(&mut self, fleet: &mut FleetSim) {
        let now = fleet.now_ms();
        while let Some(due) = self.agenda.pop(now) {
            self.happen(fleet, due);
            if self.over {
                return;
            }
        }
        for machine in self.health.advance(ShardTime(now)) {
            if let Some(number) = self.numbers.get(&machine).copied() {
                self.notice(fleet, number);
            }
        }
        self.commit_health(fleet);
        self.commit_repairs(fleet);
    }

    fn after_step(&mut self, fleet: &mut FleetSim) {
        for change in fleet.take_changes(0) {
            self.changed(fleet, &change);
        }
        for moved in fleet.take_moves(0) {
            self.repair_moved(fleet, &moved);
        }
    }

    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled) {
        for acted in &cycled.acted {
            let Some(&number) = self.numbers.get(&acted.machine) else { continue };
            let pool = acted.cluster.as_deref().and_then(|cluster| cluster.strip_prefix(CLAIMANT_PREFIX));
            if matches!(acted.kind, "Provision" | "Bootstrap") {
                self.machine(number).decided_ms = Some(cycled.at_ms);
            }
            let (action, reason) = (acted.kind.to_owned(), acted.reason.to_owned());
            self.note(fleet, Some(number), What::Decided { action, reason, pool: pool.map(str::to_owned) });
        }
        self.commit_repairs(fleet);
        self.hold_invariants(fleet);
    }

    fn is_over(&self) -> bool {
        self.over
    }
}
