//! The preflight: a fleet whose demand no machine of it could ever host is refused, with the arithmetic.
//!
//! Three questions for each kind of workload in each region. Does any machine hold its largest pod? Does any rack, or zone,
//! hold its largest gang? Do all machines together hold all its pods? What fails here would look like a shortage, or like a
//! fault of the engine, for as long as the fleet lives; the predecessor built several hundred lines of engine for a gang that
//! was larger than any rack. Burst workloads are held to the first two: a burst beyond supply is what a burst is for.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::supply::usable_types;
use super::{FleetPlan, FleetSpec, Offering};
use crate::catalogue::{Archetype, Catalogue, GangScope};

/// Why a fleet is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("ARG-1304: this fleet can never host what is to run on it:\n{}", lines(.0))]
pub struct Unhostable(pub Vec<Misfit>);

/// One kind of workload that has no place, and the arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where.
    pub region: String,
    /// Which kind.
    pub archetype: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No machine holds its largest pod.
    Pod {
        /// What the pod asks for.
        asks: BTreeMap<String, String>,
        /// The instance types that it may run on.
        instance_types: Vec<String>,
    },
    /// No domain holds its largest gang.
    Gang {
        /// Members of the gang.
        members: u64,
        /// The domain that they share.
        scope: GangScope,
        /// The domain that holds most, and how many it holds: machines times pods on each, summed.
        largest: (String, u64),
    },
    /// All machines together hold too few.
    Sum {
        /// Pods to run.
        pods: u64,
        /// Machines of its types.
        machines: u64,
        /// Pods that they hold.
        holds: u64,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region {}, {}: ", self.region, self.archetype)?;
        match &self.reason {
            Reason::Pod { asks, instance_types } => {
                let asks: Vec<String> = asks.iter().map(|(dim, amount)| format!("{dim}={amount}")).collect();
                write!(f, "a pod asks for {}, and no machine of {} has that", asks.join(" "), instance_types.join(", "))
            }
            Reason::Gang { members, scope, largest: (domain, holds) } => {
                let scope = match scope {
                    GangScope::Rack => "rack",
                    GangScope::Zone => "zone",
                };
                write!(f, "a gang has {members} members, and the largest {scope}, {domain}, holds {holds}")
            }
            Reason::Sum { pods, machines, holds } => {
                write!(f, "{pods} pods are to run, and {machines} machines of its types hold {holds}")
            }
        }
    }
}

fn lines(misfits: &[Misfit]) -> String {
    let lines: Vec<String> = misfits.iter().map(|misfit| format!("  {misfit}")).collect();
    lines.join("\n")
}

impl FleetPlan {
    /// Refuses a fleet of which some workload could never be hosted.
    ///
    /// # Errors
    /// Every kind of workload that has no place, by region.
    pub fn preflight(&self, catalogue: &Catalogue, spec: &FleetSpec) -> Result<(), Unhostable> {
        let mut misfits = Vec::new();
        for region in &spec.regions {
            let offerings: Vec<&Offering> =
                self.offerings.iter().filter(|offering| offering.region == region.name).collect();
            for archetype in &catalogue.demand {
                let pods = self.pods_of(&region.name, &archetype.name);
                let reason = misfit(catalogue, &offerings, archetype, pods);
                let (region, archetype) = (region.name.clone(), archetype.name.clone());
                misfits.extend(reason.map(|reason| Misfit { region, archetype, reason }));
            }
        }
        if misfits.is_empty() { Ok(()) } else { Err(Unhostable(misfits)) }
    }

    fn pods_of(&self, region: &str, archetype: &str) -> u64 {
        let clusters = self.clusters.iter().filter(|cluster| cluster.region == region);
        let targets = clusters.flat_map(|cluster| &cluster.targets);
        targets.filter(|target| target.archetype == archetype).map(|target| target.pods).sum()
    }
}

fn misfit(catalogue: &Catalogue, offerings: &[&Offering], archetype: &Archetype, pods: u64) -> Option<Reason> {
    if usable_types(catalogue, archetype).is_empty() {
        // Such pods are laid out nowhere, so that their number says nothing: they would be missed by nobody.
        let asks = archetype.largest_size().to_quantities();
        return Some(Reason::Pod { asks, instance_types: archetype.instance_types.clone() });
    }
    let unit = archetype.largest_size();
    let each = |offering: &Offering| catalogue.instance_types[&offering.instance_type].resources.units_of(&unit);
    let of_its_types = |offering: &&&Offering| archetype.instance_types.contains(&offering.instance_type);
    let fitting: Vec<&Offering> =
        offerings.iter().filter(of_its_types).filter(|offering| each(offering) > 0).copied().collect();
    if pods == 0 && (fitting.is_empty() || !archetype.burst_only) {
        return None;
    }
    if let Some(gang) = &archetype.gang {
        let mut domains: BTreeMap<&str, u64> = BTreeMap::new();
        for offering in &fitting {
            match gang.scope {
                GangScope::Zone => *domains.entry(&offering.zone).or_default() += offering.slots * each(offering),
                GangScope::Rack => {
                    for rack in &offering.racks {
                        *domains.entry(&rack.name).or_default() += rack.slots * each(offering);
                    }
                }
            }
        }
        let (domain, holds) = domains.into_iter().max_by_key(|(_, holds)| *holds)?;
        // A smaller burst may still be drawn; one that cannot be at all is an error of the catalogue.
        let members = if archetype.burst_only { gang.min_members } else { gang.max_members };
        if holds < members {
            return Some(Reason::Gang { members, scope: gang.scope, largest: (domain.to_owned(), holds) });
        }
    }
    let machines: u64 = fitting.iter().map(|offering| offering.slots).sum();
    let holds: u64 = fitting.iter().map(|offering| offering.slots.saturating_mul(each(offering))).sum();
    (holds < pods).then_some(Reason::Sum { pods, machines, holds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::RegionSpec;

    fn spec(machines: u64) -> FleetSpec {
        let region = |name: &str| RegionSpec {
            name: name.to_owned(),
            provider: "sim".to_owned(),
            zones: ["a", "b", "c"].map(|zone| format!("{name}-{zone}")).to_vec(),
            clusters: vec![format!("{name}-0"), format!("{name}-1")],
        };
        FleetSpec::new(machines, vec![region("eu"), region("us")], 1)
    }

    fn check(catalogue: &Catalogue, machines: u64) -> Result<(), Unhostable> {
        let spec = spec(machines);
        FleetPlan::new(catalogue, &spec).preflight(catalogue, &spec)
    }

    #[test]
    fn every_shipped_catalogue_is_hostable_at_every_size_of_a_profile() {
        for name in Catalogue::SHIPPED {
            let catalogue = Catalogue::shipped(name).unwrap();
            for machines in [1_200, 5_000, 50_000, 500_000, 1_000_000] {
                if name == "realistic" && machines < 5_000 {
                    continue; // Its burst alone is a zone of 64 GPU hosts.
                }
                assert_eq!(check(&catalogue, machines), Ok(()), "{name} at {machines}");
            }
        }
    }

    #[test]
    fn a_gang_larger_than_any_rack_is_refused_with_the_arithmetic() {
        let mut catalogue = Catalogue::shipped("realistic-dev").unwrap();
        let at = catalogue.demand.iter().position(|archetype| archetype.name == "gpu-training-small").unwrap();
        catalogue.demand[at].gang.as_mut().unwrap().max_members = 64;
        let text = check(&catalogue, 1_200).unwrap_err().to_string();
        assert!(text.contains("ARG-1304") && text.contains("a gang has 64 members, and the largest rack"), "{text}");
    }

    #[test]
    fn a_pod_larger_than_any_machine_is_refused_with_what_it_asks_for() {
        let mut catalogue = Catalogue::shipped("realistic-dev").unwrap();
        catalogue.demand[0].sizes[0].resources.set("cpu", 1_000_000);
        let text = check(&catalogue, 1_200).unwrap_err().to_string();
        assert!(text.contains("tiny-stateless: a pod asks for cpu=1000"), "{text}");
    }

    #[test]
    fn more_pods_than_all_machines_hold_are_refused_with_both_numbers() {
        let catalogue = Catalogue::shipped("realistic-dev").unwrap();
        let spec = spec(1_200);
        let mut plan = FleetPlan::new(&catalogue, &spec);
        plan.clusters[0].targets[0].pods = 1_000_000_000;
        let Unhostable(misfits) = plan.preflight(&catalogue, &spec).unwrap_err();
        assert!(
            matches!(misfits[..], [Misfit { reason: Reason::Sum { pods: 1_000_000_000.., .. }, .. }]),
            "{misfits:?}"
        );
    }
}
