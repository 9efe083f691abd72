//! From machines per archetype to pods per cluster.

use super::supply::usable_types;
use super::{ClusterPlan, FleetSpec, RegionSpec, share_of};
use crate::catalogue::sizing::apportion;
use crate::catalogue::{Archetype, Catalogue};

/// How many pods of one archetype a cluster runs at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTarget {
    /// The archetype's name.
    pub archetype: String,
    /// Pods.
    pub pods: u64,
}

/// The clusters of one region, which share its demand evenly.
pub(super) fn clusters(
    catalogue: &Catalogue,
    spec: &FleetSpec,
    region: &RegionSpec,
    machines: &[u64],
) -> Vec<ClusterPlan> {
    let even = vec![1; region.clusters.len()];
    let pods: Vec<Vec<u64>> = catalogue
        .demand
        .iter()
        .zip(machines)
        .map(|(archetype, machines)| {
            let filled = share_of(*machines, spec.demand_ppm);
            apportion(pods_on(catalogue, archetype, filled), &even)
        })
        .collect();
    let target =
        |cluster: usize, at: usize| PodTarget { archetype: catalogue.demand[at].name.clone(), pods: pods[at][cluster] };
    region
        .clusters
        .iter()
        .enumerate()
        .map(|(cluster, id)| ClusterPlan {
            id: id.clone(),
            region: region.name.clone(),
            zones: region.zones.clone(),
            targets: (0..pods.len()).map(|at| target(cluster, at)).collect(),
        })
        .collect()
}

/// Pods of the largest size that surely fit on `machines` of an archetype's machines.
fn pods_on(catalogue: &Catalogue, archetype: &Archetype, machines: u64) -> u64 {
    let unit = archetype.largest_size();
    let fits: Vec<u64> = usable_types(catalogue, archetype).iter().map(|kind| kind.resources.units_of(&unit)).collect();
    if archetype.gang.is_some() {
        // A gang's zone has one type, and any of them may be the smallest.
        machines.saturating_mul(fits.into_iter().min().unwrap_or(0))
    } else {
        machines.saturating_mul(fits.iter().sum()) / (fits.len() as u64).max(1)
    }
}
