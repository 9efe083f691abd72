//! Lanes through the fold and the engine, cycle after cycle; and the bugs that these tests notice.

mod gangs;
pub(crate) mod ground;
mod probes;
mod restored;
mod sellers;

use argosy_model::{ShardTime, State, Sym};
use argosy_pool::LanePolicy;

use self::ground::{Answer, Ground};
use super::{Lane, LaneRecord, StoredLanes, Trouble};
use crate::plant::{Bug, is_noticed};
use crate::{BreakerState, By, Command, LaneName, Refusal};

const PROVIDERS: [&str; 2] = ["cheap", "dear"];
const REGIONS: [&str; 3] = ["r1", "r2", "r3"];
const STOCK_OUT: Answer = Answer::Refuses(Refusal::StockOut);

fn broken_everywhere(answer: Answer, asked: u64) -> Ground {
    let mut ground = Ground::new(&PROVIDERS, &REGIONS, 30);
    ground.breaks("cheap", &REGIONS, answer);
    ground.breaks("dear", &REGIONS, answer);
    ground.ask(asked);
    ground
}

fn quota_of_the_cheap() -> Ground {
    let mut ground = Ground::new(&PROVIDERS, &["r1"], 30);
    ground.set("version: 1\nquotas:\n  - {provider: cheap, machines: 4}\n");
    ground.is_slow = true;
    ground.ask(3);
    ground.run(1);
    ground.ask(12);
    ground.run(3);
    ground
}

fn quota_is_kept() {
    let ground = quota_of_the_cheap();
    let of = |provider: &str| ground.most.get(&(provider.to_owned(), "r1".to_owned())).copied().unwrap_or(0);
    assert_eq!((of("cheap"), of("dear")), (4, 8), "the rest is bought elsewhere");
}

fn one_probe_at_a_time() {
    let mut ground = broken_everywhere(STOCK_OUT, 180);
    ground.run(2);
    let of_first_wave = ground.calls.clone();
    ground.burst.clear();
    ground.run(90);
    assert!(ground.calls.iter().all(|(place, calls)| *calls > of_first_wave[place]), "every lane was tried again");
    assert!(ground.burst.values().all(|burst| *burst <= 1), "one at a time: {:?}", ground.burst);
}

fn breakers_outlive_their_leader() {
    let mut ground = broken_everywhere(STOCK_OUT, 180);
    ground.run(2);
    let before = ground.calls.clone();
    assert_eq!(ground.state.lanes().shut().count(), 6);
    ground.lead(2);
    ground.run(2);
    assert_eq!(ground.calls, before, "the new leader knows what the old one had learnt");
}

fn capacity_that_comes_back_is_used() {
    for answer in [STOCK_OUT, Answer::Refuses(Refusal::Throttled), Answer::IsSilent] {
        let mut ground = broken_everywhere(answer, 10);
        ground.run(300);
        assert_eq!(ground.serving(), 0);
        ground.broken.clear();
        ground.run(240);
        assert_eq!(ground.serving(), 10, "{answer:?}: all of it is served again");
        assert!(ground.held_back().is_empty() || ground.state.lanes().shut().count() > 0);
    }
}

fn failures_count_against_their_lane() {
    let mut ground = Ground::new(&PROVIDERS, &["r1"], 30);
    ground.breaks("cheap", &["r1"], Answer::Fails);
    ground.ask(12);
    ground.run(3);
    let failed = ground.calls_to("cheap");
    assert!((5..=24).contains(&failed), "{failed}");
    assert_eq!(ground.serving(), 12, "the rest is bought elsewhere");
    let lane = ground.state.lanes().shut().next().expect("it is open");
    let record = *ground.state.lanes().record(lane).expect("what is open is remembered");
    assert_eq!((record.last, record.breaker.name()), (Trouble::Failed, "open"));
    ground.ask(18);
    ground.run(4);
    assert_eq!((ground.serving(), ground.calls_to("cheap")), (18, failed), "nothing is tried there for now");
}

#[test]
fn a_quota_counts_what_is_on_its_way_and_the_rest_is_bought_elsewhere() {
    quota_is_kept();
}

#[test]
fn a_half_open_breaker_lets_one_probe_through_at_a_time() {
    one_probe_at_a_time();
}

#[test]
fn a_new_leader_knows_which_breakers_are_open() {
    breakers_outlive_their_leader();
}

#[test]
fn after_an_outage_of_every_provider_capacity_that_comes_back_is_used() {
    capacity_that_comes_back_is_used();
}

#[test]
fn every_planted_bug_is_noticed() {
    let proofs: [(Bug, fn()); 9] = [
        (Bug::FailureUncounted, failures_count_against_their_lane),
        (Bug::InFlightUncounted, quota_is_kept),
        (Bug::HalfOpenWide, one_probe_at_a_time),
        (Bug::BreakerForgotten, breakers_outlive_their_leader),
        (Bug::Lockout, capacity_that_comes_back_is_used),
        (Bug::NoParole, gangs::gangs_alone_buy_again),
        (Bug::CapsUnseen, gangs::a_gang_stays_within_a_quota),
        (Bug::CapsUnseen, gangs::a_gang_that_no_quota_has_room_for_parks),
        (Bug::CountedLate, sellers::restored_replicas_split_alike),
    ];
    for (bug, proof) in proofs {
        assert!(is_noticed(bug, proof), "nobody noticed {bug:?}");
    }
}

#[test]
fn a_lane_that_refuses_is_passed_by_and_the_demand_is_covered_by_others() {
    for answer in [STOCK_OUT, Answer::Refuses(Refusal::Throttled)] {
        let mut ground = Ground::new(&PROVIDERS, &REGIONS, 30);
        ground.breaks("cheap", &REGIONS, answer);
        ground.ask(20);
        ground.run(12);
        assert_eq!(ground.serving(), 20, "{answer:?}");
        assert!(ground.calls_to("cheap") <= 3 * 30, "{answer:?}: {:?}", ground.calls);
        let before = ground.calls_to("cheap");
        ground.ask(25);
        ground.run(6);
        assert_eq!((ground.serving(), ground.calls_to("cheap") - before <= 3), (25, true), "{answer:?}");
    }
}

#[test]
fn silence_opens_a_breaker_too_and_what_may_have_been_executed_is_called_for_again_and_again() {
    let mut ground = Ground::new(&["only"], &["r1"], 30);
    ground.breaks("only", &["r1"], Answer::IsSilent);
    ground.ask(10);
    ground.run(1);
    let wave = ground.calls_to("only");
    assert!(wave >= 5, "five silences open it: {wave}");
    ground.run(60);
    assert!(ground.calls_to("only") - wave <= 8, "ten minutes of probes: {}", ground.calls_to("only") - wave);
    ground.broken.clear();
    ground.run(120);
    assert_eq!(ground.serving(), 10);
}

#[test]
fn creations_that_are_accepted_and_fail_open_a_breaker() {
    failures_count_against_their_lane();
}

#[test]
fn creations_that_are_accepted_and_never_ready_open_a_breaker_when_their_time_is_over() {
    let mut ground = Ground::new(&PROVIDERS, &["r1"], 30);
    ground.breaks("cheap", &["r1"], Answer::Stalls);
    ground.ask(6);
    ground.run(170);
    assert_eq!((ground.serving(), ground.state.lanes().shut().count()), (0, 0), "they may be slow");
    ground.run(20);
    assert_eq!((ground.calls_to("cheap"), ground.state.lanes().shut().count()), (6, 1));
    assert_eq!(ground.serving(), 6, "bought elsewhere");
}

#[test]
fn a_success_forgets_what_was_held_against_a_lane() {
    let mut ground = Ground::new(&["only"], &["r1"], 30);
    ground.breaks("only", &["r1"], STOCK_OUT);
    ground.ask(4);
    ground.run(1);
    let lane = ground.state.lane_of(ground.state.fleet().iter().next().expect("one").0);
    assert_eq!(
        ground.state.lanes().record(lane).map(|record| (record.refusals, record.breaker.name())),
        Some((4, "closed"))
    );
    ground.broken.clear();
    ground.run(2);
    assert_eq!((ground.serving(), ground.state.lanes().record(lane)), (4, None));
}

#[test]
fn a_quota_over_a_provider_counts_all_its_regions_and_one_over_a_lane_its_own() {
    let mut ground = Ground::new(&PROVIDERS, &REGIONS, 30);
    ground.set(
        "version: 1\nquotas:\n  - {provider: cheap, machines: 5}\n  - {provider: cheap, region: r1, machines: 2}\n",
    );
    ground.ask(20);
    ground.run(6);
    assert_eq!(ground.serving(), 20);
    let there = ground.count(State::Configured);
    let of = |provider: &str| there.iter().filter(|((of, _), _)| of == provider).map(|(_, count)| count).sum::<u32>();
    assert_eq!((of("cheap"), of("dear")), (5, 15));
    assert!(there.get(&("cheap".to_owned(), "r1".to_owned())).is_none_or(|count| *count <= 2), "{there:?}");
    ground.set("version: 1\n");
    assert!(ground.held_back().is_empty(), "without a quota nothing is held back");
}

#[test]
fn a_person_closes_a_breaker_with_a_reason() {
    let mut ground = broken_everywhere(STOCK_OUT, 180);
    ground.run(2);
    ground.broken.clear();
    let lane = LaneName { provider: "dear".to_owned(), region: "r2".to_owned(), instance_type: "h100".to_owned() };
    let by = By { actor: "ann".to_owned(), reason: "the provider says it is mended".to_owned() };
    ground.apply(Command::CloseLanes { lane: Some(lane), by });
    assert_eq!(ground.state.lanes().shut().count(), 5);
    ground.run(1);
    assert_eq!(
        ground.count(State::Configured).into_iter().collect::<Vec<_>>(),
        [(("dear".to_owned(), "r2".to_owned()), 30)]
    );
}

#[test]
fn a_restored_shard_goes_on_with_its_lanes_as_the_one_that_was_written() {
    let mut ground = broken_everywhere(STOCK_OUT, 10);
    ground.is_doubted = true;
    ground.set("version: 1\nquotas:\n  - {provider: dear, machines: 3}\n");
    ground.run(4);
    let restored = ground.restored();
    assert_eq!(restored.state_hash(), ground.state.state_hash());
    assert_eq!(restored.lanes().shut().collect::<Vec<_>>(), ground.state.lanes().shut().collect::<Vec<_>>());
    let mut twin = Ground::new(&[], &[], 0);
    (twin.state, twin.at) = (restored, ground.at);
    twin.broken = ground.broken.clone();
    for ground in [&mut ground, &mut twin] {
        ground.run(9);
        ground.broken.clear();
        ground.run(60);
    }
    assert_eq!(twin.state.state_hash(), ground.state.state_hash());
}

#[test]
fn a_lane_says_why_it_is_passed_by() {
    let mut ground = Ground::new(&PROVIDERS, &["r1"], 10);
    ground.set("version: 1\nquotas:\n  - {provider: dear, machines: 2}\n");
    ground.breaks("cheap", &["r1"], STOCK_OUT);
    ground.ask(8);
    ground.run(4);
    let lanes = ground.state.look_at_lanes();
    let why: Vec<String> =
        lanes.iter().map(|lane| lane.passed_by().map(|why| why.text(ground.state.now())).unwrap_or_default()).collect();
    assert!(why[0].starts_with("breaker_open for another") && why[1] == "quota_reached", "{why:?}");
    let need = ground.state.demand().iter().next().expect("one").key;
    let told = ground.state.lanes_passed_by(need.profile, ground.at);
    assert!(told.len() == 2 && told[1] == "dear/r1/h100: quota_reached", "{told:?}");
    assert_eq!((lanes[0].held_back, lanes[1].held_back, lanes[1].held), (10, 8, 2));
    assert!(matches!(lanes[0].breaker(), BreakerState::Open { .. }));
}

#[test]
fn the_numbers_of_what_lies_in_the_log_and_in_snapshots_never_change() {
    fn number(value: &impl serde::Serialize) -> u8 {
        postcard::to_stdvec(value).expect("plain data")[0]
    }
    let refusals = [
        Refusal::StockOut,
        Refusal::Throttled,
        Refusal::OutOfPosition,
        Refusal::Invalid,
        Refusal::Unimplemented,
        Refusal::NotFound,
        Refusal::Fenced,
        Refusal::NoBlob,
        Refusal::Undone,
        Refusal::HeldBack,
    ];
    assert!(refusals.iter().map(number).eq(0..10));
    let until = ShardTime(0);
    let breakers = [BreakerState::Closed, BreakerState::Open { until }, BreakerState::HalfOpen { until }];
    assert!(breakers.iter().map(number).eq(0..3));
    let troubles = [Trouble::Refused(Refusal::StockOut), Trouble::NoAnswer, Trouble::Failed];
    assert!(troubles.iter().map(number).eq(0..3));
    let lane = Lane { provider: Sym::from_index(0), region: None, instance_type: None };
    let record = LaneRecord { refusals: 0, trips: 0, breaker: breakers[0], last: troubles[1], at: until };
    let stored = [StoredLanes::Policy(0, LanePolicy::default()), StoredLanes::Record(lane, record)];
    assert!(stored.iter().map(number).eq(0..2));
}
