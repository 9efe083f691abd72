//! Which failpoints a world has, and how often each fires: drawn by its seed, or named by a scenario.

use std::collections::BTreeMap;

use argosy_failpoint::Failpoint;
use argosy_workload::dice::Dice;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The failpoints of a world with their chances, in parts per million of the times that they are passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arming(pub BTreeMap<Failpoint, u32>);

/// One world in so many has no failpoints: some bugs need all else to be as usual.
const ONE_WORLD_IN: u64 = 4;
/// The chance that a world has a certain failpoint.
const ARMED_PPM: u32 = 300_000;
/// How often an armed failpoint fires: from now and then to nearly always, for some are passed a thousand times a second and some once.
const CHANCES_PPM: [u32; 4] = [2_000, 20_000, 100_000, 400_000];

/// What a world passes a few times in its life, if at all.
const SELDOM: [&str; 7] = [
    "raft.snapshot_broken_off",
    "raft.snapshot_installed_late",
    "raft.hand_over_skipped",
    "raft.transfer_ignored",
    "leader.take_over_late",
    "leader.tick_late",
    "provider.page_small",
];
/// It fires every other time, where it is armed.
const SELDOM_PPM: u32 = 500_000;

impl Arming {
    /// The arming of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "failpoints");
        if dice.below(ONE_WORLD_IN) == 0 {
            return Self::default();
        }
        let mut chances = BTreeMap::new();
        for point in Failpoint::ALL {
            let (armed, at) = (dice.chance(ARMED_PPM), dice.below(CHANCES_PPM.len() as u64));
            if armed {
                let chance = CHANCES_PPM[usize::try_from(at).unwrap_or(0)];
                chances.insert(*point, if SELDOM.contains(&point.name()) { SELDOM_PPM } else { chance });
            }
        }
        Self(chances)
    }
}

impl Serialize for Arming {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(point, ppm)| (point.name(), ppm)))
    }
}

impl<'de> Deserialize<'de> for Arming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = BTreeMap::<String, u32>::deserialize(deserializer)?;
        let armed = named.into_iter().map(|(name, ppm)| {
            let point = Failpoint::named(&name).ok_or_else(|| D::Error::custom(format!("no failpoint '{name}'")))?;
            Ok((point, ppm))
        });
        armed.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failpoint_is_armed_in_some_of_a_hundred_worlds_and_in_none_of_others() {
        let worlds: Vec<Arming> = (1..=100).map(Arming::draw).collect();
        assert!(worlds.iter().any(|arming| arming.0.is_empty()));
        for point in Failpoint::ALL {
            assert!(worlds.iter().any(|arming| arming.0.contains_key(point)), "{point}");
        }
        assert_eq!(Arming::draw(7), Arming::draw(7));
    }
}
