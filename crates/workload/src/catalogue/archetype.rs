//! Archetypes: kinds of workload, as the catalogue describes them.

use crate::amounts::Amounts;
use crate::dice::Dice;

/// One kind of workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Archetype {
    /// Its name, unique in its catalogue.
    pub name: String,
    /// Its share of demand objects (deployments, stateful sets, gangs); at least 1.
    pub weight: u64,
    /// Pods that one machine is sized for; `None` leaves it to the fleet's density.
    pub pods_per_machine: Option<u64>,
    /// Instance types it may run on, at least one.
    pub instance_types: Vec<String>,
    /// Pod sizes and their weights, at least one.
    pub sizes: Vec<Size>,
    /// Priorities that its objects draw from, at least one.
    pub priority_classes: Vec<i32>,
    /// What interrupting it costs, in dollars.
    pub interruption_penalty_dollars: u64,
    /// What one of its machines is worth to it, in dollars.
    pub reclamation_penalty_dollars: u64,
    /// Mean of its exponential lifetime in seconds; `None` lives until it is removed.
    pub mean_lifetime_s: Option<u64>,
    /// Whether its objects are stateful sets, which stay small.
    pub stateful: bool,
    /// Absent from the steady mix: it comes in bursts only.
    pub burst_only: bool,
    /// Set when each object is one gang.
    pub gang: Option<Gang>,
    /// Set when some of its objects spread over a topology.
    pub spread: Option<SpreadRule>,
}

/// A pod size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its share among the sizes of its archetype.
    pub weight: u64,
    /// What a pod asks for.
    pub resources: Amounts,
}

/// How the members of an object must sit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gang {
    /// The domain that all members share.
    pub scope: GangScope,
    /// Fewest members.
    pub min_members: u64,
    /// Most members.
    pub max_members: u64,
    /// Whether the workload can live with a part of its members. An intent: the wire has no field for it.
    pub allow_partial: bool,
}

/// The domain that a gang shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GangScope {
    /// One rack.
    Rack,
    /// One zone.
    Zone,
}

/// A spread constraint that some objects of an archetype carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadRule {
    /// The share of objects that carry it, in parts per million.
    pub probability_ppm: u32,
    /// The label key whose values are spread over.
    pub topology_key: String,
    /// Largest difference between two domains, at least 1.
    pub max_skew: u32,
    /// Whether the constraint binds; if not, an operator leaves it out of its roll-up.
    pub binding: bool,
}

/// Replica counts of plain objects: (weight, fewest, most).
const REPLICA_BANDS: [(u64, u64, u64); 4] = [(55, 1, 5), (30, 6, 25), (12, 26, 100), (3, 101, 400)];
/// Stateful sets are never drawn larger than this.
const STATEFUL_CAP: u64 = 25;

impl Archetype {
    /// The largest amount of every dimension over all sizes: the floor that a machine for a roll-up of it must meet.
    pub fn largest_size(&self) -> Amounts {
        let mut largest = Amounts::default();
        for size in &self.sizes {
            largest.raise_to(&size.resources);
        }
        largest
    }

    /// Draws how many pods an object of it has.
    pub fn draw_replicas(&self, dice: &mut Dice) -> u64 {
        if let Some(gang) = &self.gang {
            return dice.between(gang.min_members, gang.max_members);
        }
        let band = dice.weighted(REPLICA_BANDS.iter().map(|band| band.0)).unwrap_or(0);
        let (_, low, high) = REPLICA_BANDS[band];
        let drawn = dice.between(low, high);
        if self.stateful { drawn.min(STATEFUL_CAP) } else { drawn }
    }

    /// The mean of [`Self::draw_replicas`], in thousandths.
    pub fn mean_replicas_milli(&self) -> u64 {
        if let Some(gang) = &self.gang {
            return (gang.min_members + gang.max_members) * 500;
        }
        let cap = if self.stateful { STATEFUL_CAP } else { u64::MAX };
        let bands = REPLICA_BANDS.iter().map(|(weight, low, high)| {
            let sum: u64 = (*low..=*high).map(|n| n.min(cap)).sum();
            weight * sum * 10 / (high - low + 1)
        });
        bands.sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::catalogue::Catalogue;
    use crate::dice::Dice;

    #[test]
    fn the_mean_of_drawn_replicas_is_the_analytic_one() {
        let catalogue = Catalogue::shipped("realistic").unwrap();
        let mut stateful = catalogue.supply[0].clone();
        stateful.stateful = true;
        for archetype in catalogue.supply.iter().chain([&stateful]) {
            let mut dice = Dice::new(3, &archetype.name);
            let sum: u64 = (0..200_000).map(|_| archetype.draw_replicas(&mut dice)).sum();
            let (drawn, analytic) = (sum / 200, archetype.mean_replicas_milli());
            assert!(drawn.abs_diff(analytic) * 20 < analytic, "{}: {drawn} against {analytic}", archetype.name);
        }
        assert_eq!(catalogue.supply[0].mean_replicas_milli(), 21_375);
        assert_eq!(stateful.mean_replicas_milli(), 10_050);
    }
}
