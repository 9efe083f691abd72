//! Gangs beside lanes: what they may take of them, and that they are put together where it is enough.

use argosy_engine::{Action, ActionKind, Reason, Unit};
use argosy_model::vocabulary::{REGION_KEY, ZONE_KEY};
use argosy_model::{Bucket, Claim, ShardTime};

use super::ground::Ground;
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
