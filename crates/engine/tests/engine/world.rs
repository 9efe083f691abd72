//! A fleet with demand and a provider that does what it is told: at once, after a while, or not at all where a test says so.
//!
//! It does to the records what the shard's fold and a provider would do, and nothing else; every plan goes through the
//! linter before it is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use argosy_engine::{Action, ActionKind, Assignment, Cap, Consolidation, Decision, Policy, Reason, View, lint};
use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::{
    Bucket, Cause, Claim, Demand, Duration, Flags, Fleet, Machine, MachineIx, NeedKey, Profile, Resources, Shape,
    ShardTime, State,
};

use crate::decider::Decider;

/// How long a cycle is.
const CYCLE: Duration = Duration::from_secs(10);

/// A step of a provider that is under way.
#[derive(Clone, Debug)]
struct Step {
    machine: MachineIx,
    cycles_left: u32,
    then: Option<Assignment>,
}

/// The fleet, its demand, and the provider's work.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) demand: Demand,
    pub(crate) policy: Policy,
    pub(crate) consolidation: Option<Consolidation>,
    /// As a fold derives them; scripts set them by hand.
    pub(crate) caps: Vec<Cap>,
    pub(crate) now: ShardTime,
    /// Cycles that a machine spends in each transitional state; 0 is at once.
    pub(crate) dwell: BTreeMap<State, u32>,
    /// Machines whose next step from this state fails.
    pub(crate) faults: BTreeSet<(State, MachineIx)>,
    under_way: Vec<Step>,
    decider: Decider,
}

impl Default for World {
    fn default() -> Self {
        Self {
            fleet: Fleet::default(),
            demand: Demand::default(),
            policy: Policy::default(),
            consolidation: None,
            caps: Vec::new(),
            now: ShardTime(1_000_000),
            dwell: BTreeMap::new(),
            faults: BTreeSet::new(),
            under_way: Vec::new(),
            decider: Decider::default(),
        }
    }
}

impl World {
    pub(crate) fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: self.consolidation.as_ref(),
            caps: &self.caps,
            now: self.now,
        }
    }

    /// Adds a machine of a shape, claimed if its state needs it.
    pub(crate) fn add(&mut self, id: &str, shape: &Shape, state: State, claim: Option<Claim>) -> MachineIx {
        let shape = self.fleet.words.shape(shape);
        let mut machine = Machine { claim, ..Machine::new(shape, state, self.now) };
        if let Some(profile) = claim.and_then(|claim| claim.profile) {
            let profile = self.fleet.words.profile_of(profile);
            machine.assigned_priority = profile.priority;
            machine.assigned_interruption = profile.interruption;
            machine.assigned_reclamation = profile.reclamation;
        }
        self.fleet.add(id, machine, Aside::default()).expect("a sound machine")
    }

    /// Takes in a row of a cluster's demand, as the shard's ingest does.
    pub(crate) fn need(
        &mut self,
        cluster: &str,
        profile: &Profile,
        group: Option<&str>,
        aggregate: Resources,
        unit: Resources,
    ) -> NeedKey {
        let words = &mut self.fleet.words;
        let cluster = words.cluster(cluster);
        let profile_ix = words.profile(profile);
        if profile.same_key().is_some() {
            words.profile(&profile.without_same());
        }
        let key = NeedKey { cluster, profile: profile_ix, group: group.map(|g| words.group(g)), fold: 0 };
        self.demand.put(key, aggregate, unit, self.now, &self.fleet.words);
        self.hear(key.cluster);
        key
    }

    pub(crate) fn withdraw(&mut self, key: &NeedKey) {
        self.demand.withdraw(key, &self.fleet.words);
    }

    /// The cluster has reported.
    pub(crate) fn hear(&mut self, cluster: argosy_model::ClusterIx) {
        let reporting = self.demand.reporting(cluster);
        self.demand.set_reporting(cluster, Reporting { heard: true, ..reporting });
    }

    pub(crate) fn flag(&mut self, ix: MachineIx, flag: Flags, on: bool) {
        let machine = *self.fleet.machine(ix);
        let next = Machine { flags: machine.flags.with(flag, on), ..machine };
        self.fleet.put(ix, next, self.fleet.aside(ix), Cause::Provider).expect("flags may change in any state");
    }

    /// Machines that were put in half-way through a step go on with it.
    pub(crate) fn adopt_steps(&mut self) {
        let half_way: Vec<MachineIx> =
            self.fleet.iter().filter(|(_, m)| m.state.is_transitional()).map(|(ix, _)| ix).collect();
        self.under_way.extend(half_way.into_iter().map(|machine| Step { machine, cycles_left: 1, then: None }));
    }

    /// The machine's host is gone.
    pub(crate) fn vanish(&mut self, ix: MachineIx) {
        self.under_way.retain(|step| step.machine != ix);
        self.fleet.step(ix, State::Speculative, self.now, None, Cause::Lost).expect("a host can die in any state");
    }

    /// One cycle: the provider's work goes on, decide decides, the plan is linted and applied.
    pub(crate) fn cycle(&mut self) -> Decision {
        self.now = self.now.plus(CYCLE);
        self.progress();
        let decision = self.decide();
        let findings = lint(&self.view(), &decision);
        assert!(findings.is_empty(), "the plan breaks rules: {findings:#?}\n{:#?}", decision.plan);
        self.apply(&decision);
        decision
    }

    pub(crate) fn decide(&mut self) -> Decision {
        let view = View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: self.consolidation.as_ref(),
            caps: &self.caps,
            now: self.now,
        };
        self.decider.decide(&view)
    }

    /// Cycles until a plan is empty; how many it took. Panics if it takes more than `most`.
    pub(crate) fn settle(&mut self, most: usize) -> usize {
        let mut history = String::new();
        for cycle in 0..most {
            let decision = self.cycle();
            if decision.plan.is_empty() && self.under_way.is_empty() {
                return cycle;
            }
            for unit in &decision.plan.units {
                let actions = unit.actions.iter().map(|a| (a.kind.name(), a.machine));
                writeln!(history, "{cycle}: {} {:?} {:?}", unit.reason.name(), unit.needs, actions.collect::<Vec<_>>())
                    .expect("text grows");
            }
        }
        panic!("no fixed point after {most} cycles:\n{history}");
    }

    pub(crate) fn apply(&mut self, decision: &Decision) {
        for unit in &decision.plan.units {
            for action in &unit.actions {
                self.carry_out(action, unit.reason);
            }
        }
        for (key, mark) in &decision.plan.marks {
            self.demand.set_mark(*key, *mark);
        }
        self.level();
        self.finish_what_is_due();
    }

    fn carry_out(&mut self, action: &Action, _reason: Reason) {
        let ix = action.machine;
        let machine = *self.fleet.machine(ix);
        assert_eq!(machine.version, action.version, "{action:?} was decided from another version");
        if matches!(action.kind, ActionKind::Provision(_)) {
            for cap in self.caps.iter_mut().filter(|cap| cap.is_over(machine.shape)) {
                *cap = cap.with_left(cap.left() - 1);
            }
        }
        let (next, then) = match &action.kind {
            ActionKind::Bootstrap(assignment) => {
                (assigned(machine.moved(State::Configuring, self.now), assignment), None)
            }
            ActionKind::Provision(assignment) => {
                (assigned(machine.moved(State::Creating, self.now), assignment), Some(*assignment))
            }
            ActionKind::Preempt { heir, .. } => {
                (Machine { heir: Some(*heir), ..machine.moved(State::Draining, self.now) }, None)
            }
            ActionKind::Reclaim { .. } => (machine.moved(State::Draining, self.now), None),
            ActionKind::Release => (machine.moved(State::Deleting, self.now), None),
        };
        self.fleet.put(ix, next, Aside::default(), Cause::Decided).expect("decide plans legal steps");
        let cycles_left = self.dwell.get(&next.state).copied().unwrap_or(0);
        self.under_way.push(Step { machine: ix, cycles_left, then });
    }

    fn progress(&mut self) {
        for step in &mut self.under_way {
            step.cycles_left = step.cycles_left.saturating_sub(1);
        }
        self.finish_what_is_due();
    }

    fn finish_what_is_due(&mut self) {
        while let Some(at) = self.under_way.iter().position(|step| step.cycles_left == 0) {
            let step = self.under_way.remove(at);
            self.finish(&step);
        }
    }

    fn finish(&mut self, step: &Step) {
        let ix = step.machine;
        let from = self.fleet.machine(ix).state;
        if self.faults.remove(&(from, ix)) {
            let failed = self.fleet.step(ix, State::Failed, self.now, Some("the provider says no"), Cause::Provider);
            failed.expect("a step may fail");
            return;
        }
        let to = match from {
            State::Creating | State::Draining => State::Idle,
            State::Configuring => State::Configured,
            State::Deleting => State::Speculative,
            other => panic!("nothing is under way in {other:?}"),
        };
        self.fleet.step(ix, to, self.now, None, Cause::Provider).expect("a provider's step");
        if let Some(assignment) = &step.then {
            let next = assigned(self.fleet.machine(ix).moved(State::Configuring, self.now), assignment);
            self.fleet.put(ix, next, Aside::default(), Cause::Decided).expect("a created machine is bound");
            let cycles_left = self.dwell.get(&State::Configuring).copied().unwrap_or(0);
            self.under_way.push(Step { machine: ix, cycles_left, then: None });
        }
    }

    /// Caps a few shapes, or puts the caps away.
    pub(crate) fn cap(&mut self, caps: Vec<Cap>) {
        self.caps = caps;
        self.level();
    }

    /// Of each shape no more slots are on offer than its caps leave: as the shard's fold has it.
    fn level(&mut self) {
        let mut shown: BTreeMap<argosy_model::ShapeIx, u32> = BTreeMap::new();
        let slots = self.fleet.iter().filter(|(_, machine)| machine.state == State::Speculative);
        let slots: Vec<(MachineIx, Machine)> = slots.map(|(ix, machine)| (ix, *machine)).collect();
        for (ix, machine) in slots {
            let most = self.caps.iter().filter(|cap| cap.is_over(machine.shape)).map(Cap::left).min();
            let so_far = shown.entry(machine.shape).or_default();
            let is_beyond = most.is_some_and(|most| *so_far >= most);
            *so_far += u32::from(!is_beyond);
            if machine.flags.has(Flags::HELD_BACK) != is_beyond {
                self.flag(ix, Flags::HELD_BACK, is_beyond);
            }
        }
    }

    pub(crate) fn count(&self, state: State) -> usize {
        self.fleet.classes().in_state(state).map(|(_, members)| members.len()).sum()
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

/// A bucket by its bound in whole dollars, or `pinned`.
pub(crate) fn bucket(text: &str) -> Bucket {
    match text {
        "pinned" => Bucket::PINNED,
        usd => Bucket::covering(argosy_model::MicroUsd::from_usd(usd.parse().expect("whole dollars"))),
    }
}
