//! How many machines each archetype gets, and how many a number of pods takes.
//!
//! Shares of pods follow from weights and mean replica counts, machines follow from pods; a gang keeps a floor so that
//! its largest instance fits into every zone. Integer arithmetic throughout: sums are exact. Source: spec/simulation.md
//! section 4.3, whose published figures are the tests below.

use super::archetype::Archetype;

/// Shares are divided by pods per machine in units of this.
const SHARE_SCALE: u128 = 1_000_000_000;

/// What the formulas need to know of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Density {
    /// Pods that a machine without devices is sized for.
    pub pods_per_machine: u64,
    /// Zones that gangs may land in.
    pub zones: u64,
}

/// An archetype's share of all pods, as a weight in thousandths; nothing for what comes in bursts only.
pub fn pod_share_milli(archetype: &Archetype) -> u64 {
    if archetype.burst_only { 0 } else { archetype.weight * archetype.mean_replicas_milli() }
}

/// Pods that one machine of an archetype is sized for.
pub fn pods_per_machine(archetype: &Archetype, density: Density) -> u64 {
    match archetype.pods_per_machine {
        Some(stated) => stated,
        None if archetype.sizes.iter().any(|size| size.resources.has_device()) => 1,
        None => density.pods_per_machine.max(1),
    }
}

/// Machines below which the largest gang of an archetype would not fit into each zone.
pub fn gang_floor(archetype: &Archetype, zones: u64) -> u64 {
    match &archetype.gang {
        Some(gang) if !archetype.burst_only => gang.max_members * zones.max(1),
        _ => 0,
    }
}

/// Splits `total` machines over the archetypes by their share of machines. Gangs are then raised to their floor, once,
/// so the sum may exceed `total`.
pub fn allocate_machines(total: u64, archetypes: &[Archetype], density: Density) -> Vec<u64> {
    let shares: Vec<u128> = archetypes
        .iter()
        .map(|a| u128::from(pod_share_milli(a)) * SHARE_SCALE / u128::from(pods_per_machine(a, density)))
        .collect();
    let split = apportion(total, &shares);
    let floor = |archetype| if total == 0 { 0 } else { gang_floor(archetype, density.zones) };
    split.into_iter().zip(archetypes).map(|(machines, archetype)| machines.max(floor(archetype))).collect()
}

/// Machines that `pods` pods take: each archetype's own, and the floors of the gangs on top. An empty catalogue is
/// sized by density alone.
pub fn machines_for_pods(pods: u64, archetypes: &[Archetype], density: Density) -> u64 {
    if archetypes.is_empty() {
        return pods.div_ceil(density.pods_per_machine.max(1));
    }
    let total_share: u128 = archetypes.iter().map(|a| u128::from(pod_share_milli(a))).sum();
    let machines = archetypes.iter().map(|archetype| {
        let share = u128::from(pods) * u128::from(pod_share_milli(archetype));
        let own_pods = if share == 0 { 0 } else { share.div_ceil(total_share) };
        let own = own_pods.div_ceil(u128::from(pods_per_machine(archetype, density)));
        u64::try_from(own).unwrap_or(u64::MAX).saturating_add(gang_floor(archetype, density.zones))
    });
    machines.sum()
}

/// Splits `total` in proportion to `shares`, to the last unit: rounded down, then the largest remainders, the earlier
/// first among equals. All zero when there is no share.
pub fn apportion(total: u64, shares: &[u128]) -> Vec<u64> {
    let sum: u128 = shares.iter().sum();
    if sum == 0 {
        return vec![0; shares.len()];
    }
    let total = u128::from(total);
    let mut split: Vec<u64> =
        shares.iter().map(|share| u64::try_from(total * share / sum).unwrap_or(u64::MAX)).collect();
    let given: u128 = split.iter().map(|part| u128::from(*part)).sum();
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by_key(|at| (std::cmp::Reverse(total * shares[*at] % sum), *at));
    let left = usize::try_from(total - given).unwrap_or(usize::MAX);
    for at in by_remainder.into_iter().take(left) {
        split[at] += 1;
    }
    split
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amounts::Amounts;
    use crate::catalogue::{Catalogue, Gang, GangScope, Size};

    const DENSITY: Density = Density { pods_per_machine: 100, zones: 3 };

    fn archetype(name: &str, weight: u64, resources: &[(&str, &str)]) -> Archetype {
        let mut archetype = Catalogue::shipped("realistic").unwrap().supply[1].clone();
        archetype.name = name.to_owned();
        archetype.weight = weight;
        let resources = Amounts::parse(resources.iter().copied()).unwrap();
        archetype.sizes = vec![Size { weight: 1, resources }];
        archetype
    }

    fn zone_gang(name: &str, min_members: u64, max_members: u64) -> Archetype {
        let gang = Gang { scope: GangScope::Zone, min_members, max_members, allow_partial: false };
        Archetype { gang: Some(gang), ..archetype(name, 1, &[("cpu", "1")]) }
    }

    #[test]
    fn machines_for_pods_meets_the_published_anchors() {
        let core = archetype("core", 1, &[("cpu", "1")]);
        let gpu = archetype("gpu", 1, &[("nvidia.com/gpu", "1")]);
        let gang = zone_gang("gang", 4, 8);
        assert_eq!(machines_for_pods(5_000, &[], DENSITY), 50);
        assert_eq!(machines_for_pods(5_000, std::slice::from_ref(&core), DENSITY), 50);
        assert_eq!(machines_for_pods(5_000, &[core.clone(), gpu.clone()], DENSITY), 2_525);
        let three = [core, gpu, gang];
        assert_eq!(machines_for_pods(5_000, &three, DENSITY), 2_246);
        assert_eq!(machines_for_pods(5_000, &three, Density { zones: 1, ..DENSITY }), 2_230);
    }

    #[test]
    fn whole_profiles_take_the_published_numbers_of_machines() {
        let dev = Catalogue::shipped("realistic-dev").unwrap();
        assert_eq!(machines_for_pods(5_000, &dev.supply, DENSITY), 610);
        let realistic = Catalogue::shipped("realistic").unwrap();
        for (machines, want) in [(5_000, 5_784), (50_000, 56_892), (500_000, 567_973), (1_000_000, 1_135_843)] {
            assert_eq!(machines_for_pods(machines * 100, &realistic.supply, DENSITY), want);
        }
    }

    #[test]
    fn the_realistic_mix_is_the_one_it_was_calibrated_for() {
        let catalogue = Catalogue::shipped("realistic").unwrap();
        let total = 1_000_000;
        let machines = allocate_machines(total, &catalogue.supply, DENSITY);
        let percent_milli = |name: &str| {
            let at = catalogue.supply.iter().position(|a| a.name == name).unwrap();
            machines[at] * 100_000 / total
        };
        for (name, want, tolerance) in [
            ("tiny-stateless", 66_400, 1_000),
            ("cpu-service", 11_400, 500),
            ("cpu-batch", 5_700, 500),
            ("critical-realtime", 950, 300),
            ("memory-cache", 1_500, 300),
            ("stateful-db", 1_500, 300),
            ("gpu-inference", 5_200, 500),
            ("gpu-training-small", 3_100, 500),
            ("gpu-training-medium", 4_200, 500),
            ("gpu-training-large", 0, 0),
        ] {
            let got = percent_milli(name);
            assert!(got.abs_diff(want) <= tolerance, "{name}: {got} against {want}");
        }
        let gpu: u64 = ["gpu-inference", "gpu-training-small", "gpu-training-medium"].map(percent_milli).iter().sum();
        assert!((10_000..=20_000).contains(&gpu), "GPU hosts: {gpu}");
        let general = ["tiny-stateless", "cpu-service", "cpu-batch", "critical-realtime"].map(percent_milli);
        assert!((78_000..=88_000).contains(&general.iter().sum::<u64>()), "{general:?}");
    }

    #[test]
    fn few_gpu_objects_still_take_more_machines_than_many_dense_cpu_objects() {
        let list = [archetype("cpu", 70, &[("cpu", "1")]), archetype("gpu", 1, &[("nvidia.com/gpu", "1")])];
        let machines = allocate_machines(1_000, &list, DENSITY);
        assert!(machines[1] > machines[0], "{machines:?}");
    }

    #[test]
    fn a_gang_keeps_room_for_its_largest_instance_in_every_zone() {
        let gang = zone_gang("gang", 2, 8);
        assert_eq!(gang_floor(&gang, 3), 24);
        assert_eq!(gang_floor(&gang, 0), 8);
        assert_eq!(gang_floor(&Archetype { burst_only: true, ..gang.clone() }, 3), 0);
        let machines = allocate_machines(100, &[archetype("core", 1_000, &[("cpu", "1")]), gang], DENSITY);
        assert_eq!(machines[1], 24);
        assert_eq!(allocate_machines(0, &[zone_gang("gang", 2, 8)], DENSITY), [0]);
    }

    proptest! {
        #[test]
        fn a_split_is_exact_and_never_a_unit_from_its_share(
            total in 0_u64..1_000_000_000,
            shares in prop::collection::vec(0_u128..1_000_000_000_000, 1..12),
        ) {
            let sum: u128 = shares.iter().sum();
            prop_assume!(sum > 0);
            let split = apportion(total, &shares);
            prop_assert_eq!(split.iter().sum::<u64>(), total);
            for (part, share) in split.iter().zip(&shares) {
                let exact = u128::from(total) * share / sum;
                prop_assert!((exact..=exact + 1).contains(&u128::from(*part)));
            }
        }
    }
}
