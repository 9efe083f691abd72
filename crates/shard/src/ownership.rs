//! Which machines are this shard's: those in its topology domains, and its share of the slots that have no zone yet.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, ZONE_KEY};
use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use crate::digest::Hasher;
use crate::observed::{Observed, ObservedShape};

/// What a shard is, and what it owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The shard's id.
    pub shard: String,
    /// All shards of the fleet, this one included.
    pub shards: OrdSet<String>,
    /// The topology domains that are its own: key and value.
    pub domains: OrdSet<(String, String)>,
}

impl Ownership {
    /// Whether a machine of `provider` is this shard's. A shard that is alone and names no domain owns everything.
    pub fn owns(&self, provider: &str, observed: &Observed) -> bool {
        self.owns_machine(provider, &observed.machine.id, &observed.shape)
    }

    pub(crate) fn owns_machine(&self, provider: &str, id: &str, shape: &ObservedShape) -> bool {
        if self.domains.is_empty() && self.shards.len() <= 1 {
            return true;
        }
        match attribute(shape, ZONE_KEY) {
            None => self.is_picked(provider, id),
            Some(_) => self.domains.iter().any(|(key, value)| attribute(shape, key) == Some(value)),
        }
    }

    /// Rendezvous hashing (Thaler and Ravishankar, 1998): the shard with the highest hash has it, so a shard more or
    /// less moves only its own share.
    fn is_picked(&self, provider: &str, id: &str) -> bool {
        let score = |shard: &str| {
            let mut hasher = Hasher::default();
            for part in [shard, provider, id] {
                hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            hasher.finish()
        };
        let best = self.shards.iter().max_by_key(|shard| (score(shard), (*shard).clone()));
        best.is_some_and(|best| *best == self.shard)
    }
}

fn attribute<'a>(shape: &'a ObservedShape, key: &str) -> Option<&'a str> {
    let typed = match key {
        ZONE_KEY => shape.zone.as_deref(),
        INSTANCE_TYPE_KEY => shape.instance_type.as_deref(),
        _ => None,
    };
    typed.or_else(|| shape.labels.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()))
}

#[cfg(test)]
mod tests {
    use argosy_model::State;

    use super::*;
    use crate::observed::ObservedMachine;

    fn ownership(shard: &str) -> Ownership {
        Ownership {
            shard: shard.to_owned(),
            shards: ["s0", "s1", "s2"].map(str::to_owned).into_iter().collect(),
            domains: [(ZONE_KEY.to_owned(), format!("zone-{shard}"))].into_iter().collect(),
        }
    }

    fn machine(id: &str, zone: Option<&str>) -> Observed {
        let shape = ObservedShape { zone: zone.map(str::to_owned), ..ObservedShape::default() };
        Observed { shape, machine: ObservedMachine::new(id, State::Speculative) }
    }

    #[test]
    fn a_machine_in_a_zone_belongs_to_the_owner_of_the_zone_and_to_nobody_else() {
        assert!(ownership("s0").owns("p", &machine("m", Some("zone-s0"))));
        assert!(!ownership("s1").owns("p", &machine("m", Some("zone-s0"))));
    }

    #[test]
    fn every_slot_without_a_zone_has_exactly_one_owner_and_the_shares_are_even() {
        let shards = ["s0", "s1", "s2"].map(ownership);
        let mut share = [0; 3];
        for n in 0..3_000 {
            let slot = machine(&format!("slot-{n}"), None);
            let owners: Vec<usize> = (0..3).filter(|s| shards[*s].owns("p", &slot)).collect();
            assert_eq!(owners.len(), 1);
            share[owners[0]] += 1;
        }
        assert!(share.iter().all(|n| (900..1_100).contains(n)), "{share:?}");
    }

    #[test]
    fn a_shard_that_is_alone_owns_everything() {
        let alone = Ownership { shards: OrdSet::unit("s".to_owned()), shard: "s".to_owned(), ..Ownership::default() };
        assert!(alone.owns("p", &machine("m", Some("anywhere"))) && alone.owns("p", &machine("m", None)));
    }
}
