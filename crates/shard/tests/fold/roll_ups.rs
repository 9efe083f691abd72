//! Demand is replaced whole, never merged; silence and accidents are not "no demand".

use argosy_model::Operator;
use argosy_shard::{Command, Event, NeedRow, Rejection, RequirementRow, Response, RollUp, RollUpTaken, Settings};

use crate::world::{World, row};

fn accepted(revision: u64) -> Option<Response> {
    Some(Response::RollUp(RollUpTaken::Accepted { revision }))
}

fn held(times: u8) -> Option<Response> {
    Some(Response::RollUp(RollUpTaken::HeldBack { times }))
}

fn rows(n: i32) -> Vec<NeedRow> {
    (0..n).map(|priority| row(priority, 1_000)).collect()
}

fn gang(group: &str) -> NeedRow {
    let same = RequirementRow { key: "rack".to_owned(), operator: Operator::Same, values: vec![] };
    NeedRow { requirements: vec![same], group: Some(group.to_owned()), ..row(5, 4_000) }
}

#[test]
fn an_unchanged_roll_up_writes_nothing_in_whatever_order() {
    let mut world = World::new();
    let mut demand = rows(3);
    demand.push(gang("g"));
    assert_eq!(world.ask("c", &demand), accepted(1));
    demand.reverse();
    assert_eq!(world.ask("c", &demand), None);
    demand[0].aggregate[0].1 += 1;
    let Some(Command::RollUp(delta)) = world.state.diff_rollup("c", &demand) else { panic!("it has changed") };
    assert_eq!((delta.put.len(), delta.withdraw.len(), delta.base), (1, 0, 1));
}

#[test]
fn the_first_report_is_heard_even_if_it_is_empty() {
    let mut world = World::new();
    assert_eq!(world.ask("c", &[]), accepted(1));
    let cluster = world.state.fleet().words.find_cluster("c").expect("heard");
    assert!(world.state.demand().reporting(cluster).heard);
    assert_eq!(world.ask("c", &[]), None);
}

#[test]
fn what_is_left_out_is_withdrawn_and_what_stays_keeps_its_arrival() {
    let mut world = World::new();
    world.ask("c", &rows(3));
    world.at = argosy_model::ShardTime(5_000);
    world.ask("c", &rows(4)[1..]);
    let cluster = world.state.fleet().words.find_cluster("c").expect("heard");
    let arrivals: Vec<u64> = world.state.demand().of_cluster(cluster).map(|need| need.arrival.0).collect();
    assert_eq!(arrivals, [0, 0, 5_000]);
}

#[test]
fn rows_of_equal_identity_are_added_up() {
    let mut world = World::new();
    let mut big = row(1, 3_000);
    big.min_unit[0].1 = 3_000;
    world.ask("c", &[row(1, 2_000), big]);
    let need = world.need("c");
    let cpu = world.state.fleet().words.find_dim("cpu").expect("seen");
    assert_eq!((need.aggregate.get(cpu), need.min_unit.get(cpu)), (5_000, 3_000));
    assert_eq!(world.state.demand().len(), 1);
}

#[test]
fn a_delta_against_another_revision_is_refused() {
    let mut world = World::new();
    let stale = world.state.diff_rollup("c", &rows(1)).expect("new");
    world.ask("c", &rows(2));
    let refused = world.apply(stale);
    let want = Rejection::RollUpBase { cluster: "c".to_owned(), base: 0, revision: 1 };
    assert_eq!(refused, Response::Rejected(want));
    assert_eq!(world.state.demand().len(), 2);
}

#[test]
fn a_row_that_breaks_a_rule_voids_the_whole_roll_up_and_the_last_good_demand_stays() {
    let mut world = World::new();
    world.ask("c", &rows(2));
    let mut bad = rows(3);
    bad[2].aggregate[0].1 = u64::MAX;
    let refused = world.ask("c", &bad).expect("it has changed");
    assert!(matches!(&refused, Response::Rejected(rejection) if rejection.code() == "ARG-0411"), "{refused:?}");
    assert_eq!(world.state.demand().len(), 2);
}

#[test]
fn nobody_withdraws_what_another_cluster_needs() {
    let mut world = World::new();
    world.ask("c", &rows(1));
    let foreign =
        RollUp { cluster: "d".to_owned(), base: 0, rows: 0, put: vec![], withdraw: vec![world.need("c").key] };
    let refused = world.apply(Command::RollUp(foreign));
    assert!(matches!(&refused, Response::Rejected(rejection) if rejection.code() == "ARG-0412"));
    assert_eq!(world.state.demand().len(), 1);
}

#[test]
fn one_empty_report_does_not_drain_a_cluster_but_the_third_in_a_row_is_believed() {
    let mut world = World::new();
    world.ask("c", &rows(20));
    assert_eq!((world.ask("c", &[]), world.ask("c", &rows(1))), (held(1), held(2)));
    assert!(world.events.iter().any(|event| matches!(event, Event::RollUpHeldBack { times: 2, .. })));
    assert_eq!(world.state.demand().len(), 20);
    assert_eq!(world.ask("c", &[]), accepted(2));
    assert!(world.state.demand().is_empty());
}

#[test]
fn an_ordinary_report_between_two_empty_ones_starts_the_count_anew() {
    let mut world = World::new();
    world.ask("c", &rows(20));
    assert_eq!((world.ask("c", &[]), world.ask("c", &[])), (held(1), held(2)));
    assert_eq!(world.ask("c", &rows(20)), accepted(2), "an unchanged report is written: it ends the count");
    assert_eq!(world.ask("c", &[]), held(1));
}

#[test]
fn a_held_back_report_counts_as_heard_and_the_guard_can_be_switched_off() {
    let mut settings = Settings::default();
    settings.policy.empty_rollup_guard = false;
    let mut world = World::with(settings);
    world.ask("c", &rows(20));
    assert_eq!(world.ask("c", &[]), accepted(2));
}

#[test]
fn a_gang_s_profile_has_its_plain_counterpart_ready_for_folding() {
    let mut world = World::new();
    world.ask("c", &[gang("g")]);
    let profile = world.need("c").key.profile;
    let plain = world.state.profiles().plain(profile).expect("interned beside it");
    let words = &world.state.fleet().words;
    assert_eq!(**words.profile_of(plain), words.profile_of(profile).without_same());
}

#[test]
fn a_group_without_a_same_requirement_makes_no_gang() {
    let mut world = World::new();
    world.ask("c", &[NeedRow { group: Some("g".to_owned()), ..row(1, 1_000) }]);
    assert_eq!(world.need("c").key.group, None);
}
