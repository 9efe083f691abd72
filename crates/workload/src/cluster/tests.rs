//! What holds for a cluster at any moment, whatever the catalogue and the seed.

use std::collections::BTreeMap;

use argosy_proto::bigfleet::v1alpha1::node_selector_requirement::Operator;
use proptest::prelude::*;

use super::*;
use crate::amounts::Amounts;
use crate::fleet::PodTarget;
use crate::labels;

fn cluster(catalogue: &str, pods: u64, course: Course, seed: u64) -> SimulatedCluster {
    let catalogue = Arc::new(Catalogue::shipped(catalogue).unwrap());
    let steady = catalogue.demand.iter().map(|a| if a.burst_only { 0 } else { pods });
    let targets = catalogue.demand.iter().zip(steady);
    let plan = ClusterPlan {
        id: "eu-cluster-0".to_owned(),
        region: "eu".to_owned(),
        zones: ["eu-a", "eu-b", "eu-c"].map(str::to_owned).to_vec(),
        targets: targets.map(|(a, pods)| PodTarget { archetype: a.name.clone(), pods }).collect(),
    };
    SimulatedCluster::new(plan, course, catalogue, seed)
}

fn pods_of(cluster: &SimulatedCluster, archetype: &str) -> u64 {
    let of_it = |object: &&DemandObject| cluster.catalogue.demand[object.archetype].name == archetype;
    cluster.objects().filter(of_it).map(|object| object.pods).sum()
}

fn busy() -> Course {
    Course {
        ramp_ms: 30_000,
        churn_ppm_per_minute: 100_000,
        bursts: vec![Burst {
            at_ms: 60_000,
            archetype: "critical-realtime".to_owned(),
            extra_pods: 50,
            duration_ms: 60_000,
            selectivity_ppm: PPM,
        }],
        steps: vec![
            Step { at_ms: 90_000, multiplier_ppm: 500_000 },
            Step { at_ms: 150_000, multiplier_ppm: 1_200_000 },
        ],
    }
}

#[test]
fn demand_arrives_over_the_ramp_and_then_stands_at_its_target() {
    let course = Course { ramp_ms: 100_000, ..Course::default() };
    let mut cluster = cluster("cost-routing", 1_000, course, 1);
    cluster.advance(50_000);
    assert!((400..1_600).contains(&cluster.pods()), "half way: {}", cluster.pods());
    cluster.advance(100_000);
    assert_eq!(cluster.pods(), 2_000);
}

#[test]
fn short_lived_demand_holds_its_target_in_the_mean() {
    let mut cluster = cluster("realistic", 2_000, Course::default(), 1);
    let samples = (600..7_800).step_by(60).map(|second| {
        cluster.advance(second * 1_000);
        pods_of(&cluster, "cpu-batch")
    });
    let mean = samples.sum::<u64>() / 120;
    assert!(mean.abs_diff(2_000) < 300, "mean {mean}");
}

#[test]
fn churn_replaces_the_stated_share_and_leaves_the_target_standing() {
    let course = Course { churn_ppm_per_minute: 20_000, ..Course::default() };
    let mut cluster = cluster("cost-routing", 5_000, course, 1);
    cluster.advance(0);
    let activity = cluster.advance(3_600_000);
    assert_eq!(cluster.pods(), 10_000);
    // 2 % of 10,000 pods a minute for an hour, plus what the clumps add: 4 sixtieths.
    let want = 12_000 * 64 / 60;
    assert!(activity.pods_removed.abs_diff(want) < want / 5, "{activity:?}");
}

#[test]
fn a_burst_comes_whole_and_goes_again() {
    let burst = Burst {
        at_ms: 1_000,
        archetype: "gpu-training-large".to_owned(),
        extra_pods: 1,
        duration_ms: 5_000,
        selectivity_ppm: PPM,
    };
    let mut cluster = cluster("realistic", 100, Course { bursts: vec![burst], ..Course::default() }, 1);
    cluster.advance(1_000);
    assert!((64..=256).contains(&pods_of(&cluster, "gpu-training-large")));
    cluster.advance(6_000);
    assert_eq!(pods_of(&cluster, "gpu-training-large"), 0);
}

#[test]
fn selectivity_decides_how_many_clusters_take_part_in_a_burst() {
    let burst = Burst {
        at_ms: 5,
        archetype: "cpu-service".to_owned(),
        extra_pods: 10,
        duration_ms: 10,
        selectivity_ppm: 250_000,
    };
    let course = Course { bursts: vec![burst], ..Course::default() };
    let catalogue = Arc::new(Catalogue::shipped("realistic").unwrap());
    let takes_part = |n: &u64| {
        let plan = ClusterPlan {
            id: format!("cluster-{n}"),
            region: "eu".to_owned(),
            zones: vec!["eu-a".to_owned()],
            targets: Vec::new(),
        };
        let mut cluster = SimulatedCluster::new(plan, course.clone(), Arc::clone(&catalogue), 1);
        cluster.advance(5);
        cluster.pods() > 0
    };
    let taking_part = (0..400).filter(takes_part).count();
    assert!((70..130).contains(&taking_part), "{taking_part} of 400");
}

#[test]
fn a_step_down_shrinks_every_archetype_by_the_same_share() {
    let course = Course { steps: vec![Step { at_ms: 10, multiplier_ppm: 500_000 }], ..Course::default() };
    let mut cluster = cluster("realistic", 800, course, 1);
    cluster.advance(0);
    cluster.advance(10);
    for archetype in cluster.catalogue.demand.iter().filter(|a| !a.burst_only) {
        let pods = pods_of(&cluster, &archetype.name);
        let slack = archetype.gang.as_ref().map_or(0, |gang| gang.max_members);
        assert!((400 - slack..=400).contains(&pods), "{}: {pods}", archetype.name);
    }
}

#[test]
fn a_gang_is_one_need_with_same_and_a_group_and_nothing_else_is() {
    let mut cluster = cluster("realistic", 60, Course::default(), 1);
    cluster.advance(0);
    let rollup = cluster.rollup(7);
    let gangs = cluster.objects().filter(|o| cluster.catalogue.demand[o.archetype].gang.is_some()).count();
    assert_eq!(rollup.needs.iter().filter(|need| !need.group.is_empty()).count(), gangs);
    for need in &rollup.needs {
        let same: Vec<&str> = need
            .requirements
            .iter()
            .filter(|requirement| requirement.operator() == Operator::Same)
            .map(|requirement| requirement.key.as_str())
            .collect();
        match need.group.split_once('\0') {
            Some((key, _)) => assert_eq!(same, [key]),
            None => assert!(same.is_empty()),
        }
        assert!(same.iter().all(|key| *key == labels::RACK || *key == labels::ZONE));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_roll_up_conserves_what_the_pods_ask_for(seed in any::<u64>(), at_ms in 0_u64..200_000) {
        let mut cluster = cluster("realistic", 120, busy(), seed);
        cluster.advance(at_ms);
        let mut asked = Amounts::default();
        for object in cluster.objects() {
            asked.add_times(&object.size, object.pods);
        }
        let mut stated = Amounts::default();
        for need in cluster.rollup(0).needs {
            let read = |map: &BTreeMap<String, String>| {
                Amounts::parse(map.iter().map(|(k, v)| (k.as_str(), v.as_str()))).unwrap()
            };
            let (aggregate, unit) = (read(&need.aggregate_resources), read(&need.min_unit));
            prop_assert!(aggregate.units_of(&unit) >= 1, "a need is at least one of its largest pod");
            stated.add_times(&aggregate, 1);
        }
        prop_assert_eq!(stated, asked);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_however_the_clock_is_moved(
        seed in any::<u64>(),
        mut stops in prop::collection::vec(0_u64..200_000, 0..12),
    ) {
        let mut at_once = cluster("realistic", 120, busy(), seed);
        at_once.advance(200_000);
        let mut stepwise = cluster("realistic", 120, busy(), seed);
        stops.sort_unstable();
        for stop in stops {
            stepwise.advance(stop);
        }
        stepwise.advance(200_000);
        prop_assert_eq!(at_once.rollup(9), stepwise.rollup(9));
    }

    #[test]
    fn a_need_carries_each_key_once_and_needs_differ_in_their_key(seed in any::<u64>()) {
        let mut cluster = cluster("realistic-dev", 60, busy(), seed);
        cluster.advance(100_000);
        let rollup = cluster.rollup(0);
        let mut keys: Vec<_> = rollup.needs.iter().map(|need| {
            let mut key = need.clone();
            key.aggregate_resources.clear();
            key.min_unit.clear();
            format!("{key:?}")
        }).collect();
        let needs = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), needs);
    }
}
