//! Gangs beside lanes: what they may take of them, and that they are put together where it is enough.

use std::collections::BTreeMap;

use argosy_engine::{Action, ActionKind, Cap, Reason, Unit};
use argosy_model::vocabulary::{REGION_KEY, ZONE_KEY};
use argosy_model::{Bucket, Claim, ShardTime, State};

use super::ground::{Ground, place, slot};
use super::{Answer, REGIONS, STOCK_OUT};
use crate::Refusal;
use crate::fold::Fold;
use crate::lanes::{BreakerState, LaneRecord, Trouble};
use crate::operation::Assignment;
use crate::response::DropReason;

/// Whether a unit that buys these slots would be taken.
fn buys(ground: &Ground, slots: &[&str]) -> Result<(), DropReason> {
    let mut state = ground.state.clone();
    let cluster = state.fleet.words.cluster("c");
    let claim = Claim { cluster, profile: None, group: None };
    let terms = Assignment { claim, priority: 0, interruption: Bucket::UNSPECIFIED, reclamation: Bucket::UNSPECIFIED };
    let buy = |slot: &&str| {
        let machine = state.fleet().find(slot).expect("it is there");
        Action { machine, version: state.fleet().machine(machine).version, kind: ActionKind::Provision(terms) }
    };
    let actions = slots.iter().map(buy).collect();
    let unit = Unit { reason: Reason::AssembleGang, needs: Vec::new(), actions };
    let (index, term) = (state.revision() + 1, 1);
    Fold::on(&mut state, index, term).check_lanes(&unit)
}

fn half_open(ground: &mut Ground, slot: &str) {
    let lane = ground.state.lane_of(ground.state.fleet().find(slot).expect("it is there"));
    let breaker = BreakerState::HalfOpen { until: ShardTime(u64::MAX) };
    let last = Trouble::Refused(Refusal::StockOut);
    let record = LaneRecord { refusals: 5, trips: 1, breaker, last, at: ShardTime(0) };
    ground.state.lanes.put(lane, Some(record));
}

#[test]
fn a_unit_is_held_against_each_quota_by_what_it_buys_within_that_quota() {
    let mut ground = Ground::new(&["cheap"], &REGIONS, 10);
    ground.set(
        "version: 1\nquotas:\n  - {provider: cheap, machines: 6}\n  - {provider: cheap, region: r1, machines: 2}\n",
    );
    let both = ["cheap.r1.0", "cheap.r1.1", "cheap.r2.0", "cheap.r2.1", "cheap.r2.2", "cheap.r2.3"];
    assert_eq!(buys(&ground, &both), Ok(()), "2 of 2, and 6 of 6");
    assert_eq!(buys(&ground, &["cheap.r1.0", "cheap.r1.1", "cheap.r1.2"]), Err(DropReason::QuotaReached));
    let seven: Vec<&str> = both.into_iter().chain(["cheap.r3.0"]).collect();
    assert_eq!(buys(&ground, &seven), Err(DropReason::QuotaReached));
}

#[test]
fn half_open_lanes_of_one_quota_pass_together_no_more_than_the_quota_leaves() {
    let mut ground = Ground::new(&["cheap"], &REGIONS, 10);
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 1}\n");
    half_open(&mut ground, "cheap.r1.0");
    half_open(&mut ground, "cheap.r2.0");
    assert_eq!(buys(&ground, &["cheap.r1.0"]), Ok(()));
    assert_eq!(buys(&ground, &["cheap.r1.0", "cheap.r2.0"]), Err(DropReason::QuotaReached));
    ground.set("version: 1\n");
    assert_eq!(buys(&ground, &["cheap.r1.0", "cheap.r2.0"]), Ok(()));
    assert_eq!(buys(&ground, &["cheap.r1.0", "cheap.r1.1"]), Err(DropReason::BreakerOpen));
}

pub(super) fn gangs_alone_buy_again() {
    let throttled = Answer::Refuses(Refusal::Throttled);
    for (key, answer) in [(ZONE_KEY, STOCK_OUT), (REGION_KEY, STOCK_OUT), (ZONE_KEY, throttled)] {
        let mut ground = Ground::new(&["only"], &["r1"], 12);
        ground.breaks("only", &["r1"], answer);
        ground.ask_gangs(key, &[6]);
        ground.run(20);
        assert!(!ground.state.lanes().is_blameless(), "{key}");
        ground.broken.clear();
        ground.run(120);
        assert_eq!(ground.serving(), 6, "{key}, {answer:?}: not one machine of a gang is a probe");
    }
}

#[test]
fn after_an_outage_a_fleet_of_gangs_alone_buys_again() {
    gangs_alone_buy_again();
}

/// What a gang gets that all of its region's slots of one provider would do for, in two zones, but a quota does not.
pub(super) fn a_gang_stays_within_a_quota() {
    let mut ground = Ground::new(&["cheap", "dear"], &["r1"], 10);
    ground.is_doubted = true;
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 3}\n");
    ground.ask_gangs(REGION_KEY, &[4]);
    ground.run(4);
    assert_eq!(
        (ground.serving_of(["cheap", "dear"]), ground.dropped),
        ([3, 1], 0),
        "the rest is dearer, and beside it"
    );
}

#[test]
fn a_gang_over_two_shapes_buys_no_more_than_their_quota_leaves_and_the_rest_beside_it() {
    a_gang_stays_within_a_quota();
}

#[test]
fn a_gang_over_two_lanes_of_one_quota_buys_no_more_than_that_leaves() {
    let mut ground = Ground::new(&["cheap", "dear"], &["r1"], 2);
    ground.is_doubted = true;
    let other = ["cheap.r1.0.other", "cheap.r1.2.other"].map(|id| slot(id, 1));
    ground.show("cheap", other.to_vec());
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 3}\n");
    assert_eq!(ground.state.look_at_lanes().len(), 3);
    ground.ask_gangs(REGION_KEY, &[5]);
    ground.run(4);
    assert_eq!((ground.serving_of(["cheap", "dear"]), ground.dropped), ([3, 2], 0));
}

#[test]
fn a_gang_takes_one_slot_of_a_half_open_lane_whatever_the_number_of_its_shapes() {
    let mut ground = Ground::new(&["cheap", "dear"], &["r1"], 10);
    half_open(&mut ground, "cheap.r1.0");
    ground.ask_gangs(REGION_KEY, &[2]);
    assert_eq!(ground.state.lanes().caps().iter().map(Cap::left).collect::<Vec<_>>(), [1]);
    ground.run(4);
    assert_eq!((ground.serving_of(["cheap", "dear"]), ground.dropped), ([1, 1], 0));
}

#[test]
fn a_gang_that_a_quota_keeps_from_one_region_is_put_together_in_another() {
    let mut ground = Ground::new(&["cheap"], &["r1", "r2"], 6);
    ground.set("version: 1\nquotas:\n  - {provider: cheap, region: r1, machines: 3}\n");
    ground.ask_gangs(REGION_KEY, &[4]);
    ground.run(4);
    assert_eq!((ground.count(State::Configured), ground.dropped), (BTreeMap::from([(place("cheap.r2.0"), 4)]), 0));
}

pub(super) fn a_gang_that_no_quota_has_room_for_parks() {
    let mut ground = Ground::new(&["cheap"], &["r1", "r2"], 6);
    ground.is_doubted = true;
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 3}\n");
    ground.ask_gangs_and(REGION_KEY, &[4], 2);
    ground.run(1);
    assert_eq!((ground.serving(), ground.dropped), (2, 0), "whoever comes behind it has its slots at once");
    ground.run(12);
    let gang = ground.state.demand().iter().find(|need| need.key.group.is_some()).expect("it is asked for").key;
    let hopeless = ground.state.demand().mark(&gang).hopeless_since.expect("it parks");
    assert!(ground.at.since(hopeless) >= ground.state.settings().policy.park_after);
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 6}\n");
    ground.run(40);
    assert_eq!((ground.serving(), ground.dropped), (6, 0), "and tries again: the quota was raised");
}

#[test]
fn a_gang_that_no_quota_has_room_for_parks_and_needs_behind_it_have_the_slots() {
    a_gang_that_no_quota_has_room_for_parks();
}
