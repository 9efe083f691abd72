//! What holds for every fleet.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::amounts::Amounts;

fn regions(names: &[&str]) -> Vec<RegionSpec> {
    names
        .iter()
        .map(|name| RegionSpec {
            name: (*name).to_owned(),
            provider: format!("sim-{name}"),
            zones: ["a", "b", "c"].map(|zone| format!("{name}-{zone}")).to_vec(),
            clusters: (0..2).map(|n| format!("{name}-cluster-{n}")).collect(),
        })
        .collect()
}

fn plan(catalogue: &str, machines: u64, seed: u64) -> FleetPlan {
    let spec = FleetSpec::new(machines, regions(&["eu", "us", "ap"]), seed);
    FleetPlan::new(&Catalogue::shipped(catalogue).unwrap(), &spec)
}

#[test]
fn a_large_fleet_has_exactly_the_machines_asked_for() {
    assert_eq!(plan("realistic", 30_000, 1).slots(), 30_000);
}

#[test]
fn a_small_fleet_grows_by_the_gang_floors_once_per_region_and_not_per_cluster() {
    let plan = plan("realistic-dev", 600, 1);
    // Floors of a region with three zones: cache 15, db 15, small 12, medium 24; most are met by the mix already.
    assert!((600..=600 + 3 * 66).contains(&plan.slots()), "{}", plan.slots());
}

#[test]
fn every_rack_holds_at_most_its_type_s_capacity() {
    let catalogue = Catalogue::shipped("realistic").unwrap();
    let mut filled: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for offering in plan("realistic", 30_000, 1).offerings {
        assert_eq!(offering.racks.iter().map(|rack| rack.slots).sum::<u64>(), offering.slots);
        let limit = catalogue.instance_types[&offering.instance_type].machines_per_rack;
        for rack in offering.racks {
            let (used, _) = filled.entry(rack.name).or_insert((0, limit));
            *used += rack.slots;
        }
    }
    assert!(filled.values().all(|(used, limit)| used <= limit));
}

#[test]
fn a_rack_gang_of_the_largest_size_fits_on_reserved_machines_of_one_rack_in_every_zone() {
    let catalogue = Catalogue::shipped("realistic").unwrap();
    let plan = plan("realistic", 300, 1);
    let largest = catalogue.supply.iter().find(|a| a.name == "gpu-training-medium").unwrap().gang.clone().unwrap();
    for zone in regions(&["eu", "us", "ap"]).iter().flat_map(|region| &region.zones) {
        let of_it = |o: &&Offering| {
            (&o.zone, o.instance_type.as_str(), o.capacity_type) == (zone, "a3-highgpu-8g", CapacityType::Reserved)
        };
        let racks = plan.offerings.iter().find(of_it).map(|offering| &offering.racks);
        assert!(racks.is_some_and(|racks| racks[0].slots >= largest.max_members), "{zone}: {racks:?}");
    }
}

#[test]
fn demand_fits_the_machines_with_and_without_devices_and_uses_a_good_part_of_them() {
    let catalogue = Catalogue::shipped("realistic").unwrap();
    let plan = plan("realistic", 30_000, 1);
    let (mut offered, mut asked) = ([Amounts::default(), Amounts::default()], [Amounts::default(), Amounts::default()]);
    for offering in &plan.offerings {
        let one = &catalogue.instance_types[&offering.instance_type].resources;
        offered[usize::from(one.has_device())].add_times(one, offering.slots);
    }
    for cluster in &plan.clusters {
        for (target, archetype) in cluster.targets.iter().zip(&catalogue.demand) {
            assert_eq!(target.archetype, archetype.name);
            let one = archetype.largest_size();
            asked[usize::from(one.has_device())].add_times(&one, target.pods);
        }
    }
    for (asked, offered) in asked.iter().zip(&offered) {
        for (dimension, amount) in asked.iter() {
            assert!(amount <= offered.get(dimension), "{dimension}: {amount} of {}", offered.get(dimension));
        }
    }
    let used = |at: usize, dimension| asked[at].get(dimension) * 100 / offered[at].get(dimension);
    assert!(used(0, "cpu") > 50, "cpu of hosts without devices: {} %", used(0, "cpu"));
    assert!(used(1, "nvidia.com/gpu") > 50, "GPUs: {} %", used(1, "nvidia.com/gpu"));
}

#[test]
fn reserved_machines_are_idle_from_the_start_and_cost_nothing_more_and_spot_is_the_cheaper_elastic() {
    for offering in plan("cost-routing", 300, 1).offerings {
        match offering.capacity_type {
            CapacityType::Reserved => {
                assert_eq!((offering.idle, offering.price_microusd_per_hour), (offering.slots, 0));
            }
            CapacityType::Spot => {
                assert_eq!((offering.idle, offering.interruption_ppb), (0, 300_000_000));
                assert_eq!(offering.price_microusd_per_hour, 262_000);
            }
            _ => assert_eq!((offering.idle, offering.interruption_ppb), (0, 0)),
        }
    }
}

proptest! {
    #[test]
    fn the_same_seed_lays_out_the_same_fleet(machines in 0_u64..5_000, seed in any::<u64>()) {
        prop_assert_eq!(plan("realistic", machines, seed), plan("realistic", machines, seed));
    }
}
