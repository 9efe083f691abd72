//! How many machines each domain has: what shares are shares of.
//!
//! Only the domains that something is in repair in, or was found unfit in, are counted: a fleet has a hundred thousand racks, and
//! two of them matter. And they are counted only once somebody asks for a size: most looks at repairs find that nothing is to begin.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::book::Book;
use crate::place::{Domain, Scope};

/// Machines with hardware, by domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    sizes: BTreeMap<Scope, BTreeMap<Arc<str>, u32>>,
}

impl Tally {
    /// Of the domains that a book is about, with nothing counted yet.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        let mut tally = Self::default();
        for Domain { scope, name } in book.domains() {
            tally.sizes.entry(scope).or_default().entry(name).or_insert(0);
        }
        tally
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

    fn size(&self, domain: &Domain) -> u32 {
        self.sizes.get(&domain.scope).and_then(|sizes| sizes.get(&*domain.name)).copied().unwrap_or(0)
    }
}

/// A tally that is taken when it is first asked.
pub struct Census<'a> {
    take: &'a dyn Fn() -> Tally,
    taken: OnceCell<Tally>,
}

impl<'a> Census<'a> {
    /// Takes the tally by `take`, once, if it is asked at all.
    #[must_use]
    pub fn new(take: &'a dyn Fn() -> Tally) -> Self {
        Self { take, taken: OnceCell::new() }
    }

    /// How many machines a domain has.
    #[must_use]
    pub fn size(&self, domain: &Domain) -> u32 {
        self.taken.get_or_init(self.take).size(domain)
    }

    /// Whether anybody has asked.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken.get().is_some()
    }
}

impl std::fmt::Debug for Census<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Census").field(&self.taken.get()).finish()
    }
}
