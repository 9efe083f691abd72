//! How many machines each domain has: what shares are shares of.

use std::collections::BTreeMap;

use crate::place::{Domain, Place};

/// Machines with hardware, by domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    sizes: BTreeMap<Domain, u32>,
}

impl Census {
    /// Counts so many machines of a place.
    pub fn add(&mut self, place: &Place, machines: u32) {
        for domain in place.domains() {
            let size = self.sizes.entry(domain).or_default();
            *size = size.saturating_add(machines);
        }
    }

    /// How many machines a domain has.
    #[must_use]
    pub fn size(&self, domain: &Domain) -> u32 {
        self.sizes.get(domain).copied().unwrap_or(0)
    }
}
