//! Moves to cheaper machines through the fold and the engine, cycle after cycle; and the bug that these tests notice.

use argosy_engine::{Consolidation, Reason, View};
use argosy_model::{Duration, State};
use argosy_pool::ConsolidationPolicy;

use crate::lanes::tests::ground::Ground;
use crate::plant::{Bug, is_noticed};
use crate::{By, Command, DropReason, PlanEntry, Response, ShardState};

/// Six machines of a dear provider serve, and a cheap one sells again.
fn ground() -> Ground {
    let mut ground = Ground::new(&["cheap", "dear"], &["r1"], 20);
    ground.set("version: 1\nquotas: [{provider: cheap, machines: 0}]\n");
    ground.ask(6);
    ground.run(3);
    ground.set("version: 1\n");
    assert_eq!(ground.serving_of(["cheap", "dear"]), [0, 6]);
    ground.fewest_serving = u32::MAX;
    ground
}

fn allow(ground: &mut Ground, rest: &str) {
    let text = format!("version: 1\nconsolidation: {{enabled: true, {rest}}}\n");
    let policy = ConsolidationPolicy::parse("c", &text).expect("sound");
    let response = ground.apply(Command::SetConsolidation { policy: Some(Box::new(policy)), by: By::default() });
    assert_eq!(response, Response::Done);
}

#[test]
fn nobody_moves_unless_it_is_allowed() {
    let mut ground = ground();
    ground.run(60);
    assert_eq!(ground.serving_of(["cheap", "dear"]), [0, 6]);
}

#[test]
fn a_fleet_moves_window_by_window_and_is_never_less_than_asked_for() {
    let mut ground = ground();
    allow(&mut ground, "budgets: [{per: cluster, moves: 2, within: 5m}, {per: shard, moves: 50%, within: 1m}]");
    let mut moved = Vec::new();
    for _ in 0..4 {
        ground.run(30);
        moved.push(ground.calls_to("cheap"));
    }
    assert_eq!(moved, [2, 4, 6, 6], "two in five minutes");
    assert_eq!(ground.serving_of(["cheap", "dear"]), [6, 0]);
    assert_eq!(ground.fewest_serving, 6, "made before broken");
    assert_eq!(ground.count(State::Configured).len(), 1);
}

/// What a leader proposes that knows of no budget, and what becomes of it.
fn beyond_the_budget() {
    let mut ground = ground();
    allow(&mut ground, "budgets: [{per: cluster, moves: 2, within: 5m}]");
    let lax = Consolidation { payback: Duration::NEVER, ..Consolidation::default() };
    let view = View { consolidation: Some(&lax), ..ground.state.view(ground.at) };
    let units = argosy_engine::decide(&view).plan.units;
    assert_eq!(units.iter().filter(|unit| unit.reason == Reason::Consolidate).count(), 6);
    let plan = PlanEntry { based_on: ground.state.revision(), units, marks: Vec::new() };
    let Response::Plan(taken) = ground.apply(Command::Plan(plan)) else { panic!("a plan") };
    let dropped: Vec<DropReason> = taken.dropped.iter().map(|(_, why)| *why).collect();
    assert_eq!((taken.taken, dropped), (2, vec![DropReason::ChurnBudget; 4]));
    let brakes = &ground.state.consolidation().allowed().expect("it is on").brakes;
    assert_eq!(brakes[0].left.values().copied().collect::<Vec<_>>(), [0], "the engine knows that nothing is left");
    ground.at = ground.at.plus(Duration::from_secs(300));
    ground.apply(Command::Tick);
    let brakes = &ground.state.consolidation().allowed().expect("it is on").brakes;
    assert!(brakes[0].left.is_empty(), "the window is over");
}

#[test]
fn moves_beyond_their_budget_are_dropped_until_the_window_is_over() {
    beyond_the_budget();
}

#[test]
fn moves_where_none_are_allowed_are_dropped() {
    let mut ground = ground();
    let lax = Consolidation { payback: Duration::NEVER, ..Consolidation::default() };
    let view = View { consolidation: Some(&lax), ..ground.state.view(ground.at) };
    let units = argosy_engine::decide(&view).plan.units;
    let plan = PlanEntry { based_on: ground.state.revision(), units, marks: Vec::new() };
    let Response::Plan(taken) = ground.apply(Command::Plan(plan)) else { panic!("a plan") };
    assert_eq!((taken.taken, taken.dropped[0].1), (0, DropReason::ConsolidationOff));
}

#[test]
fn a_schedule_holds_until_a_leader_says_that_it_is_closed() {
    let mut ground = ground();
    let open_hours = "schedule: [{start: '08:00', end: '18:00'}]";
    let budgets = "{per: shard, moves: 100%, within: 1m}, {per: shard, moves: 0, within: 1m";
    allow(&mut ground, &format!("budgets: [{budgets}, {open_hours}}}]"));
    ground.run(5);
    assert_eq!(ground.calls_to("cheap"), 0, "until somebody has looked at a clock the strictest holds");
    let ask = |state: &ShardState, moment: &str| state.propose_churn_schedules(moment.parse().expect("a moment"));
    let by_day = ask(&ground.state, "2026-11-23T12:00:00Z").expect("it has not been said");
    ground.apply(by_day);
    assert_eq!(ask(&ground.state, "2026-11-23T12:30:00Z"), None, "it has been said");
    ground.run(5);
    assert_eq!(ground.calls_to("cheap"), 0);
    let by_night = ask(&ground.state, "2026-11-23T19:00:00Z").expect("it has changed");
    ground.apply(by_night);
    ground.run(5);
    assert_eq!(ground.calls_to("cheap"), 6);
}

#[test]
fn what_is_used_of_a_budget_outlives_leaders_and_snapshots() {
    let mut ground = ground();
    allow(&mut ground, "budgets: [{per: cluster, moves: 2, within: 1h}]");
    ground.run(3);
    let mut bytes = Vec::new();
    ground.state.write_snapshot(&mut bytes).expect("memory takes everything");
    let restored = ShardState::read_snapshot(&mut bytes.as_slice()).expect("just written");
    assert_eq!(restored.state_hash(), ground.state.state_hash());
    assert_eq!(restored.consolidation().allowed(), ground.state.consolidation().allowed());
    ground.state = restored;
    ground.lead(2);
    ground.run(30);
    assert_eq!(ground.calls_to("cheap"), 2);
    let budgets: Vec<_> = ground.state.consolidation().budgets().collect();
    assert_eq!(budgets.iter().filter_map(|budget| budget.window).map(|(_, window)| window.taken).sum::<u32>(), 2);
}

#[test]
fn a_fold_that_counts_no_moves_is_noticed() {
    assert!(is_noticed(Bug::ChurnUncounted, beyond_the_budget));
}
