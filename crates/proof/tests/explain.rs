//! Explanations held against the decision and against the reference engine, over generated histories.
//!
//! What an explanation says must be what was decided, its counts must add up, and every remedy must be one by the reference
//! engine too, which shares no code with the engine that suggested it.

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::explain::{MachineExplanation, NeedExplanation, Remedy, RemedyKind, Role};
use argosy_engine::whatif::Altered;
use argosy_engine::{Decision, Engine, Explainer, Verdict, View};
use argosy_model::{NeedKey, State};
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::Diet;
use argosy_proof::reference;
use argosy_proof::run::{Subject, Words};

/// A seed of its own.
const SEED: u64 = 7;
/// Histories in a test run.
const CASES: u64 = 60;
/// Runs of the engine for the remedies of one need.
const RUNS: u32 = 24;

/// Decides as the engine does, and asks why.
#[derive(Default)]
struct Asker {
    engine: Engine,
    asked: usize,
    seen: Seen,
}

/// What was met, so that a check that never applied is noticed.
#[derive(Default)]
struct Seen {
    short: usize,
    satisfied: usize,
    /// Short needs with machines that came free after their turn.
    left: usize,
    reasons: BTreeMap<String, usize>,
    filters: BTreeMap<&'static str, usize>,
    bindings: BTreeMap<String, usize>,
    remedies: BTreeMap<RemedyKind, usize>,
    roles: BTreeMap<&'static str, usize>,
}

impl Subject for Asker {
    fn decide(&mut self, view: &View<'_>) -> Decision {
        let decision = (*self.engine.decide(view)).clone();
        let explainer = Explainer::of(view);
        assert_eq!(*explainer.decision(), decision, "who explains decides the same");
        let by_need: BTreeMap<NeedKey, &Verdict> = decision
            .verdicts
            .iter()
            .flat_map(|verdict| verdict.rows.iter().map(move |key| (*key, &**verdict)))
            .collect();
        assert_eq!(by_need.len(), view.demand.len(), "every need is explained");
        let mut covers: BTreeMap<String, u64> = BTreeMap::new();
        for need in view.demand.iter() {
            let explanation = explainer.need(&need.key).expect("a known need");
            self.check_need(view, &explanation, by_need[&need.key]);
            covers.insert(format!("{:?}", explanation.need), held(&explanation));
        }
        if decision.left_out == 0 {
            self.check_machines(view, &explainer, covers);
        }
        self.check_remedies(view, &explainer, &decision);
        decision
    }
}

/// How many machines a need has that this plan leaves alone.
fn held(explanation: &NeedExplanation) -> u64 {
    let given = &explanation.given;
    given.serving + given.joining + given.coming - given.lost
}

impl Asker {
    fn check_need(&mut self, view: &View<'_>, explanation: &NeedExplanation, verdict: &Verdict) {
        let removed: u64 = explanation.removed.iter().map(|removed| removed.machines).sum();
        let given = &explanation.given;
        assert_eq!(explanation.looked_at, view.fleet.len() as u64);
        assert_eq!(removed + given.total() + explanation.left, explanation.looked_at, "{explanation:#?}");
        assert_eq!(explanation.satisfied, verdict.residual.is_zero(), "{explanation:#?}");
        assert_eq!(explanation.reason.as_deref(), verdict.unmet.map(|unmet| unmet.name()));
        assert_eq!(given.serving + given.joining + given.coming, u64::from(verdict.claimed), "{explanation:#?}");
        let gets = [given.bound, given.bought, given.freed];
        assert_eq!(gets, [verdict.bootstraps, verdict.provisions, verdict.victims].map(u64::from), "{explanation:#?}");
        assert!(explanation.binding.is_none() || !explanation.satisfied, "what is covered is bound by nothing");
        self.seen.left += usize::from(!explanation.satisfied && explanation.left > 0);
        assert!(explanation.removed.is_sorted_by_key(|removed| removed.filter));
        assert!(explanation.ahead.first.len() as u64 <= explanation.ahead.claimants);
        *(if explanation.satisfied { &mut self.seen.satisfied } else { &mut self.seen.short }) += 1;
        *self.seen.reasons.entry(explanation.reason.clone().unwrap_or_default()).or_default() += 1;
        for removed in &explanation.removed {
            *self.seen.filters.entry(removed.filter.name()).or_default() += 1;
        }
        if let Some(binding) = &explanation.binding {
            let name = binding.filter.map_or("fleet", |filter| filter.name());
            *self.seen.bindings.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// The machines that say whom they cover are as many as the needs say that they have.
    fn check_machines(&mut self, view: &View<'_>, explainer: &Explainer, mut covers: BTreeMap<String, u64>) {
        let actions: BTreeSet<_> = explainer.decision().plan.actions().map(|action| action.machine).collect();
        for (ix, machine) in view.fleet.iter() {
            let explanation: MachineExplanation = explainer.machine(ix).expect("it is there");
            assert_eq!(explanation.action.is_some(), actions.contains(&ix), "{explanation:#?}");
            assert!(explanation.action.is_none() || explanation.stays.is_none(), "{explanation:#?}");
            let is_free = matches!(machine.state, State::Idle | State::Speculative);
            assert!(!is_free || matches!(explanation.role, Role::Free | Role::Out), "{explanation:#?}");
            *self.seen.roles.entry(explanation.role.name()).or_default() += 1;
            if explanation.role == Role::Covers && explanation.action.is_none() {
                let need = format!("{:?}", explanation.need.as_ref().expect("it covers somebody"));
                let left = covers.get_mut(&need).expect("it covers a need that is there");
                *left = left.checked_sub(1).unwrap_or_else(|| panic!("{need} has fewer machines than say so"));
            }
        }
        assert!(covers.values().all(|left| *left == 0), "{covers:#?}");
    }

    /// One need at a time, in turn: remedies cost runs of the engine.
    fn check_remedies(&mut self, view: &View<'_>, explainer: &Explainer, decision: &Decision) {
        let short: Vec<NeedKey> = decision.shortfalls().filter_map(|verdict| verdict.rows.first().copied()).collect();
        self.asked += 1;
        let Some(key) = short.get(self.asked % short.len().max(1)) else { return };
        let explanation = explainer.need_with_remedies(key, RUNS).expect("a known need");
        let search = explanation.search.expect("it was asked for");
        assert!(search.runs <= RUNS && search.limit == RUNS);
        let verdict = decision.verdicts.iter().find(|verdict| verdict.rows.contains(key)).expect("it has a verdict");
        for remedy in &explanation.remedies {
            assert_works(view, &verdict.rows, remedy);
            *self.seen.remedies.entry(remedy.kind).or_default() += 1;
        }
    }
}

/// By the reference engine, nothing is missing of these needs, or of what has become of them, once a remedy is applied.
fn assert_works(view: &View<'_>, needs: &[NeedKey], remedy: &Remedy) {
    let mut altered = Altered::of(view);
    altered.apply(&remedy.scenario).expect("what was tried can be tried again");
    let decision = reference::decide(&altered.view());
    let is_new = |key: &NeedKey| key.cluster == needs[0].cluster && view.demand.get(key).is_none();
    for verdict in decision.shortfalls() {
        let failed = verdict.rows.iter().find(|key| needs.contains(key) || is_new(key));
        assert!(failed.is_none(), "{remedy:#?} leaves {failed:?} short: {verdict:#?}");
    }
}

#[test]
fn what_is_explained_is_what_was_decided_and_every_remedy_works() {
    let words = Words::default();
    let mut asker = Asker::default();
    for nth in 0..CASES {
        asker.engine = Engine::new();
        if let Err(failed) = words.run((SEED, nth), Diet::Full, &mut asker, &mut Coverage::default()) {
            panic!("case {nth} of seed {SEED} fails: {}", failed.1);
        }
    }
    let seen = &asker.seen;
    println!("{} short ({} with machines left), {} satisfied", seen.short, seen.left, seen.satisfied);
    println!("reasons {:?}", seen.reasons);
    println!(
        "filters {:?}\nbindings {:?}\nremedies {:?}\nroles {:?}",
        seen.filters, seen.bindings, seen.remedies, seen.roles
    );
    assert!(seen.left * 100 <= seen.short, "a short need leaves nothing, unless it came free after its turn");
    assert!(seen.short > 1_000 && seen.satisfied > 1_000, "too little was met");
    assert!(seen.reasons.len() >= 6, "some reason was never met: {:?}", seen.reasons);
    assert!(seen.filters.len() >= 18, "some filter was never met: {:?}", seen.filters);
    assert!(seen.remedies.len() >= 6, "some remedy was never met: {:?}", seen.remedies);
}
