//! A whole fleet of a given size: what providers offer, and what each cluster runs.
//!
//! Supply and demand come from one catalogue. Machines are split over the archetypes by their machine share, in each
//! region by itself with gang floors added once; demand is what fits on a stated share of those machines, at the real
//! sizes of the instance types. So the fleet is neither impossible nor idle by an error of the catalogue.

mod demand;
mod preflight;
mod racks;
mod supply;

use std::collections::BTreeMap;

use argosy_model::CapacityType;

pub use demand::PodTarget;
pub use preflight::{Misfit, Reason, Unhostable};
pub use racks::RackSlots;

use crate::catalogue::Catalogue;
use crate::catalogue::sizing::{self, Density};
use crate::dice::PPM;

/// What a fleet should look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetSpec {
    /// Machine slots of all providers together, idle or not yet created.
    pub machines: u64,
    /// Where they are; machines are split evenly over regions.
    pub regions: Vec<RegionSpec>,
    /// The share of each archetype's machines that its demand fills, in parts per million. Above a million asks for
    /// more than there is.
    pub demand_ppm: u32,
    /// How the machines are paid for.
    pub market: Market,
    /// Decides everything that is drawn.
    pub seed: u64,
}

/// A region of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionSpec {
    /// Its name, such as `eu`.
    pub name: String,
    /// The provider that has its machines.
    pub provider: String,
    /// Its zones, at least one.
    pub zones: Vec<String>,
    /// Ids of the clusters that live in it.
    pub clusters: Vec<String>,
}

/// Shares of the capacity types, in parts per million; what is left is on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// Reserved: there from the start, idle, already paid for.
    pub reserved_ppm: u32,
    /// Spot.
    pub spot_ppm: u32,
}

impl Default for Market {
    fn default() -> Self {
        Self { reserved_ppm: 600_000, spot_ppm: 150_000 }
    }
}

impl FleetSpec {
    /// Default share of machines that demand fills: the reserved ones and most of what is elastic.
    pub const DEFAULT_DEMAND_PPM: u32 = 800_000;

    /// A fleet of `machines` in `regions`, with default demand and market.
    pub fn new(machines: u64, regions: Vec<RegionSpec>, seed: u64) -> Self {
        Self { machines, regions, demand_ppm: Self::DEFAULT_DEMAND_PPM, market: Market::default(), seed }
    }
}

/// Machines of one kind in one zone, as a provider offers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// The provider.
    pub provider: String,
    /// The region.
    pub region: String,
    /// The zone.
    pub zone: String,
    /// The racks that its slots stand in; their slots sum to `slots`. Offerings of one zone and instance type share racks.
    pub racks: Vec<RackSlots>,
    /// Machines that a rack holds.
    pub machines_per_rack: u64,
    /// The instance type.
    pub instance_type: String,
    /// How it is paid for.
    pub capacity_type: CapacityType,
    /// What a machine offers, as quantity strings.
    pub resources: BTreeMap<String, String>,
    /// Labels that every machine of it carries: instance type, region and zone among them, the rack not.
    pub labels: BTreeMap<String, String>,
    /// Price of an hour; 0 for what is reserved, since it is paid for whether used or not.
    pub price_microusd_per_hour: u64,
    /// Hourly probability that a machine is taken back, in parts per billion.
    pub interruption_ppb: u32,
    /// Machine slots.
    pub slots: u64,
    /// How many of them exist from the start; the rest is speculative.
    pub idle: u64,
}

/// What one cluster runs at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterPlan {
    /// The cluster.
    pub id: String,
    /// Its region.
    pub region: String,
    /// The zones that its pods may run in.
    pub zones: Vec<String>,
    /// Pods to run, one entry per archetype of the catalogue's demand, in its order.
    pub targets: Vec<PodTarget>,
}

/// Supply and demand of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetPlan {
    /// What providers offer, ordered by region, zone, instance type and capacity type.
    pub offerings: Vec<Offering>,
    /// What clusters run, in the order of the spec.
    pub clusters: Vec<ClusterPlan>,
}

/// Pods that a machine without devices is sized for in the machine mix: the density the catalogues are calibrated at.
const CALIBRATED_DENSITY: u64 = 100;

impl FleetPlan {
    /// Lays out a fleet. Gang floors may add to the number of machines asked for.
    ///
    /// # Panics
    /// When a region has no zone.
    pub fn new(catalogue: &Catalogue, spec: &FleetSpec) -> Self {
        let mut plan = Self { offerings: Vec::new(), clusters: Vec::new() };
        let per_region = sizing::apportion(spec.machines, &vec![1; spec.regions.len()]);
        for (region, machines) in spec.regions.iter().zip(per_region) {
            assert!(!region.zones.is_empty(), "region {} has no zone", region.name);
            let zones = region.zones.len() as u64;
            let density = Density { pods_per_machine: CALIBRATED_DENSITY, zones };
            let supply = sizing::allocate_machines(machines, &catalogue.supply, density);
            plan.offerings.extend(supply::offerings(catalogue, spec, region, &supply));
            let demand = sizing::allocate_machines(machines, &catalogue.demand, density);
            plan.clusters.extend(demand::clusters(catalogue, spec, region, &demand));
        }
        plan
    }

    /// Machine slots of all offerings.
    pub fn slots(&self) -> u64 {
        self.offerings.iter().map(|offering| offering.slots).sum()
    }
}

/// `share` parts per million of `whole`, rounded down.
fn share_of(whole: u64, share_ppm: u32) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(share_ppm) / u128::from(PPM)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
