//! What Phase 4 is allowed: how much a move must gain, and how many moves there may be. The shard derives it from its log for
//! every view; without it there is no Phase 4.

use std::collections::BTreeMap;

use argosy_model::{ClusterIx, Duration, Fleet, MicroUsd, State};

use crate::plan::{Plan, Reason};

/// Parts per million of a whole.
const WHOLE_PPM: u128 = 1_000_000;
/// An hour: prices are by the hour.
const HOUR_MS: u128 = 3_600_000;

/// What consolidation is allowed at a moment (docs/reference/consolidation.md).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consolidation {
    /// A move must save at least this much in an hour; and always something.
    pub min_gain: MicroUsd,
    /// What a move costs beside the need's own reclamation penalty: the time in which both machines are paid.
    pub move_cost: MicroUsd,
    /// A move must save its cost within this time.
    pub payback: Duration,
    /// Limits on how many moves there may be; each counts.
    pub brakes: Vec<Brake>,
}

/// A limit on moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Where it counts.
    pub per: Per,
    /// Most moves in a window that has not begun.
    pub most: Most,
    /// How many more there may be where a window has begun: by cluster, or under `None` for the whole shard.
    pub left: BTreeMap<Option<ClusterIx>, u32>,
}

/// Where a limit on moves counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// In the whole shard.
    Shard,
    /// In each cluster; a pool is one.
    Cluster,
}

/// So many moves, or a share of the machines that serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// So many.
    Count(u32),
    /// Parts per million of the machines that serve, rounded up.
    Ppm(u32),
}

impl Most {
    /// How many that is where so many machines serve; that is asked for a share only.
    pub fn of(self, serving: impl FnOnce() -> usize) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Ppm(ppm) => {
                let share = (serving() as u128 * u128::from(ppm)).div_ceil(WHOLE_PPM);
                u32::try_from(share).unwrap_or(u32::MAX)
            }
        }
    }
}

impl Per {
    /// The domain of a cluster's moves.
    pub fn domain(self, cluster: ClusterIx) -> Option<ClusterIx> {
        match self {
            Self::Shard => None,
            Self::Cluster => Some(cluster),
        }
    }

    /// How many machines serve in a domain.
    pub fn serving(domain: Option<ClusterIx>, fleet: &Fleet) -> usize {
        match domain {
            Some(_) => fleet.count(State::Configured, domain),
            None => fleet.classes().in_state(State::Configured).map(|(_, members)| members.len()).sum(),
        }
    }
}

impl Brake {
    /// How many moves there may be in the domain of a cluster.
    pub fn room(&self, cluster: ClusterIx, fleet: &Fleet) -> u32 {
        let domain = self.per.domain(cluster);
        let fresh = || self.most.of(|| Per::serving(domain, fleet));
        self.left.get(&domain).copied().unwrap_or_else(fresh)
    }
}

impl Consolidation {
    /// Takes the moves of a plan, decided on this fleet, off what is left of every limit; no window ends. Returns how many they are.
    pub fn spend(&mut self, plan: &Plan, fleet: &Fleet) -> u32 {
        let mut moves = 0;
        for unit in plan.units.iter().filter(|unit| unit.reason == Reason::Consolidate) {
            let (key, _) = unit.needs.first().expect("a move is decided for a need");
            moves += 1;
            for brake in &mut self.brakes {
                let room = brake.room(key.cluster, fleet);
                brake.left.insert(brake.per.domain(key.cluster), room.saturating_sub(1));
            }
        }
        moves
    }

    /// Whether a move that saves this much in an hour is worth it, for a need that loses `penalty` by it.
    pub fn is_worth(&self, gain: u128, penalty: MicroUsd) -> bool {
        let cost = u128::from(self.move_cost.0) + u128::from(penalty.0);
        gain > 0 && gain >= u128::from(self.min_gain.0) && gain * u128::from(self.payback.0) >= cost * HOUR_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_must_save_something_whatever_the_limits_say() {
        let lax = Consolidation { payback: Duration::NEVER, ..Consolidation::default() };
        assert!(!lax.is_worth(0, MicroUsd(0)) && lax.is_worth(1, MicroUsd(0)));
    }

    #[test]
    fn a_move_must_save_its_cost_in_time() {
        let rules = Consolidation {
            min_gain: MicroUsd(10),
            move_cost: MicroUsd(100),
            payback: Duration::from_secs(7_200),
            brakes: Vec::new(),
        };
        assert_eq!([9, 49, 50].map(|gain| rules.is_worth(gain, MicroUsd(0))), [false, false, true]);
        assert_eq!([99, 100].map(|gain| rules.is_worth(gain, MicroUsd(100))), [false, true]);
    }

    #[test]
    fn a_share_is_rounded_up_so_that_no_cluster_is_locked_for_ever() {
        let moves = |ppm, serving| Most::Ppm(ppm).of(|| serving);
        assert_eq!([moves(100_000, 0), moves(100_000, 3), moves(100_000, 11), moves(0, 11)], [0, 1, 2, 0]);
    }
}
