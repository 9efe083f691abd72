//! A shard in small: the fleet, the demand, and what a fold and a provider would do to them.
//!
//! The records are written through the model alone, with every check of the lifecycle. A step that does not apply changes
//! nothing, and says so.

use argosy_engine::consolidation::{Brake, Most, Per};
use argosy_engine::{Action, ActionKind, Assignment, Consolidation, Decision, Policy, View};
use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::{
    Cause, Claim, ClusterIx, Demand, Duration, Flags, Fleet, Machine, MachineIx, NeedKey, ShardTime, State,
};

use crate::caps::Caps;
use crate::case::{CapDraft, Case, Change, MachineDraft, NeedDraft, PolicyDraft};
use crate::vocabulary;

/// Flags, by the number that drafts give them.
pub const FLAGS: [Flags; 6] =
    [Flags::CORDONED, Flags::UNHEALTHY, Flags::NOTICE, Flags::COOLING, Flags::CONDEMNED, Flags::KEPT];
/// Shard time at which every case begins.
const BEGIN: ShardTime = ShardTime(10_000_000);

/// An edge of the lifecycle that was taken.
pub type Edge = (State, State, Cause);

/// The state of a case.
#[derive(Clone, Debug)]
pub struct World {
    /// The machines.
    pub fleet: Fleet,
    /// The demand.
    pub demand: Demand,
    /// Limits, holds, weights and rails.
    pub policy: Policy,
    /// What consolidation is allowed.
    pub consolidation: Option<Consolidation>,
    /// Shard time.
    pub now: ShardTime,
    caps: Caps,
    /// By number.
    machines: Vec<Option<MachineIx>>,
    /// By number.
    needs: Vec<Option<NeedKey>>,
    edges: Vec<Edge>,
}

impl World {
    /// The state in which a case begins, over words that [`vocabulary::words`] made.
    pub fn of(case: &Case, words: argosy_model::Vocabulary) -> Self {
        let mut world = Self {
            fleet: Fleet::with_words(words),
            demand: Demand::default(),
            policy: policy(&case.policy),
            consolidation: consolidation(&case.policy),
            now: BEGIN,
            caps: Caps::default(),
            machines: Vec::new(),
            needs: Vec::new(),
            edges: Vec::new(),
        };
        for need in &case.needs {
            world.put(need);
        }
        for machine in &case.machines {
            world.appear(machine);
        }
        world.cap(&case.caps);
        world
    }

    /// What the engines see.
    pub fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: self.consolidation.as_ref(),
            caps: self.caps.now(),
            now: self.now,
        }
    }

    /// The edges that were taken since this was last asked.
    pub fn take_edges(&mut self) -> Vec<Edge> {
        std::mem::take(&mut self.edges)
    }

    /// The machine with a number, if it is there.
    pub fn machine(&self, number: u16) -> Option<MachineIx> {
        self.machines.get(usize::from(number)).copied().flatten()
    }

    /// The numbers of all machines that are there.
    pub fn machine_numbers(&self) -> impl Iterator<Item = u16> + '_ {
        let numbers = (0..=u16::MAX).zip(&self.machines);
        numbers.filter_map(|(number, ix)| ix.map(|_| number))
    }

    /// The need with a number, if it is there.
    pub fn need(&self, number: u16) -> Option<NeedKey> {
        self.needs.get(usize::from(number)).copied().flatten().filter(|key| self.demand.get(key).is_some())
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u16) {
        self.now = self.now.plus(Duration::from_secs(seconds.into()));
    }

    /// Makes a change.
    pub fn change(&mut self, change: &Change) {
        match change {
            Change::Nothing | Change::WhatIf(_) | Change::Rest => {}
            Change::Finish { count, binds } => self.finish(*count, *binds),
            Change::Put(need) => self.put(need),
            Change::Withdraw(number) => {
                if let Some(key) = self.need(*number) {
                    self.demand.withdraw(&key, &self.fleet.words);
                }
            }
            Change::Empty(cluster) => self.empty(*cluster),
            Change::Appear(machine) => self.appear(machine),
            Change::Vanish(number) => {
                if let Some(ix) = self.machine(*number) {
                    self.fleet.remove(ix).expect("it is there");
                    self.machines[usize::from(*number)] = None;
                }
            }
            Change::Move { machine, to, cause, owner } => self.shift(*machine, *to, *cause, *owner),
            Change::Flag { machine, flag, on } => self.flag(*machine, *flag, *on),
            Change::Reshape { machine, offering, rack } => self.reshape(*machine, *offering, *rack),
            Change::Policy(draft) => {
                (self.policy, self.consolidation) = (policy(draft), consolidation(draft));
            }
            Change::Caps(caps) => self.cap(caps),
        }
        self.level();
    }

    // -- caps

    fn cap(&mut self, drafts: &[CapDraft]) {
        // What the ones before held back is let go.
        self.caps = Caps::default();
        self.hold_back();
        self.caps = Caps::of(drafts, &mut self.fleet.words);
        self.level();
    }

    /// At the end of whatever happens.
    fn level(&mut self) {
        if !self.caps.now().is_empty() {
            self.caps.count(&self.fleet);
            self.hold_back();
        }
    }

    fn hold_back(&mut self) {
        for (ix, is_held_back) in self.caps.level(&self.fleet) {
            let machine = *self.fleet.machine(ix);
            if machine.flags.has(Flags::HELD_BACK) != is_held_back {
                let flags = machine.flags.with(Flags::HELD_BACK, is_held_back);
                self.write(ix, Machine { flags, ..machine }, Cause::Provider);
            }
        }
    }

    // -- demand

    fn put(&mut self, draft: &NeedDraft) {
        let words = &mut self.fleet.words;
        let profile = vocabulary::profile(words, draft);
        let plain = profile.same_key().is_some().then(|| profile.without_same());
        let (aggregate, unit) = vocabulary::amounts(words, draft);
        let cluster = cluster(words, draft.cluster);
        let group = draft.group.map(|group| words.group(&format!("g{group}")));
        let key = NeedKey { cluster, profile: words.profile(&profile), group, fold: 0 };
        if let Some(plain) = plain {
            words.profile(&plain);
        }
        self.demand.put(key, aggregate, unit, self.now, &self.fleet.words);
        put_at(&mut self.needs, draft.number, key);
        self.hear(cluster);
    }

    fn empty(&mut self, number: u8) {
        let cluster = cluster(&mut self.fleet.words, number);
        let keys: Vec<NeedKey> = self.demand.of_cluster(cluster).map(|need| need.key).collect();
        for key in keys {
            self.demand.withdraw(&key, &self.fleet.words);
        }
        self.hear(cluster);
    }

    fn hear(&mut self, cluster: ClusterIx) {
        let before = self.demand.reporting(cluster);
        let rows = u32::try_from(self.demand.of_cluster(cluster).count()).expect("few rows");
        let after = Reporting { heard: true, rows, ..before };
        if after != before {
            self.demand.set_reporting(cluster, after);
        }
    }

    // -- supply

    /// For whom a machine is, or was, acquired.
    fn claim(&mut self, owner: u16) -> Claim {
        match self.needs.get(usize::from(owner)).copied().flatten() {
            Some(key) => Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group },
            None => {
                let number = u8::try_from(owner % u16::from(vocabulary::CLUSTERS)).expect("few clusters");
                Claim { cluster: cluster(&mut self.fleet.words, number), profile: None, group: None }
            }
        }
    }

    fn appear(&mut self, draft: &MachineDraft) {
        let taken = self.machine(draft.number).is_some();
        let shape = vocabulary::shape(&mut self.fleet.words, draft.offering, draft.rack);
        let shape = self.fleet.words.shape(&shape);
        let claim = self.claim(draft.owner);
        let heir = draft.heir.map(|heir| self.claim(heir));
        let age = Duration::from_secs(draft.age_s.into());
        let since = ShardTime(self.now.0.saturating_sub(age.0));
        let mut machine = Machine::new(shape, draft.state, since);
        if draft.state.is_bound() || draft.state == State::Creating {
            machine = self.stamped(machine, claim);
        }
        if draft.state == State::Draining {
            machine.heir = heir;
        }
        if let Some(flag) = draft.flag.map(|flag| FLAGS[usize::from(flag) % FLAGS.len()]) {
            machine.flags = machine.flags.with(flag, true);
        }
        let error = (draft.state == State::Failed).then(|| "broken".into());
        let id = format!("m{}", draft.number);
        if !taken && let Ok(ix) = self.fleet.add(&id, machine, Aside { host: None, error }) {
            put_at(&mut self.machines, draft.number, ix);
        }
    }

    /// A machine that bears a need's claim and terms.
    fn stamped(&self, machine: Machine, claim: Claim) -> Machine {
        let terms = claim.profile.map(|profile| self.fleet.words.profile_of(profile));
        match terms {
            Some(terms) => Machine {
                claim: Some(claim),
                assigned_priority: terms.priority,
                assigned_interruption: terms.interruption,
                assigned_reclamation: terms.reclamation,
                ..machine
            },
            None => Machine { claim: Some(claim), ..machine },
        }
    }

    fn shift(&mut self, number: u16, to: State, cause: Cause, owner: u16) {
        let Some(ix) = self.machine(number) else { return };
        let claim = self.claim(owner);
        let before = *self.fleet.machine(ix);
        let mut next = before.moved(to, self.now);
        if to.is_bound() && next.claim.is_none() {
            next = self.stamped(next, claim);
        }
        self.write(ix, next, cause);
    }

    fn flag(&mut self, number: u16, flag: u8, on: bool) {
        let Some(ix) = self.machine(number) else { return };
        let machine = *self.fleet.machine(ix);
        let flags = machine.flags.with(FLAGS[usize::from(flag) % FLAGS.len()], on);
        self.write(ix, Machine { flags, ..machine }, Cause::Provider);
    }

    fn reshape(&mut self, number: u16, offering: u8, rack: u8) {
        let Some(ix) = self.machine(number) else { return };
        let shape = vocabulary::shape(&mut self.fleet.words, offering, rack);
        let shape = self.fleet.words.shape(&shape);
        let machine = *self.fleet.machine(ix);
        self.write(ix, Machine { shape, ..machine }, Cause::Provider);
    }

    /// Writes a record if the model allows it.
    fn write(&mut self, ix: MachineIx, next: Machine, cause: Cause) -> bool {
        let error = (next.state == State::Failed).then(|| "broken".into());
        let done = self.fleet.put(ix, next, Aside { host: None, error }, cause);
        if let Some(before) = done.as_ref().ok().filter(|before| before.state != next.state) {
            self.edges.push((before.state, next.state, cause));
        }
        done.is_ok()
    }

    fn finish(&mut self, count: u16, binds: bool) {
        let busy = self.fleet.iter().filter(|(_, machine)| machine.state.is_transitional()).map(|(ix, _)| ix);
        let busy: Vec<MachineIx> = busy.take(count.into()).collect();
        for ix in busy {
            let machine = *self.fleet.machine(ix);
            let to = match machine.state {
                State::Creating | State::Draining => State::Idle,
                State::Configuring => State::Configured,
                _ => State::Speculative,
            };
            self.write(ix, machine.moved(to, self.now), Cause::Provider);
            if let Some(claim) = machine.claim.filter(|_| machine.state == State::Creating && binds) {
                let idle = *self.fleet.machine(ix);
                let next = self.stamped(idle.moved(State::Configuring, self.now), claim);
                self.write(ix, next, Cause::Decided);
            }
        }
    }

    // -- plans

    /// Takes a plan, as a fold does: whole units, nothing while a rail holds plans back. Every `drops`th unit is left out,
    /// as if it had been about something that moved on; 1 loses the plan, with its marks.
    pub fn take(&mut self, decision: &Decision, drops: u8) {
        let is_held_back = self.policy.kill_switch || self.policy.dry_run;
        for (nth, unit) in (1_usize..).zip(&decision.plan.units) {
            let is_dropped = drops > 0 && nth.is_multiple_of(usize::from(drops));
            if !is_held_back && !is_dropped && self.caps.allow(unit, &self.fleet) {
                unit.actions.iter().for_each(|action| self.carry_out(action));
                self.caps.count(&self.fleet);
            }
        }
        self.level();
        for (key, mark) in decision.plan.marks.iter().filter(|_| drops != 1) {
            self.demand.set_mark(*key, *mark);
        }
    }

    fn carry_out(&mut self, action: &Action) {
        let (ix, now) = (action.machine, self.now);
        let machine = *self.fleet.machine(ix);
        assert_eq!(machine.version, action.version, "{action:?} was decided from another version");
        let next = match &action.kind {
            ActionKind::Bootstrap(assignment) => assigned(machine.moved(State::Configuring, now), assignment),
            ActionKind::Provision(assignment) => assigned(machine.moved(State::Creating, now), assignment),
            ActionKind::Preempt { heir, .. } => Machine { heir: Some(*heir), ..machine.moved(State::Draining, now) },
            ActionKind::Reclaim { .. } => machine.moved(State::Draining, now),
            ActionKind::Release => machine.moved(State::Deleting, now),
        };
        let is_legal = self.write(ix, next, Cause::Decided);
        assert!(is_legal, "{action:?} is no legal step from {machine:?}");
    }
}

fn assigned(machine: Machine, assignment: &Assignment) -> Machine {
    Machine {
        claim: Some(assignment.claim),
        assigned_priority: assignment.priority,
        assigned_interruption: assignment.interruption,
        assigned_reclamation: assignment.reclamation,
        ..machine
    }
}

fn cluster(words: &mut argosy_model::Vocabulary, number: u8) -> ClusterIx {
    words.cluster(["c0", "c1", "c2", "c3"][usize::from(number % vocabulary::CLUSTERS)])
}

fn put_at<T: Clone>(list: &mut Vec<Option<T>>, number: u16, value: T) {
    let at = usize::from(number);
    if at >= list.len() {
        list.resize(at + 1, None);
    }
    list[at] = Some(value);
}

fn policy(draft: &PolicyDraft) -> Policy {
    let seconds = |seconds: u16| Duration::from_secs(seconds.into());
    let [park_after, probe_every, assemble_within, retreat_for] = draft.timers_s.map(seconds);
    Policy {
        hold_on_demand: seconds(draft.hold_s[0]),
        hold_spot: seconds(draft.hold_s[1]),
        reclaim_cap_ppm: draft.cap_ppm,
        max_actions: draft.max_actions,
        park_after,
        probe_every,
        assemble_within,
        retreat_for,
        victim_weights_milli: draft.weights,
        kill_switch: draft.kill_switch,
        dry_run: draft.dry_run,
        ..Policy::default()
    }
}

fn consolidation(draft: &PolicyDraft) -> Option<Consolidation> {
    let moves = draft.moves.as_ref()?;
    let most = |count: u32, ppm: Option<u32>| ppm.map_or(Most::Count(count), Most::Ppm);
    let brake = |per, most| Brake { per, most, left: std::collections::BTreeMap::new() };
    Some(Consolidation {
        min_gain: argosy_model::MicroUsd(moves.min_gain),
        move_cost: argosy_model::MicroUsd(moves.cost),
        payback: Duration::from_secs(u64::from(moves.payback_h) * 3_600),
        brakes: vec![
            brake(Per::Shard, most(moves.of_shard, None)),
            brake(Per::Cluster, most(moves.of_cluster, moves.share_ppm)),
        ],
    })
}
