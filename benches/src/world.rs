//! A fleet with its demand, as decide sees it, and a provider that carries every plan out at once.

use argosy_engine::{ActionKind, Decision, Engine, Policy, View};
use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::vocabulary::RACK_KEY;
use argosy_model::{
    Cause, ClusterIx, Demand, Fleet, Machine, NeedKey, Operator, Profile, Requirement, Resources, Shape, ShardTime,
    State,
};

/// Shape of a machine in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offering {
    pub(crate) name: &'static str,
    pub(crate) cpu_milli: u64,
    pub(crate) mib: u64,
    pub(crate) gpus: u64,
    pub(crate) microusd_per_hour: u64,
}

/// What decide looks at. Clones share structure.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    pub(crate) demand: Demand,
    pub(crate) policy: Policy,
    pub(crate) now: ShardTime,
}

impl World {
    /// Nothing yet. No cap on reclaims and none on actions: the whole work of a cycle is to be seen.
    pub(crate) fn empty() -> Self {
        let policy = Policy { max_actions: u32::MAX, reclaim_cap_ppm: None, ..Policy::default() };
        Self { fleet: Fleet::default(), demand: Demand::default(), policy, now: ShardTime(1_000_000) }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: None,
            caps: &[],
            now: self.now,
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = ShardTime(self.now.0 + ms);
    }

    /// Interns a resource vector.
    pub(crate) fn resources(&mut self, cpu_milli: u64, mib: u64, gpus: u64) -> Resources {
        let words = &mut self.fleet.words;
        let dims = [("cpu", cpu_milli), ("memory", mib << 20), ("nvidia.com/gpu", gpus)];
        Resources::from_amounts(dims.map(|(name, amount)| (words.dim(name), amount)))
    }

    /// Adds a machine whose id is that of a cloud's instance in length.
    pub(crate) fn add(&mut self, shape: &Shape, machine: impl FnOnce(Machine) -> Machine, state: State) {
        let id = format!("i-{:017x}", self.fleet.slots());
        let handle = self.fleet.words.shape(shape);
        let machine = machine(Machine::new(handle, state, self.now));
        self.fleet.add(&id, machine, Aside::default()).expect("a sound machine");
    }

    /// Puts a row of demand in. Two rows of one key would be one need, and the workload smaller than it says.
    pub(crate) fn ask(&mut self, key: NeedKey, unit: Resources, units: u64) {
        assert!(self.demand.get(&key).is_none(), "a workload names every need once: {key:?}");
        self.demand.put(key, unit.times(units), unit, self.now, &self.fleet.words);
        self.demand.set_reporting(key.cluster, Reporting { heard: true, ..Reporting::default() });
    }

    /// The key of a need; of a gang, the profile that it folds into is interned beside its own.
    pub(crate) fn key(&mut self, cluster: ClusterIx, profile: &Profile, group: Option<&str>) -> NeedKey {
        let words = &mut self.fleet.words;
        words.profile(&profile.without_same());
        NeedKey { cluster, profile: words.profile(profile), group: group.map(|group| words.group(group)), fold: 0 }
    }

    /// The condition that all machines stand in one rack.
    pub(crate) fn same_rack(&mut self) -> Requirement {
        Requirement { key: self.fleet.words.symbol(RACK_KEY), operator: Operator::Same, values: vec![] }
    }

    /// Carries a plan out at once, as a perfect provider would.
    pub(crate) fn carry_out(&mut self, decision: &Decision) {
        for action in decision.plan.actions() {
            let machine = *self.fleet.machine(action.machine);
            let (to, claim) = match &action.kind {
                ActionKind::Bootstrap(a) | ActionKind::Provision(a) => (State::Configured, Some(a.claim)),
                ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => (State::Idle, None),
                ActionKind::Release => (State::Speculative, None),
            };
            let next = Machine { claim, ..machine.moved(to, self.now) };
            self.fleet.put(action.machine, next, Aside::default(), Cause::Skipped).expect("a legal step");
        }
        for (key, mark) in &decision.plan.marks {
            self.demand.set_mark(*key, *mark);
        }
    }

    /// Decides and carries out until there is nothing left to do.
    ///
    /// # Panics
    /// When that takes more than 64 cycles: a fleet that is left alone comes to rest.
    pub(crate) fn settle(&mut self) {
        let mut engine = Engine::new();
        for _ in 0..64 {
            self.pass(10_000);
            let decision = engine.decide(&self.view());
            if decision.plan.is_empty() {
                return;
            }
            self.carry_out(&decision);
        }
        panic!("the fleet did not come to rest within 64 cycles");
    }

    /// The host of every `nth` bound machine from `first` on dies, `most` of them.
    pub(crate) fn lose(&mut self, first: usize, nth: usize, most: usize) {
        let bound = self.fleet.iter().filter(|(_, m)| m.state == State::Configured).map(|(ix, _)| ix);
        let lost: Vec<_> = bound.skip(first).step_by(nth).take(most).collect();
        assert_eq!(lost.len(), most, "there are enough bound machines to lose");
        for ix in lost {
            self.fleet.step(ix, State::Speculative, self.now, None, Cause::Lost).expect("a host can die");
        }
    }

    /// Machines in a state.
    pub(crate) fn count(&self, state: State) -> usize {
        self.fleet.classes().in_state(state).map(|(_, members)| members.len()).sum()
    }
}
