//! Thousands of cases in every test run; the campaign of `make engine-proof` runs millions.

use argosy_engine::{Cap, Decision, Engine, Policy, Reason, View};
use argosy_model::{Edition, ShardTime};
use argosy_proof::case::Case;
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::Diet;
use argosy_proof::run::{Failure, Subject, Words, Wrong};
use argosy_proof::shrink::shrink;

/// Cases in a test run: some 46,000 changes.
const CASES: u64 = 2_000;
/// A seed of its own: campaigns begin with 1.
const SEED: u64 = 0;
/// Enough for every share and for what is common; the rarest edges need more.
const FEW: u64 = 120;

fn run(cases: u64, diet: Diet) -> Coverage {
    let words = Words::default();
    let mut coverage = Coverage::default();
    for nth in 0..cases {
        if let Err(failed) = words.run((SEED, nth), diet, &mut Engine::new(), &mut coverage) {
            let (case, failure) = shrink(&words, failed.0, Engine::new);
            let text = serde_json::to_string(&case).expect("a case is plain data");
            panic!("case {nth} of seed {SEED} fails: {failure}\nstore it under regressions/: {text}");
        }
    }
    coverage
}

#[test]
fn engine_with_memory_engine_anew_and_reference_agree_on_every_case() {
    let coverage = run(CASES, Diet::Full);
    println!("{coverage}");
    assert_eq!(coverage.gaps(), Vec::<String>::new(), "{coverage}");
}

#[test]
fn a_generator_that_leaves_something_out_is_noticed() {
    let starved = [
        (Diet::NoGangs, &["have gangs", "no unit assemble_gang"][..]),
        (Diet::NoSpread, &["spread"]),
        (Diet::OnePriority, &["preempt"]),
        (Diet::NoCaps, &["a cap binds"]),
        (Diet::NoDeath, &["by Lost"]),
        (Diet::Small, &["machines", "changes"]),
    ];
    for (diet, missed) in starved {
        let gaps = run(FEW, diet).gaps();
        for what in missed {
            assert!(gaps.iter().any(|gap| gap.contains(what)), "{diet:?} leaves no gap called '{what}': {gaps:#?}");
        }
    }
}

/// An engine that forgets to give idle machines back.
struct Hoarder;

impl Subject for Hoarder {
    fn decide(&mut self, view: &View<'_>) -> Decision {
        let mut decision = argosy_engine::decide(view);
        decision.plan.units.retain(|unit| unit.reason != Reason::ReleaseIdle);
        decision
    }
}

/// What an engine with a faulty memory does not look at.
#[derive(Clone, Copy, Debug)]
enum Blind {
    Time,
    Policy,
    Demand,
    Fleet,
}

/// An engine that gives its last decision again while nothing has changed that it looks at.
struct Sleeper {
    blind: Blind,
    last: Option<(World, Decision)>,
}

impl Subject for Sleeper {
    fn decide(&mut self, view: &View<'_>) -> Decision {
        if let Some((seen, decision)) = &self.last {
            let same_fleet = matches!(self.blind, Blind::Fleet) || seen.fleet == view.fleet.edition();
            let same_demand = matches!(self.blind, Blind::Demand) || seen.demand == view.demand.edition();
            let same_policy = matches!(self.blind, Blind::Policy) || seen.policy == *view.policy;
            let same_time = matches!(self.blind, Blind::Time) || seen.now == view.now;
            let same_caps = seen.caps == view.caps;
            if same_fleet && same_demand && same_policy && same_time && same_caps {
                return decision.clone();
            }
        }
        let decision = argosy_engine::decide(view);
        let seen = World {
            fleet: view.fleet.edition(),
            demand: view.demand.edition(),
            policy: view.policy.clone(),
            caps: view.caps.to_vec(),
            now: view.now,
        };
        self.last = Some((seen, decision.clone()));
        decision
    }
}

/// What a sleeper has seen.
struct World {
    fleet: Edition,
    demand: Edition,
    policy: Policy,
    caps: Vec<Cap>,
    now: ShardTime,
}

#[test]
fn a_memory_that_overlooks_something_is_found_out() {
    let words = Words::default();
    for blind in [Blind::Time, Blind::Policy, Blind::Demand, Blind::Fleet] {
        let is_found = (0..5 * FEW).any(|nth| {
            let mut sleeper = Sleeper { blind, last: None };
            let run = words.run((SEED, nth), Diet::Full, &mut sleeper, &mut Coverage::default());
            run.is_err_and(|failed| matches!(failed.1.wrong, Wrong::Misremembers { .. }))
        });
        assert!(is_found, "nobody notices an engine that is blind to {blind:?}");
    }
}

#[test]
fn a_difference_is_found_and_reduced_to_what_matters() {
    let words = Words::default();
    let mut found: Option<Box<(Case, Failure)>> = None;
    for nth in 0..FEW {
        let failed = words.run((SEED, nth), Diet::Full, &mut Hoarder, &mut Coverage::default()).err();
        found = found.or(failed);
    }
    let (case, _) = shrink(&words, found.expect("somewhere an idle machine's hold is over").0, || Hoarder);
    let is_small = case.machines.len() == 1 && case.needs.len() <= 1 && case.steps.len() <= 3;
    assert!(is_small, "{case:#?}");
    let stored = serde_json::to_string(&case).expect("a case is plain data");
    let again: Case = serde_json::from_str(&stored).expect("a stored case reads back");
    assert!(words.replay(&again, &mut Hoarder).is_err(), "a stored case still shows the difference");
    assert!(words.replay(&again, &mut Engine::new()).is_ok());
}
