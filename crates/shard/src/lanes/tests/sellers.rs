//! Pools with sellers, through the fold and the engine: what each strategy buys where, in good times and bad.

use argosy_model::{Duration, ShardTime};

use super::STOCK_OUT;
use super::ground::{Answer, Ground, pool_of};
use crate::fold::Market;
use crate::lanes::{BreakerState, LaneRecord, Trouble};
use crate::{By, Command, Refusal, Response};

const BOTH: [&str; 2] = ["cheap", "dear"];
const REGIONS: [&str; 3] = ["r1", "r2", "r3"];
const STRATEGIES: [&str; 4] = ["priority", "weighted", "availability", "cost"];

/// The dear one first, so that no strategy but cost does what the engine would do by itself.
fn sellers(strategy: &str) -> String {
    format!(
        "{{strategy: {strategy}, among: [{{provider: dear, priority: 1, weight: 3}}, {{provider: cheap, priority: 2}}]}}"
    )
}

fn bought(strategy: &str, machines: u32) -> Ground {
    let mut ground = Ground::new(&BOTH, &REGIONS, 10);
    ground.pool(machines, &sellers(strategy));
    ground.run(4);
    ground
}

#[test]
fn each_strategy_buys_where_it_says() {
    for (strategy, there) in [("priority", [0, 8]), ("weighted", [2, 6]), ("cost", [8, 0])] {
        assert_eq!(bought(strategy, 8).serving_of(BOTH), there, "{strategy}");
    }
    let mut ground = Ground::new(&BOTH, &REGIONS, 10);
    ground.breaks("dear", &REGIONS, STOCK_OUT);
    ground.pool(8, &sellers("availability"));
    ground.run(12);
    assert_eq!(ground.serving_of(BOTH), [8, 0], "whoever refuses comes last");
}

#[test]
fn a_seller_that_is_broken_is_made_up_for_by_the_others_and_preferred_again_when_it_is_mended() {
    for answer in [STOCK_OUT, Answer::Refuses(Refusal::Throttled)] {
        for (strategy, at_last) in [("priority", [0, 12]), ("weighted", [3, 9])] {
            let mut ground = Ground::new(&BOTH, &REGIONS, 20);
            ground.breaks("dear", &REGIONS, answer);
            ground.pool(12, &sellers(strategy));
            ground.run(15);
            assert_eq!(ground.serving_of(BOTH), [12, 0], "{strategy}: covered while it is broken");
            ground.run(180);
            let calls = ground.calls_to("dear");
            // 3 lanes, each probed at most 7 times in half an hour after the waves that opened it.
            assert!(calls <= 60 + 3 * 7, "{strategy}: {calls} calls to a provider that sells nothing");
            ground.broken.clear();
            ground.run(400);
            assert_eq!(ground.serving_of(BOTH), at_last, "{strategy}: back to where it would rather be");
            assert!(ground.fewest_serving >= 12, "{strategy}: never short for it: {}", ground.fewest_serving);
        }
    }
}

#[test]
fn after_an_outage_of_every_provider_every_strategy_uses_what_comes_back() {
    for strategy in STRATEGIES {
        for back in BOTH {
            let mut ground = Ground::new(&BOTH, &REGIONS, 20);
            BOTH.into_iter().for_each(|provider| ground.breaks(provider, &REGIONS, STOCK_OUT));
            ground.pool(6, &sellers(strategy));
            ground.run(200);
            assert_eq!(ground.serving(), 0, "{strategy}");
            ground.broken.retain(|(provider, region), _| provider != back || region != "r2");
            ground.run(240);
            assert_eq!(ground.serving(), 6, "{strategy}: {back} sells again, in one region");
        }
    }
}

#[test]
fn all_regions_are_tried_and_those_that_are_named_are_the_only_ones() {
    let mut ground = Ground::new(&["dear"], &REGIONS, 4);
    ground.pool(12, "{among: [{provider: dear}]}");
    ground.run(6);
    assert_eq!(ground.serving(), 12, "every slot of every region");
    let mut ground = Ground::new(&["dear"], &REGIONS, 4);
    ground.pool(12, "{among: [{provider: dear, regions: [r1, r3]}]}");
    ground.run(6);
    assert_eq!((ground.serving(), ground.calls.keys().any(|(_, region)| region == "r2")), (8, false));
}

#[test]
fn quotas_of_lanes_and_of_sellers_send_the_rest_elsewhere() {
    let mut ground = Ground::new(&BOTH, &REGIONS, 20);
    ground.set("version: 1\nquotas:\n  - {provider: dear, machines: 5}\n");
    ground.pool(12, &sellers("priority"));
    ground.run(6);
    assert_eq!(ground.serving_of(BOTH), [7, 5], "the shard's quota");
    let mut ground = Ground::new(&BOTH, &REGIONS, 20);
    ground.pool(12, "{among: [{provider: dear, quota: 3}, {provider: cheap, priority: 1}]}");
    ground.run(6);
    assert_eq!(ground.serving_of(BOTH), [9, 3], "the pool's own");
}

#[test]
fn shares_hold_as_a_pool_grows_and_shrinks_and_over_a_change_of_leader() {
    let mut ground = bought("weighted", 8);
    for (term, (machines, there)) in (2..).zip([(40, [10, 30]), (4, [1, 3]), (20, [5, 15])]) {
        ground.pool(machines, &sellers("weighted"));
        ground.run(2);
        ground.lead(term);
        ground.run(20);
        assert_eq!(ground.serving_of(BOTH), there);
    }
}

#[test]
fn a_restored_shard_splits_its_pools_as_the_one_that_was_written() {
    for strategy in STRATEGIES {
        let mut ground = bought(strategy, 8);
        ground.is_doubted = true;
        ground.breaks("dear", &["r1"], STOCK_OUT);
        ground.pool(20, &sellers(strategy));
        ground.run(2);
        let mut twin = Ground::new(&[], &[], 0);
        (twin.state, twin.at) = (ground.restored(), ground.at);
        twin.broken = ground.broken.clone();
        for ground in [&mut ground, &mut twin] {
            ground.run(20);
            ground.broken.clear();
            ground.run(20);
        }
        assert_eq!(twin.state.state_hash(), ground.state.state_hash(), "{strategy}");
    }
}

#[test]
fn a_replica_restored_before_any_entry_splits_in_that_entry_as_the_others_do() {
    restored_replicas_split_alike();
}

pub(super) fn restored_replicas_split_alike() {
    let mut ground = Ground::new(&BOTH, &["r1"], 20);
    ground.is_doubted = true;
    ground.set("version: 1\nquotas:\n  - {provider: dear, machines: 10}\n");
    ground.pool(8, &sellers("priority"));
    ground.run(4);
    assert_eq!(ground.serving_of(BOTH), [0, 8]);
    ground.pool(16, &sellers("priority"));
    ground.run(4);
    assert_eq!(ground.serving_of(BOTH), [6, 10]);
}

#[test]
fn pools_are_split_anew_exactly_when_what_a_split_depends_on_has_changed() {
    let mut ground = bought("priority", 8);
    ground.at = ground.at.plus(Duration::from_secs(1));
    let mut split = Market::of(&ground.state);
    let mut is_still = |ground: &Ground| {
        let before = std::mem::replace(&mut split, Market::of(&ground.state));
        before.is_still(&ground.state)
    };
    ground.apply(Command::Tick);
    ground.ask(0);
    assert!(is_still(&ground), "time and the demand of others change nothing");
    ground.apply(Command::Cordon { machine: "dear.r1.9".to_owned(), on: true, by: By::default() });
    assert!(!is_still(&ground), "a free machine less");
    ground.set("version: 1\nquotas:\n  - {provider: dear, machines: 9}\n");
    assert!(!is_still(&ground), "a quota");
    ground.pool(9, &sellers("priority"));
    assert!(!is_still(&ground), "another target");
    let lane = ground.state.lane_of(ground.state.fleet().find("dear.r1.0").expect("it is there"));
    let breaker = BreakerState::Open { until: ShardTime(u64::MAX) };
    let last = Trouble::Refused(Refusal::StockOut);
    ground.state.lanes.put(lane, Some(LaneRecord { refusals: 5, trips: 1, breaker, last, at: ground.at }));
    assert!(!is_still(&ground), "a breaker");
    ground.apply(Command::Tick);
    assert!(ground.state.market.as_ref().is_some_and(|market| market.is_still(&ground.state)), "split by it");
}

#[test]
fn a_pool_is_refused_when_the_row_of_any_of_its_sellers_would_break_a_rule_of_demand() {
    let mut ground = Ground::new(&BOTH, &["r1"], 20);
    let mut pool = pool_of(2, "{among: [{provider: dear, quota: 3}, {provider: cheap, priority: 1}]}");
    let sellers = pool.sellers.as_mut().expect("it has them");
    sellers.among[1].instance_types = (0..300).map(|n| format!("type-{n}")).collect();
    let specification = Box::new(pool.clone());
    let response = ground.apply(Command::SetPool { specification, by: By::default() });
    assert!(matches!(response, Response::Rejected(_)), "{response:?}");
    // One that an earlier release has let in does no harm either.
    ground.pool(2, "{among: [{provider: dear, quota: 3}, {provider: cheap, priority: 1}]}");
    let mut known = ground.state.pools.get("p").expect("it was set").clone();
    (known.specification, known.standing.target) = (std::sync::Arc::new(pool), 8);
    ground.state.pools.insert("p".to_owned(), known);
    ground.run(3);
    assert_eq!(ground.serving_of(BOTH), [0, 2], "what was asked before is asked still");
}
