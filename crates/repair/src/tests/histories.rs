//! Histories by chance: faults, recoveries, two leaders that decide from old states, proposals that come late, twice or never,
//! agents that are told twice. Whatever happens, each rule holds after every step; and when chance ends, everything ends well.

use std::collections::BTreeMap;

use argosy_model::State;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::world::{World, ix};
use crate::plant::{self, Bug};
use crate::record::Hold;
use crate::{Acted, Census, Class, Move, Moves, Scope, Step, StepMove, Stepped};

const HOSTS: usize = 10;
const POLICY: &str = "
version: 1
grace: {reset-gpu: 30s, reboot-host: 30s, quarantine: 30s}
drain_within: 10m
act: {reset-gpu: {within: 2m, verify: 2m, soak: 20s}, reboot-host: {within: 2m, verify: 2m, soak: 20s}}
breakers: [{per: rack, count: 4, window: 3m, reset_after: 5m}]
budgets: [{per: rack, at_once: 2}, {per: shard, at_once: 3}]
";

#[derive(Clone, Debug)]
enum Chance {
    Fault(usize, Class),
    Recovery(usize),
    Time(u64),
    Turn(usize),
    Hold(usize, u64),
    /// A leader reads the state as it stands.
    Read(usize),
    /// It decides from what it has read; its proposal is on its way.
    Propose(usize),
    /// A proposal is committed; it may be again.
    Commit(usize),
    /// A proposal is lost.
    Lose(usize),
    /// An agent acts; word of it is on its way.
    Act(usize, bool),
}

fn chance() -> impl Strategy<Value = Chance> {
    let host = || 0..HOSTS;
    let class = prop::sample::select(Class::ALL.to_vec());
    prop_oneof![
        3 => (host(), class).prop_map(|(host, class)| Chance::Fault(host, class)),
        1 => host().prop_map(Chance::Recovery),
        3 => (1..40u64).prop_map(Chance::Time),
        5 => host().prop_map(Chance::Turn),
        1 => (host(), 1..100u64).prop_map(|(host, seconds)| Chance::Hold(host, seconds)),
        3 => (0..2usize).prop_map(Chance::Read),
        5 => (0..2usize).prop_map(Chance::Propose),
        6 => (0..8usize).prop_map(Chance::Commit),
        1 => (0..8usize).prop_map(Chance::Lose),
        3 => (host(), any::<bool>()).prop_map(|(host, helps)| Chance::Act(host, helps)),
    ]
}

/// A run of a history, with what an observer counts beside the book.
struct Run {
    world: World,
    leaders: [World; 2],
    on_their_way: Vec<Moves>,
    /// How often each machine was condemned.
    condemned: BTreeMap<usize, u32>,
    orders: BTreeMap<u64, usize>,
}

impl Run {
    fn new() -> Self {
        let world = World::of(HOSTS, POLICY);
        let leaders = [world.clone(), world.clone()];
        Self { world, leaders, on_their_way: Vec::new(), condemned: BTreeMap::new(), orders: BTreeMap::new() }
    }

    fn one(&mut self, chance: &Chance) -> Result<(), TestCaseError> {
        match *chance {
            Chance::Fault(host, class) if has_agent(self.world.hosts[host].state) => {
                self.world.report(host, Some(class));
            }
            Chance::Recovery(host) => drop(self.world.report(host, None)),
            Chance::Time(seconds) => self.world.pass(seconds),
            Chance::Turn(host) => self.turn(host)?,
            Chance::Hold(host, seconds) => {
                let until = self.world.now.plus(argosy_model::Duration::from_secs(seconds));
                let hold = Hold { until, actor: "ann".into(), reason: "mine".into() };
                self.world.book.set_hold(ix(host), hold, self.world.now);
            }
            Chance::Read(leader) => self.leaders[leader] = self.world.clone(),
            Chance::Propose(leader) => self.on_their_way.push(self.leaders[leader].decide()),
            Chance::Commit(at) => {
                if let Some(moves) = self.on_their_way.get(at).cloned() {
                    self.commit(&moves)?;
                }
            }
            Chance::Lose(at) if at < self.on_their_way.len() => drop(self.on_their_way.remove(at)),
            Chance::Act(host, helps) => {
                if let Some(acted) = self.world.act(host, helps) {
                    self.on_their_way.push(Moves { steps: vec![acted], ..Moves::default() });
                }
            }
            Chance::Fault(..) | Chance::Lose(_) => {}
        }
        self.holds()
    }

    fn turn(&mut self, host: usize) -> Result<(), TestCaseError> {
        let before = self.world.hosts[host].state;
        self.world.turn(host);
        let step = self.world.book.get(ix(host)).map(|repair| repair.step);
        let is_bound = before != State::Configured && self.world.hosts[host].state == State::Configured;
        prop_assert!(!is_bound || !step.is_some_and(Step::is_out), "machine {host} is bound in step {step:?}");
        Ok(())
    }

    fn commit(&mut self, moves: &Moves) -> Result<(), TestCaseError> {
        let before = self.world.clone();
        let tally = || before.tally();
        let open = before.book.open_breakers(&before.policy, &Census::new(&tally), before.now);
        let results = self.world.apply(moves);
        for (step, result) in moves.steps.iter().zip(results) {
            let host = step.machine.index();
            if result.is_ok() {
                self.taken(step, host, &before, &open)?;
            }
            if let (Ok(Stepped::At(repair)), Move::Act) = (&result, &step.step) {
                let Step::Acting { order, .. } = repair.step else { panic!("{repair:?}") };
                // One entry gives each machine one order at most.
                prop_assert_ne!(
                    self.orders.insert(order * 1_000 + host as u64, host),
                    Some(host),
                    "the same order twice"
                );
            }
        }
        Ok(())
    }

    fn taken(
        &mut self,
        step: &StepMove,
        host: usize,
        before: &World,
        open: &BTreeMap<crate::Domain, crate::Trip>,
    ) -> Result<(), TestCaseError> {
        let repair = before.book.get(ix(host));
        let current = match step.step {
            Move::Acted { order, .. } => {
                repair.is_some_and(|repair| matches!(repair.step, Step::Acting { order: given, .. } if given == order))
            }
            _ => repair.is_some_and(|repair| repair.updates == step.base),
        };
        prop_assert!(current, "machine {host}: {:?} was decided from another record", step.step);
        if matches!(step.step, Move::Admit | Move::Act | Move::Condemn) {
            prop_assert!(before.book.hold(ix(host), before.now).is_none(), "machine {host} is held");
        }
        if step.step == Move::Admit {
            let shut = before.hosts[host].place.domains().find(|domain| open.contains_key(domain));
            prop_assert!(shut.is_none(), "machine {host} is admitted though {shut:?} is shut");
        }
        if step.step == Move::Condemn {
            prop_assert_eq!(before.hosts[host].state, State::Idle, "machine {} is condemned while it serves", host);
            *self.condemned.entry(host).or_default() += 1;
        }
        Ok(())
    }

    /// What is so at every moment.
    fn holds(&self) -> Result<(), TestCaseError> {
        let mut used: BTreeMap<_, u32> = BTreeMap::new();
        for (_, repair) in self.world.book.repairs().filter(|(_, repair)| repair.step.is_disruption()) {
            for domain in repair.place.domains() {
                *used.entry(domain).or_default() += 1;
            }
        }
        for (domain, used) in used {
            let most = match domain.scope {
                Scope::Rack => 2,
                Scope::Shard => 3,
                _ => u32::MAX,
            };
            prop_assert!(used <= most, "{used} of {domain} at once");
        }
        for (host, deleted) in &self.world.deleted {
            let condemned = self.condemned.get(host).copied().unwrap_or(0);
            prop_assert!(*deleted <= condemned, "machine {host} was given back {deleted} times, condemned {condemned}");
        }
        Ok(())
    }

    /// One leader alone, agents that do what they are told: everything comes to rest.
    fn heal(&mut self) -> Result<(), TestCaseError> {
        let unfit: Vec<usize> =
            (0..HOSTS).filter(|host| self.world.hosts[*host].unfit == Some(Class::Replace)).collect();
        let deleted = self.world.deleted.clone();
        for _ in 0..400 {
            let moves = self.world.decide();
            self.commit(&moves)?;
            for host in 0..HOSTS {
                if let Some(acted) = self.world.act(host, true) {
                    self.commit(&Moves { steps: vec![acted], ..Moves::default() })?;
                }
                self.turn(host)?;
            }
            self.world.pass(20);
            self.holds()?;
        }
        for (machine, repair) in self.world.book.repairs() {
            prop_assert_eq!(repair.step, Step::Quarantined, "{:?}: {:?}", machine, repair);
        }
        for host in unfit {
            let times = self.world.deleted.get(&host).copied().unwrap_or(0) - deleted.get(&host).copied().unwrap_or(0);
            prop_assert_eq!(times, 1, "machine {} was to be replaced", host);
        }
        Ok(())
    }
}

fn has_agent(state: State) -> bool {
    !matches!(state, State::Deleting | State::Speculative)
}

fn history(chances: &[Chance]) -> Result<(), TestCaseError> {
    let mut run = Run::new();
    chances.iter().try_for_each(|chance| run.one(chance))?;
    run.heal()
}

fn histories(cases: u32) -> Result<(), TestError<Vec<Chance>>> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&prop::collection::vec(chance(), 1..120), |chances| history(&chances))
}

#[test]
fn every_rule_holds_whatever_two_leaders_propose_and_everything_ends_well() {
    histories(400).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_bug_in_the_book_is_noticed() {
    for bug in [Bug::BaseIgnored, Bug::BudgetIgnored, Bug::BreakerIgnored, Bug::HoldIgnored] {
        let found = plant::with(bug, || histories(400));
        assert!(found.is_err(), "{bug:?} was not noticed");
    }
}

#[test]
fn an_outcome_that_comes_twice_counts_once() {
    let mut run = Run::new();
    run.world.report(0, Some(Class::ResetGpu));
    for _ in 0..6 {
        run.world.pass(20);
        let moves = run.world.decide();
        run.commit(&moves).expect("sound");
        run.turn(0).expect("sound");
    }
    let acted = run.world.act(0, false).expect("its agent was told");
    let failed = Move::Acted {
        order: match acted.step {
            Move::Acted { order, .. } => order,
            other => panic!("{other:?}"),
        },
        outcome: Acted::Failed("no".into()),
    };
    let word = Moves { steps: vec![StepMove { step: failed, ..acted }], ..Moves::default() };
    for _ in 0..3 {
        run.world.apply(&word);
    }
    assert_eq!(run.world.book.counts().failed, 1);
}
