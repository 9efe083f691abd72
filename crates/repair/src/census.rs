//! How many machines each domain has: what shares are shares of.
//!
//! Only the domains that something is in repair in, or was found unfit in, are counted: a fleet has a hundred thousand racks, and
//! two of them matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::book::Book;
use crate::place::{Domain, Scope};

/// Machines with hardware, by domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    sizes: BTreeMap<Scope, BTreeMap<Arc<str>, u32>>,
}

impl Census {
    /// Of the domains that a book is about, with nothing counted yet.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        let mut census = Self::default();
        for Domain { scope, name } in book.domains() {
            census.sizes.entry(scope).or_default().entry(name).or_insert(0);
        }
        census
    }

    /// Whether any domain of this kind is to be counted.
    #[must_use]
    pub fn wants(&self, scope: Scope) -> bool {
        self.sizes.contains_key(&scope)
    }

    /// Counts so many machines of a domain, if it is one of those that matter. The shard's own name is empty.
    pub fn count(&mut self, scope: Scope, name: &str, machines: u32) {
        if let Some(size) = self.sizes.get_mut(&scope).and_then(|sizes| sizes.get_mut(name)) {
            *size = size.saturating_add(machines);
        }
    }

    /// How many machines a domain has.
    #[must_use]
    pub fn size(&self, domain: &Domain) -> u32 {
        self.sizes.get(&domain.scope).and_then(|sizes| sizes.get(&*domain.name)).copied().unwrap_or(0)
    }
}
