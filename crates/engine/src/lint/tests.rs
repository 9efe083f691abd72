//! Each rule catches the plan that breaks it.

use std::collections::BTreeMap;

use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::vocabulary::{RACK_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, Cause, Claim, Demand, Duration, Flags, Fleet, Machine, MachineIx, MicroUsd, NeedKey,
    NeedMark, Operator, Ppb, Profile, Requirement, Resources, Shape, ShardTime, Spread, State,
};

use super::{Rule, lint};
use crate::consolidation::{Brake, Most, Per};
use crate::plan::{Action, ActionKind, Assignment, Reason, Unit};
use crate::{Cap, Consolidation, Decision, Policy, View, decide};

/// A fleet of equal machines of 8 units in two racks, and what clusters need of them.
struct Bench {
    fleet: Fleet,
    demand: Demand,
    policy: Policy,
    consolidation: Option<Consolidation>,
    caps: Vec<Cap>,
    now: ShardTime,
}

impl Bench {
    fn new() -> Self {
        let policy = Policy { reclaim_cap_ppm: None, ..Policy::default() };
        Self {
            fleet: Fleet::default(),
            demand: Demand::default(),
            policy,
            consolidation: None,
            caps: Vec::new(),
            now: ShardTime(10_000_000),
        }
    }

    fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: self.consolidation.as_ref(),
            caps: &self.caps,
            now: self.now,
        }
    }

    fn decide(&self) -> Decision {
        let decision = decide(&self.view());
        assert_eq!(lint(&self.view(), &decision), [], "what decide plans is sound");
        decision
    }

    fn machine(&mut self, rack: &str, state: State, claim: Option<Claim>) -> MachineIx {
        self.machine_at((rack, 1), state, claim)
    }

    fn priced(&mut self, price: u64, state: State, claim: Option<Claim>) -> MachineIx {
        self.machine_at(("a", price), state, claim)
    }

    fn machine_at(&mut self, (rack, price): (&str, u64), state: State, claim: Option<Claim>) -> MachineIx {
        let words = &mut self.fleet.words;
        let shape = Shape {
            provider: words.symbol("p"),
            instance_type: None,
            zone: Some(words.symbol(rack)),
            capacity_type: CapacityType::OnDemand,
            price: MicroUsd(price),
            interruption: Ppb(0),
            resources: Resources::from_amounts([(words.dim("gpu"), 8)]),
            labels: vec![(words.symbol(RACK_KEY), words.symbol(rack))],
        };
        let shape = words.shape(&shape);
        let machine = Machine { claim, ..Machine::new(shape, state, self.now) };
        let id = format!("m{}", self.fleet.len());
        self.fleet.add(&id, machine, Aside::default()).expect("a sound machine")
    }

    fn profile(&mut self, priority: i32, same: bool, spread: bool) -> Profile {
        let words = &mut self.fleet.words;
        let same = same.then(|| Requirement { key: words.symbol(RACK_KEY), operator: Operator::Same, values: vec![] });
        let spread = spread.then(|| Spread { key: words.symbol(ZONE_KEY), max_skew: 1 });
        Profile::new(same.into_iter().collect(), spread, priority, Bucket::ZERO, Bucket::ZERO)
    }

    fn need(&mut self, cluster: &str, profile: &Profile, group: Option<&str>, machines: u64) -> NeedKey {
        let words = &mut self.fleet.words;
        let unit = Resources::from_amounts([(words.dim("gpu"), 8)]);
        let key = NeedKey {
            cluster: words.cluster(cluster),
            profile: words.profile(profile),
            group: group.map(|group| words.group(group)),
            fold: 0,
        };
        self.demand.put(key, unit.times(machines), unit, self.now, &self.fleet.words);
        self.demand.set_reporting(key.cluster, Reporting { heard: true, ..Reporting::default() });
        key
    }

    fn plain(&mut self, cluster: &str, priority: i32, machines: u64) -> NeedKey {
        let profile = self.profile(priority, false, false);
        self.need(cluster, &profile, None, machines)
    }

    fn unit(&self, reason: Reason, need: Option<NeedKey>, actions: &[(MachineIx, ActionKind)]) -> Unit {
        let version = |ix: MachineIx| self.fleet.get(ix).map_or(0, |machine| machine.version);
        let actions =
            actions.iter().map(|(ix, kind)| Action { machine: *ix, version: version(*ix), kind: kind.clone() });
        Unit { reason, needs: need.map(|key| (key, 0)).into_iter().collect(), actions: actions.collect() }
    }

    fn bootstrap(&self, need: NeedKey) -> ActionKind {
        let profile = self.fleet.words.profile_of(need.profile);
        ActionKind::Bootstrap(Assignment {
            claim: claim(need),
            priority: profile.priority,
            interruption: profile.interruption,
            reclamation: profile.reclamation,
        })
    }

    fn preempt(&self, heir: NeedKey, holder: Option<NeedKey>) -> ActionKind {
        let preemptor_priority = self.fleet.words.profile_of(heir.profile).priority;
        ActionKind::Preempt { heir: claim(heir), holder, grace: Duration::from_secs(10), preemptor_priority }
    }

    /// The rules that a plan of these units breaks, the verdicts being decide's own.
    fn broken(&self, units: Vec<Unit>) -> Vec<Rule> {
        let mut decision = self.decide();
        decision.plan.units = units;
        let mut rules: Vec<Rule> = lint(&self.view(), &decision).into_iter().map(|finding| finding.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    fn assert_breaks(&self, rule: Rule, units: Vec<Unit>) {
        let rules = self.broken(units);
        assert!(rules.contains(&rule), "{rule:?} is not among {rules:?}");
    }
}

fn claim(key: NeedKey) -> Claim {
    Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group }
}

const RECLAIM: ActionKind = ActionKind::Reclaim { grace: Duration::from_secs(600) };

#[test]
fn a_machine_in_two_actions_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 2);
    let ix = bench.machine("a", State::Idle, None);
    let unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::OneActionPerMachine, vec![unit.clone(), unit]);
}

#[test]
fn a_machine_that_has_moved_on_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    let ix = bench.machine("a", State::Idle, None);
    let mut unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    unit.actions[0].version = 7;
    bench.assert_breaks(Rule::MachineVersion, vec![unit.clone()]);
    unit.actions[0].machine = MachineIx::from_index(99);
    bench.assert_breaks(Rule::MachineVersion, vec![unit]);
}

#[test]
fn a_need_that_has_moved_on_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    let ix = bench.machine("a", State::Idle, None);
    let mut unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    unit.needs[0].1 = 7;
    bench.assert_breaks(Rule::NeedVersion, vec![unit]);
}

#[test]
fn an_action_on_a_machine_that_is_on_its_way_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 2);
    let ix = bench.machine("a", State::Configuring, Some(claim(need)));
    bench.machine("a", State::Idle, None);
    let unit = bench.unit(Reason::ReclaimSurplus, None, &[(ix, RECLAIM)]);
    bench.assert_breaks(Rule::LegalEdge, vec![unit]);
}

#[test]
fn taking_a_machine_that_is_closed_for_new_work_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    let ix = bench.machine("a", State::Idle, None);
    let cordoned = Machine { flags: Flags::HOST | Flags::CORDONED, ..*bench.fleet.machine(ix) };
    bench.fleet.put(ix, cordoned, Aside::default(), Cause::Provider).expect("flags may change");
    assert!(bench.decide().plan.units.is_empty());
    let unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::UsableOnly, vec![unit]);
}

#[test]
fn a_machine_that_does_not_fit_and_terms_that_are_not_the_needs_are_caught() {
    let mut bench = Bench::new();
    let words = &mut bench.fleet.words;
    let missing = Requirement { key: words.symbol("no-such-label"), operator: Operator::Exists, values: vec![] };
    let choosy = Profile::new(vec![missing], None, 1, Bucket::ZERO, Bucket::ZERO);
    let need = bench.need("c", &choosy, None, 1);
    let ix = bench.machine("a", State::Idle, None);
    let unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::FitsNeed, vec![unit]);
    let plain = bench.plain("c", 1, 1);
    let dear = match bench.bootstrap(plain) {
        ActionKind::Bootstrap(assignment) => ActionKind::Bootstrap(Assignment { priority: 9, ..assignment }),
        other => other,
    };
    let unit = bench.unit(Reason::CoverDeficit, Some(plain), &[(ix, dear)]);
    bench.assert_breaks(Rule::FitsNeed, vec![unit]);
}

#[test]
fn a_victim_whose_holder_is_not_below_is_caught_whatever_the_plan_says_of_it() {
    let mut bench = Bench::new();
    let holder = bench.plain("c", 5, 1);
    let heir = bench.plain("d", 5, 1);
    let ix = bench.machine("a", State::Configured, Some(claim(holder)));
    let honest = bench.unit(Reason::PreemptForPriority, Some(heir), &[(ix, bench.preempt(heir, Some(holder)))]);
    bench.assert_breaks(Rule::VictimsStrictlyLower, vec![honest]);
    let silent = bench.unit(Reason::PreemptForPriority, Some(heir), &[(ix, bench.preempt(heir, None))]);
    bench.assert_breaks(Rule::VictimsStrictlyLower, vec![silent]);
}

#[test]
fn a_reclaim_of_what_a_need_holds_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    let ix = bench.machine("a", State::Configured, Some(claim(need)));
    let unit = bench.unit(Reason::ReclaimSurplus, None, &[(ix, RECLAIM)]);
    bench.assert_breaks(Rule::ReclaimsSurplusOnly, vec![unit]);
}

#[test]
fn a_reclaim_of_a_cluster_that_has_not_reported_is_caught() {
    let mut bench = Bench::new();
    let silent = bench.fleet.words.cluster("silent");
    let ix = bench.machine("a", State::Configured, Some(Claim { cluster: silent, profile: None, group: None }));
    assert!(bench.decide().plan.is_empty(), "silence is not absence of demand");
    let unit = bench.unit(Reason::ReclaimSurplus, None, &[(ix, RECLAIM)]);
    bench.assert_breaks(Rule::HeardClustersOnly, vec![unit]);
}

#[test]
fn a_gang_in_pieces_or_in_two_domains_is_caught() {
    let mut bench = Bench::new();
    let profile = bench.profile(1, true, false);
    let need = bench.need("c", &profile, Some("g"), 2);
    let [a, b] = ["a", "b"].map(|rack| bench.machine(rack, State::Idle, None));
    let part = bench.unit(Reason::AssembleGang, Some(need), &[(a, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::GangWhole, vec![part]);
    let torn = bench.unit(Reason::AssembleGang, Some(need), &[(a, bench.bootstrap(need)), (b, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::GangWhole, vec![torn]);
}

#[test]
fn a_machine_where_a_row_stands_out_already_is_caught() {
    let mut bench = Bench::new();
    let profile = bench.profile(1, false, true);
    let need = bench.need("c", &profile, None, 4);
    for zone in ["a", "a", "b"] {
        bench.machine(zone, State::Configured, Some(claim(need)));
    }
    let ix = bench.machine("a", State::Idle, None);
    bench.machine("b", State::Idle, None);
    let unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::SpreadKept, vec![unit]);
}

#[test]
fn a_machine_for_a_need_that_is_covered_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    bench.machine("a", State::Configured, Some(claim(need)));
    let ix = bench.machine("a", State::Idle, None);
    let unit = bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::NoActionWhenCovered, vec![unit]);
}

#[test]
fn a_verdict_that_does_not_add_up_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 2);
    bench.machine("a", State::Idle, None);
    let mut decision = bench.decide();
    std::sync::Arc::make_mut(&mut decision.verdicts[0]).residual = Resources::none();
    let rules: Vec<Rule> = lint(&bench.view(), &decision).into_iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::Residuals], "{need:?}");
    bench.assert_breaks(Rule::Residuals, vec![]);
}

#[test]
fn more_reclaims_than_the_cap_lets_through_are_caught() {
    let mut bench = Bench::new();
    bench.policy.reclaim_cap_ppm = Some(50_000);
    let need = bench.plain("c", 1, 1);
    let ixs = [(); 3].map(|()| bench.machine("a", State::Configured, Some(claim(need))));
    assert_eq!(bench.decide().plan.actions().count(), 1);
    let unit = |ix| bench.unit(Reason::ReclaimSurplus, None, &[(ix, RECLAIM)]);
    bench.assert_breaks(Rule::ReclaimCap, vec![unit(ixs[1]), unit(ixs[2])]);
}

#[test]
fn a_unit_that_buys_more_than_a_cap_leaves_is_caught() {
    let mut bench = Bench::new();
    let profile = bench.profile(1, true, false);
    let gang = bench.need("c", &profile, Some("g"), 2);
    let slots = [1, 2].map(|price| bench.priced(price, State::Speculative, None));
    bench.caps = vec![Cap::new(slots.map(|slot| bench.fleet.machine(slot).shape).to_vec(), 1)];
    assert!(bench.decide().plan.units.is_empty(), "two at once would be one too many");
    let ActionKind::Bootstrap(assignment) = bench.bootstrap(gang) else { unreachable!("it binds") };
    let buys = slots.map(|slot| (slot, ActionKind::Provision(assignment)));
    bench.assert_breaks(Rule::CapsKept, vec![bench.unit(Reason::AssembleGang, Some(gang), &buys)]);
    let apart = buys.map(|buy| bench.unit(Reason::CoverDeficit, Some(gang), &[buy]));
    assert!(!bench.broken(apart.to_vec()).contains(&Rule::CapsKept), "whoever folds the plan in keeps the sum");
}

#[test]
fn a_plan_that_is_too_large_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 3);
    let ixs = [(); 3].map(|()| bench.machine("a", State::Idle, None));
    bench.policy.max_actions = 2;
    let units = ixs.map(|ix| bench.unit(Reason::CoverDeficit, Some(need), &[(ix, bench.bootstrap(need))]));
    bench.assert_breaks(Rule::PlanSize, units.to_vec());
}

#[test]
fn a_release_before_the_hold_is_over_is_caught() {
    let mut bench = Bench::new();
    let ix = bench.machine("a", State::Idle, None);
    let unit = bench.unit(Reason::ReleaseIdle, None, &[(ix, ActionKind::Release)]);
    bench.assert_breaks(Rule::ReleaseSound, vec![unit]);
}

#[test]
fn a_mark_that_changes_nothing_is_caught() {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    bench.machine("a", State::Configured, Some(claim(need)));
    let mut decision = bench.decide();
    decision.plan.marks.push((need, NeedMark::default()));
    let rules: Vec<Rule> = lint(&bench.view(), &decision).into_iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::MarksChange]);
}

/// A bench on which one need holds a dear machine, and a cheap one is free.
fn moving() -> (Bench, NeedKey, MachineIx, MachineIx) {
    let mut bench = Bench::new();
    let need = bench.plain("c", 1, 1);
    let dear = bench.priced(9, State::Configured, Some(claim(need)));
    let cheap = bench.priced(1, State::Idle, None);
    let brakes = vec![Brake { per: Per::Shard, most: Most::Count(1), left: BTreeMap::new() }];
    bench.consolidation = Some(Consolidation { payback: Duration::NEVER, brakes, ..Consolidation::default() });
    (bench, need, dear, cheap)
}

#[test]
fn a_move_where_none_is_allowed_is_caught() {
    let (mut bench, need, _, cheap) = moving();
    let unit = bench.unit(Reason::Consolidate, Some(need), &[(cheap, bench.bootstrap(need))]);
    assert_eq!(bench.decide().plan.units, vec![unit.clone()], "it is what decide plans");
    bench.consolidation = None;
    bench.assert_breaks(Rule::MovesAllowed, vec![unit]);
    let (mut bench, need, _, _) = moving();
    bench.machine("a", State::Configuring, Some(claim(need)));
    let other = bench.priced(1, State::Idle, None);
    let unit = bench.unit(Reason::Consolidate, Some(need), &[(other, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::MovesAllowed, vec![unit]);
}

#[test]
fn more_moves_than_the_budget_lets_through_are_caught() {
    let (mut bench, need, _, cheap) = moving();
    let domain = Per::Shard.domain(need.cluster);
    bench.consolidation.as_mut().expect("it is on").brakes[0].left.insert(domain, 0);
    let unit = bench.unit(Reason::Consolidate, Some(need), &[(cheap, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::MovesBudget, vec![unit]);
}

#[test]
fn a_move_that_saves_too_little_is_caught() {
    let (mut bench, need, _, cheap) = moving();
    bench.consolidation.as_mut().expect("it is on").min_gain = MicroUsd(9);
    let unit = bench.unit(Reason::Consolidate, Some(need), &[(cheap, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::MovesSave, vec![unit]);
}

#[test]
fn a_move_that_gets_more_than_it_needs_is_caught() {
    let (mut bench, need, _, cheap) = moving();
    let second = bench.priced(1, State::Idle, None);
    bench.consolidation.as_mut().expect("it is on").brakes.clear();
    let unit = |ix| bench.unit(Reason::Consolidate, Some(need), &[(ix, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::MovesKeepCover, vec![unit(cheap), unit(second)]);
}

#[test]
fn a_move_that_takes_at_once_what_it_replaces_is_caught() {
    let (bench, need, dear, cheap) = moving();
    let unit = bench.unit(Reason::Consolidate, Some(need), &[(dear, RECLAIM), (cheap, bench.bootstrap(need))]);
    bench.assert_breaks(Rule::MadeBeforeBroken, vec![unit]);
}
