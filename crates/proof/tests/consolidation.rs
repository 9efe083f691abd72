//! The closed loop of consolidation: generated shards that have come to rest are allowed to move needs to cheaper machines. What is covered
//! stays covered in every cycle, what the needs hold only gets cheaper, no machine is moved to twice, and all comes to rest again; also
//! when prices and needs change in between. Mistakes that are planted in the reference are seen here too.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::consolidation::{Brake, Most, Per};
use argosy_engine::{Action, Consolidation, Decision, Engine, Reason, View};
use argosy_model::fleet::Class;
use argosy_model::{Claim, Duration, MachineIx, NeedKey, Resources, State};
use argosy_proof::case::Change;
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::{Diet, Generator};
use argosy_proof::plant::{Plant, plant};
use argosy_proof::reference;
use argosy_proof::run::Words;
use argosy_proof::world::World;

const SEED: u64 = 20_261_123;
/// Cases that are let come to rest.
const CASES: u64 = 150;
/// Cycles after which any of these small worlds must be at rest.
const PATIENCE: usize = 400;
/// Cycles in a row without a decision that count as rest: longer than any hold.
const REST: usize = 12;

/// What went wrong, in words.
type Wrong = String;

/// A shard that is left alone, or nearly.
struct Loop<D> {
    world: World,
    decide: D,
    /// Machines that some need has moved to since prices last changed.
    moved_to: BTreeSet<MachineIx>,
    moves: usize,
}

impl<D: FnMut(&View<'_>) -> Decision> Loop<D> {
    fn new(mut world: World, decide: D) -> Self {
        let policy = &mut world.policy;
        (policy.kill_switch, policy.dry_run, policy.max_actions) = (false, false, 20_000);
        (policy.park_after, policy.retreat_for) = (Duration::NEVER, Duration::NEVER);
        policy.assemble_within = Duration::from_secs(60);
        (policy.hold_on_demand, policy.hold_spot) = (Duration::from_secs(60), Duration::from_secs(30));
        world.consolidation = None;
        Self { world, decide, moved_to: BTreeSet::new(), moves: 0 }
    }

    /// One cycle, with a provider that has finished what it was told.
    fn cycle(&mut self) -> Decision {
        self.world.pass(10);
        self.world.change(&Change::Finish { count: u16::MAX, binds: true });
        let decision = (self.decide)(&self.world.view());
        self.world.take(&decision, 0);
        decision
    }

    fn rest(&mut self) -> Result<(), Wrong> {
        let mut at_rest = 0;
        let mut costs = self.held();
        let mut last = String::new();
        for cycle in 0..PATIENCE {
            let decision = self.cycle();
            self.note_moves(&decision)?;
            let now = self.held();
            if self.world.consolidation.is_some() {
                let preempts = decision.plan.units.iter().any(|unit| unit.reason == Reason::PreemptForPriority);
                self.compare(&costs, &now, preempts)?;
            }
            costs = now;
            if cycle + 4 >= PATIENCE {
                last.push_str(&self.told(&decision));
            }
            at_rest = if decision.plan.is_empty() { at_rest + 1 } else { 0 };
            if at_rest == REST {
                return Ok(());
            }
        }
        Err(format!("it does not come to rest:\n{last}"))
    }

    fn told(&self, decision: &Decision) -> String {
        let action = |action: &Action| format!("{} {}", action.kind.name(), self.world.fleet.id(action.machine));
        let units = decision.plan.units.iter();
        let lines = units.map(|unit| {
            let actions: Vec<String> = unit.actions.iter().map(action).collect();
            format!("{} {:?} {}\n", unit.reason.name(), unit.needs, actions.join(", "))
        });
        lines.collect::<String>() + &format!("and {} marks\n", decision.plan.marks.len())
    }

    fn note_moves(&mut self, decision: &Decision) -> Result<(), Wrong> {
        for unit in decision.plan.units.iter().filter(|unit| unit.reason == Reason::Consolidate) {
            self.moves += 1;
            for action in &unit.actions {
                if !self.moved_to.insert(action.machine) {
                    return Err(format!("{} is moved to a second time", self.world.fleet.id(action.machine)));
                }
            }
        }
        Ok(())
    }

    /// By need that lies anywhere and that its own serving machines cover: what it costs an hour once all surplus has gone.
    fn held(&self) -> BTreeMap<NeedKey, u128> {
        let words = &self.world.fleet.words;
        let is_plain = |key: &NeedKey| {
            let profile = words.profile_of(key.profile);
            profile.same_key().is_none() && profile.spread().is_none()
        };
        let needs = self.world.demand.iter().filter(|need| is_plain(&need.key));
        needs.filter_map(|need| Some((need.key, self.cost(&need.key, &need.aggregate, &need.min_unit)?))).collect()
    }

    fn cost(&self, key: &NeedKey, aggregate: &Resources, unit: &Resources) -> Option<u128> {
        let words = &self.world.fleet.words;
        let claim = Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group };
        let profile = words.profile_of(key.profile);
        let penalty = u128::from(profile.interruption.upper_bound().0);
        let own = self.world.fleet.iter().filter(|(_, m)| m.state == State::Configured && m.claim == Some(claim));
        let own = own
            .filter(|(_, machine)| machine.is_cover())
            .map(|(ix, machine)| (ix, machine, words.shape_of(machine.shape)));
        let fit = own.filter(|(_, _, shape)| profile.admits(shape, words) && shape.resources.covers(unit));
        let mut own: Vec<_> = fit.collect();
        own.sort_by_key(|(ix, machine, shape)| {
            let is_elastic = shape.capacity_type.is_elastic();
            (shape.price, is_elastic, Reverse(machine.assigned_reclamation), Class::of(machine), *ix)
        });
        let (mut have, mut cost) = (Resources::none(), 0);
        for (_, _, shape) in own {
            let helps = |(dim, want)| have.get(dim) < want && shape.resources.get(dim) > 0;
            if aggregate.iter().any(helps) {
                have.add(&shape.resources);
                let price = if shape.capacity_type.is_elastic() { u128::from(shape.price.0) } else { 0 };
                cost += price + u128::from(shape.interruption.0) * penalty / 1_000_000_000;
            }
        }
        have.covers(aggregate).then_some(cost)
    }

    /// Whoever was covered by what is its own is so still, at no higher a cost.
    fn compare(
        &self,
        before: &BTreeMap<NeedKey, u128>,
        now: &BTreeMap<NeedKey, u128>,
        preempts: bool,
    ) -> Result<(), Wrong> {
        for (key, cost) in before {
            match now.get(key) {
                None if preempts => {}
                None => return Err(format!("{key:?} is no longer covered by its own")),
                Some(now) if now > cost => return Err(format!("{key:?} costs {now} after {cost}")),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn bill(&self) -> u128 {
        self.held().values().sum()
    }
}

fn allowed() -> Consolidation {
    let brake = |per, most| Brake { per, most: Most::Count(most), left: BTreeMap::new() };
    Consolidation {
        payback: Duration::from_secs(1_000 * 3_600),
        brakes: vec![brake(Per::Shard, 5), brake(Per::Cluster, 2)],
        ..Consolidation::default()
    }
}

/// What became of all cases.
#[derive(Debug, Default)]
struct Sum {
    moves: usize,
    before: u128,
    after: u128,
}

/// Lets case `nth` come to rest, allows moves, and changes something a few times.
fn converge(
    (words, nth): (&Words, u64),
    decide: impl FnMut(&View<'_>) -> Decision,
    changes: usize,
    sum: &mut Sum,
) -> Result<(), Wrong> {
    let run = words.run_to_the_end((SEED, nth), Diet::Full, &mut Engine::new(), &mut Coverage::default());
    let mut shard = Loop::new(run.expect("the engines agree"), decide);
    shard.rest().map_err(|wrong| format!("before anything is allowed: {wrong}"))?;
    let before = shard.bill();
    shard.world.consolidation = Some(allowed());
    shard.rest()?;
    let moves = shard.moves;
    let after = shard.bill();
    if moves > 0 && changes == 0 && after >= before {
        return Err(format!("{moves} moves, and what was {before} is {after}"));
    }
    (sum.moves, sum.before, sum.after) = (sum.moves + moves, sum.before + before, sum.after + after);
    let mut generator = Generator::new(SEED + 1, nth, Diet::NoDeath);
    for _ in 0..changes {
        let step = generator.step(&shard.world);
        if matches!(step.change, Change::Policy(_)) {
            continue;
        }
        shard.world.change(&step.change);
        // What a machine costs, and who needs what, is another now: the same may be cheaper again.
        shard.moved_to.clear();
        shard.world.consolidation = None;
        let mut engine = Engine::new();
        let mut alone = Loop::new(shard.world.clone(), |view: &View<'_>| (*engine.decide(view)).clone());
        alone.rest().map_err(|wrong| format!("with nothing allowed: {wrong}"))?;
        for _ in 0..REST {
            shard.cycle();
        }
        shard.world.consolidation = Some(allowed());
        shard.rest()?;
    }
    sum.moves += shard.moves - moves;
    Ok(())
}

#[test]
fn what_is_covered_stays_covered_and_the_bill_only_falls() {
    let (words, mut sum) = (Words::default(), Sum::default());
    for nth in 0..CASES {
        let mut engine = Engine::new();
        let done = converge((&words, nth), |view| (*engine.decide(view)).clone(), 0, &mut sum);
        done.unwrap_or_else(|wrong| panic!("case {nth}: {wrong}"));
    }
    println!("{sum:?}");
    assert!(sum.moves >= 20 && sum.after < sum.before, "too little moves to prove anything: {sum:?}");
}

#[test]
fn prices_and_needs_that_change_lead_to_rest_again() {
    let (words, mut sum) = (Words::default(), Sum::default());
    for nth in 0..CASES / 3 {
        let mut engine = Engine::new();
        let done = converge((&words, nth), |view| (*engine.decide(view)).clone(), 6, &mut sum);
        done.unwrap_or_else(|wrong| panic!("case {nth}: {wrong}"));
    }
    println!("{sum:?}");
    assert!(sum.moves >= 10, "it proves too little: {sum:?}");
}

#[test]
fn the_loop_sees_what_oscillates_and_what_uncovers() {
    let words = Words::default();
    for bug in [Plant::MovesForNothing, Plant::MovesUncover, Plant::BreaksBeforeMaking] {
        let found = (0..CASES).find_map(|nth| {
            let decide = |view: &View<'_>| {
                plant(view.consolidation.map(|_| bug));
                let decision = reference::decide(view);
                plant(None);
                decision
            };
            converge((&words, nth), decide, 0, &mut Sum::default()).err()
        });
        println!("{bug:?}: {found:?}");
        assert!(found.is_some(), "nobody notices {bug:?}");
    }
}
