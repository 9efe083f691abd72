//! Histories of lanes and sellers in which every entry is also folded by a replica that was restored a moment before.

use argosy_model::State;
use argosy_model::vocabulary::{REGION_KEY, ZONE_KEY};
use proptest::prelude::*;

use super::ground::{Answer, Ground, slot};
use super::{PROVIDERS, REGIONS, STOCK_OUT};
use crate::{By, Command, Refusal};

const SLOTS: u32 = 5;

/// Something that happens to a shard.
#[derive(Clone, Debug)]
enum Step {
    Ask(u64),
    Gangs(bool, Vec<u64>),
    Pool(u32, &'static str),
    Quotas(Option<u32>, Option<u32>),
    Breaker(u32),
    Break(usize, usize, usize),
    Mend,
    Cordon(usize, usize, u32, bool),
    TakeAway(usize, u32),
    /// Somebody else has a machine made.
    Foreign(usize),
    Close,
    Slow(bool),
    Lead,
    Cycles(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let quota = || proptest::option::of(0..8_u32);
    let strategy = prop::sample::select(vec!["priority", "weighted", "availability", "cost"]);
    prop_oneof![
        2 => (0..12_u64).prop_map(Step::Ask),
        2 => (any::<bool>(), prop::collection::vec(2..6_u64, 0..3)).prop_map(|(zone, gangs)| Step::Gangs(zone, gangs)),
        3 => (0..12_u32, strategy).prop_map(|(machines, strategy)| Step::Pool(machines, strategy)),
        2 => (quota(), quota()).prop_map(|(provider, region)| Step::Quotas(provider, region)),
        1 => (0..4_u32).prop_map(Step::Breaker),
        4 => (0..2_usize, 0..3_usize, 0..3_usize).prop_map(|(of, region, how)| Step::Break(of, region, how)),
        2 => Just(Step::Mend),
        2 => (0..2_usize, 0..3_usize, 0..SLOTS, any::<bool>()).prop_map(|(of, region, n, on)| Step::Cordon(of, region, n, on)),
        1 => (0..2_usize, 1..=SLOTS).prop_map(|(of, slots)| Step::TakeAway(of, slots)),
        1 => (0..2_usize).prop_map(Step::Foreign),
        1 => Just(Step::Close),
        1 => any::<bool>().prop_map(Step::Slow),
        1 => Just(Step::Lead),
        8 => (1..10_u32).prop_map(Step::Cycles),
    ]
}

fn take(ground: &mut Ground, term: u64, step: &Step) {
    let answers = [STOCK_OUT, Answer::Refuses(Refusal::Throttled), Answer::IsSilent];
    match step {
        Step::Ask(machines) => ground.ask(*machines),
        Step::Gangs(zone, gangs) => ground.ask_gangs(if *zone { ZONE_KEY } else { REGION_KEY }, gangs),
        Step::Pool(machines, strategy) => ground.pool(
            *machines,
            &format!(
                "{{strategy: {strategy}, among: [{{provider: dear, weight: 2, quota: 6}}, {{provider: cheap, priority: 1}}]}}"
            ),
        ),
        Step::Quotas(provider, region) => {
            let all = provider.map(|n| format!("  - {{provider: cheap, machines: {n}}}\n"));
            let one = region.map(|n| format!("  - {{provider: dear, region: r1, machines: {n}}}\n"));
            let quotas: String = all.into_iter().chain(one).collect();
            ground.set(&format!("version: 1\nquotas:{}{quotas}", if quotas.is_empty() { " []" } else { "\n" }));
        }
        Step::Breaker(after) => ground.set(&format!("version: 1\nbreaker: {{after: {after}, first: 20s}}\n")),
        Step::Break(of, region, how) => ground.breaks(PROVIDERS[*of], &[REGIONS[*region]], answers[*how]),
        Step::Mend => ground.broken.clear(),
        Step::Cordon(of, region, n, on) => {
            let machine = format!("{}.{}.{n}", PROVIDERS[*of], REGIONS[*region]);
            ground.apply(Command::Cordon { machine, on: *on, by: By::default() });
        }
        Step::TakeAway(of, slots) => ground.take_away(PROVIDERS[*of], *slots),
        Step::Foreign(of) => {
            let mut foreign = slot(&format!("{}.r2.x", PROVIDERS[*of]), 1);
            foreign.machine.state = State::Creating;
            ground.show(PROVIDERS[*of], vec![foreign]);
        }
        Step::Close => drop(ground.apply(Command::CloseLanes { lane: None, by: By::default() })),
        Step::Slow(is_slow) => ground.is_slow = *is_slow,
        Step::Lead => ground.lead(term),
        Step::Cycles(cycles) => ground.run(*cycles),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_replica_restored_before_any_entry_of_any_history_comes_to_the_same(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut ground = Ground::new(&PROVIDERS, &REGIONS, SLOTS);
        (ground.is_doubted, ground.is_taken_back) = (true, true);
        for (term, step) in (2..).zip(&steps) {
            take(&mut ground, term, step);
        }
    }
}
