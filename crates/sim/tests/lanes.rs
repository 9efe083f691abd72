//! Two providers, three regions, and pools that say from whom they buy: an outage storm with refusals for want of quota, in a closed loop.

use argosy_model::vocabulary::ZONE_KEY;
use argosy_model::{CapacityType, Operator, State};
use argosy_pool::{LanePolicy, PoolFile};
use argosy_shard::{By, Command, NeedRow, Pool, RequirementRow};
use argosy_sim::actor::Nobody;
use argosy_sim::cloud::Faults;
use argosy_sim::{FleetSim, Offer, Setup};
use argosy_workload::amounts::Amounts;

const PROVIDERS: [&str; 2] = ["dear", "cheap"];
const REGIONS: [&str; 3] = ["r1", "r2", "r3"];
const SLOTS: u32 = 20;
const MINUTE: u64 = 60_000;

fn by() -> By {
    By { actor: "a test".to_owned(), reason: "it begins".to_owned() }
}

/// Each provider has slots in each region; a pool of so many machines would rather have the dear one's.
fn begun(strategy: &str, machines: u32) -> FleetSim {
    let mut each = Amounts::default();
    each.set("nvidia.com/gpu", 8);
    let places = PROVIDERS.into_iter().flat_map(|provider| REGIONS.map(|region| (provider, region)));
    let slots = places.flat_map(|place| (0..SLOTS).map(move |n| (place, n)));
    let offers = slots.map(|((provider, region), n)| {
        let price = if provider == "cheap" { 1_000_000 } else { 2_000_000 };
        let offer = Offer::new("h100", &format!("{region}-a"), &each).speculative().sold_by(provider, region);
        (format!("{provider}-{region}-{n}"), offer.priced(CapacityType::OnDemand, price, 0))
    });
    let mut fleet = FleetSim::new(Setup::new(7), offers.collect::<Vec<_>>());
    let text = format!(
        "version: 1\npools:\n  - name: p\n    machine: {{instance_types: [h100], resources: {{nvidia.com/gpu: \"8\"}}}}\n    \
         min: 0\n    max: 60\n    replicas: {machines}\n    sellers:\n      strategy: {strategy}\n      among:\n        \
         - {{provider: dear, priority: 1, weight: 2}}\n        - {{provider: cheap, priority: 2}}\n"
    );
    let pool = PoolFile::parse("pool.yaml", &text).expect("sound").pools.remove(0);
    fleet.admin(0, Command::SetPool { specification: Box::new(pool), by: by() });
    fleet
}

fn sold_out(providers: &[&str]) -> Faults {
    let regions = |provider: &&str| REGIONS.map(|region| ((*provider).to_owned(), region.to_owned()));
    Faults { sold_out: providers.iter().flat_map(regions).collect(), ..Faults::default() }
}

/// The pool's machines that serve, by provider.
fn serving(fleet: &FleetSim) -> [usize; 2] {
    let state = fleet.leaders()[0].state();
    let cluster = state.fleet().words.find_cluster(&Pool::claimant("p")).expect("it claims");
    let serving = state.fleet().iter().filter(|(_, m)| m.state == State::Configured && m.cluster() == Some(cluster));
    let of: Vec<&str> = serving.map(|(ix, _)| state.provider_of(ix)).collect();
    PROVIDERS.map(|provider| of.iter().filter(|of| **of == provider).count())
}

fn calls(fleet: &FleetSim, provider: &str) -> u64 {
    fleet.cloud().creations().iter().filter(|((of, _), _)| of == provider).map(|(_, calls)| calls).sum()
}

fn run(fleet: &mut FleetSim, minutes: u64) {
    fleet.run(fleet.now_ms() + minutes * MINUTE, &mut Nobody);
    assert_eq!(fleet.broken(), Vec::<String>::new());
}

#[test]
fn an_outage_storm_costs_a_provider_few_calls_the_demand_is_covered_and_the_shares_come_back() {
    for (strategy, preferred) in [("priority", [24, 0]), ("weighted", [16, 8])] {
        let mut fleet = begun(strategy, 24);
        run(&mut fleet, 3);
        assert_eq!(serving(&fleet), preferred, "{strategy}");
        // The storm: half of what serves is lost, and its provider refuses all of its regions, for six hours.
        fleet.cloud_mut().set_faults(Faults { return_ms: Some(1_000), ..sold_out(&["dear"]) });
        let now = fleet.now_ms();
        for region in REGIONS {
            (0..SLOTS).for_each(|n| fleet.cloud_mut().lose(now, &format!("dear-{region}-{n}")));
        }
        let before = calls(&fleet, "dear");
        run(&mut fleet, 5);
        assert_eq!(serving(&fleet).iter().sum::<usize>(), 24, "{strategy}: covered within minutes");
        run(&mut fleet, 355);
        let storm = calls(&fleet, "dear") - before;
        // A wave for each lane before its breaker opens, then 16 probes a lane in six hours.
        assert!(storm <= 3 * u64::from(SLOTS) + 3 * 16, "{strategy}: {storm} calls to a provider that sells nothing");
        assert_eq!(serving(&fleet).iter().sum::<usize>(), 24);
        fleet.cloud_mut().set_faults(Faults::default());
        run(&mut fleet, 90);
        assert_eq!(serving(&fleet), preferred, "{strategy}: back where it would rather be");
    }
}

#[test]
fn after_an_outage_of_every_provider_what_comes_back_is_used_under_every_strategy() {
    let outages = [
        sold_out(&PROVIDERS),
        Faults { throttle_ppm: 1_000_000, ..Faults::default() },
        Faults { lost_call_ppm: 1_000_000, ..Faults::default() },
    ];
    for strategy in ["priority", "weighted", "availability", "cost"] {
        for outage in &outages {
            let mut fleet = begun(strategy, 6);
            fleet.cloud_mut().set_faults(outage.clone());
            run(&mut fleet, 60);
            assert_eq!(serving(&fleet), [0, 0], "{strategy}: {outage:?}");
            fleet.cloud_mut().set_faults(Faults::default());
            // A real provider is listed whole again and again; a simulated one lists what has changed.
            for provider in PROVIDERS {
                let regions = REGIONS.into_iter().flat_map(|region| (0..SLOTS).map(move |n| (region, n)));
                regions.for_each(|(region, n)| fleet.cloud_mut().repair(&format!("{provider}-{region}-{n}")));
            }
            run(&mut fleet, 120);
            assert_eq!(serving(&fleet).iter().sum::<usize>(), 6, "{strategy}: {outage:?}");
        }
    }
}

/// A gang that must share a zone.
fn gang(machines: u64) -> NeedRow {
    let amounts = |n: u64| vec![("nvidia.com/gpu".to_owned(), 8 * n)];
    let same = RequirementRow { key: ZONE_KEY.to_owned(), operator: Operator::Same, values: Vec::new() };
    let (aggregate, min_unit) = (amounts(machines), amounts(1));
    NeedRow { requirements: vec![same], group: Some("g".to_owned()), aggregate, min_unit, ..NeedRow::default() }
}

#[test]
fn after_an_outage_of_every_provider_a_gang_is_put_together_beside_a_pool_and_within_the_quota() {
    let mut fleet = begun("priority", 6);
    let file = "version: 1\nquotas:\n  - {provider: cheap, region: r1, machines: 5}\n";
    let policy = Some(Box::new(LanePolicy::parse("lanes.yaml", file).expect("sound")));
    fleet.admin(0, Command::SetLanePolicy { policy, by: by() });
    fleet.cloud_mut().set_faults(sold_out(&PROVIDERS));
    fleet.bind("c", 0);
    fleet.report("c", &[gang(8)]);
    run(&mut fleet, 60);
    assert_eq!(serving(&fleet), [0, 0]);
    fleet.cloud_mut().set_faults(Faults::default());
    run(&mut fleet, 180);
    assert_eq!(serving(&fleet).iter().sum::<usize>(), 6);
    let state = fleet.leaders()[0].state();
    let cluster = state.fleet().words.find_cluster("c").expect("it asks");
    let serving = state.fleet().iter().filter(|(_, m)| m.state == State::Configured && m.cluster() == Some(cluster));
    let zones: Vec<_> = serving.map(|(_, machine)| state.fleet().words.shape_of(machine.shape).zone).collect();
    assert!(zones.len() == 8 && zones.iter().all(|zone| *zone == zones[0]), "whole, in one zone: {zones:?}");
}

#[test]
fn a_quota_is_never_exceeded_through_a_storm_and_changes_of_leader() {
    let mut fleet = begun("priority", 24);
    let file =
        "version: 1\nquotas:\n  - {provider: dear, machines: 9}\n  - {provider: dear, region: r1, machines: 2}\n";
    let policy = Some(Box::new(LanePolicy::parse("lanes.yaml", file).expect("sound")));
    fleet.admin(0, Command::SetLanePolicy { policy, by: by() });
    let there = |fleet: &FleetSim, prefix: &str| {
        let ids = REGIONS.into_iter().flat_map(|region| (0..SLOTS).map(move |n| format!("dear-{region}-{n}")));
        let has_host = |id: &String| fleet.cloud().get(id).is_some_and(|seen| seen.machine.host.is_some());
        ids.filter(|id| id.starts_with(prefix) && has_host(id)).count()
    };
    for minute in 0..30_u64 {
        let chance = if minute % 3 == 0 { 400_000 } else { 0 };
        fleet.cloud_mut().set_faults(Faults { lost_answer_ppm: chance, throttle_ppm: chance / 2, ..Faults::default() });
        run(&mut fleet, 1);
        assert!(there(&fleet, "dear") <= 9 && there(&fleet, "dear-r1") <= 2, "minute {minute}");
        if minute % 5 == 0 {
            fleet.fail_over(0);
        }
    }
    fleet.cloud_mut().set_faults(Faults::default());
    run(&mut fleet, 60);
    assert_eq!(serving(&fleet), [9, 15]);
}
