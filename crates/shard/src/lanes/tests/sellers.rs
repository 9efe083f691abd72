//! Pools with sellers, through the fold and the engine: what each strategy buys where, in good times and bad.

use super::STOCK_OUT;
use super::ground::{Answer, Ground};
use crate::{Refusal, ShardState};

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
        ground.breaks("dear", &["r1"], STOCK_OUT);
        ground.pool(20, &sellers(strategy));
        ground.run(2);
        let mut bytes = Vec::new();
        ground.state.write_snapshot(&mut bytes).expect("memory takes everything");
        let mut twin = Ground::new(&[], &[], 0);
        (twin.state, twin.at) = (ShardState::read_snapshot(&mut bytes.as_slice()).expect("sound"), ground.at);
        twin.broken = ground.broken.clone();
        for ground in [&mut ground, &mut twin] {
            ground.run(20);
            ground.broken.clear();
            ground.run(20);
        }
        assert_eq!(twin.state.state_hash(), ground.state.state_hash(), "{strategy}");
    }
}
