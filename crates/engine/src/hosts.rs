//! Hosts: the domains of a menu in the order in which a gang that has nothing yet would choose them, so that choosing is a
//! look-up and never a walk over thousands of racks.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::menu::Domain;

/// Free pieces; then more machines first; then the name that sorts first; and which domain that is.
type Key = (u64, Reverse<u64>, u32, u32);

/// The domains in which something is free, tightest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(BTreeSet<Key>);

/// Pieces and machines that are free in a domain.
type FreeIn = (u128, u64);

impl Hosts {
    pub(crate) fn of(domains: &[Domain]) -> Self {
        let numbered = (0..).zip(domains).filter(|(_, domain)| domain.free > 0);
        Self(numbered.map(|(at, domain)| key(at, domain.by_name, (domain.pieces, domain.free))).collect())
    }

    /// Puts a domain where it now belongs.
    pub(crate) fn shift(&mut self, domain: u32, by_name: u32, before: FreeIn, now: FreeIn) {
        if before.1 > 0 {
            self.0.remove(&key(domain, by_name, before));
        }
        if now.1 > 0 {
            self.0.insert(key(domain, by_name, now));
        }
    }

    /// The tightest domain that holds this many pieces.
    pub(crate) fn tightest(&self, pieces: u64) -> Option<usize> {
        self.0.range((pieces, Reverse(u64::MAX), 0, 0)..).next().map(|key| key.3 as usize)
    }

    /// The domain that holds most pieces.
    pub(crate) fn fullest(&self) -> Option<usize> {
        self.tightest(self.0.last()?.0)
    }

    /// The tightest domain that holds this many pieces and is none of `others`.
    pub(crate) fn tightest_but(&self, pieces: u64, others: &BTreeSet<usize>) -> Option<usize> {
        let enough = self.0.range((pieces, Reverse(u64::MAX), 0, 0)..);
        enough.map(|key| key.3 as usize).find(|domain| !others.contains(domain))
    }

    /// The domain that holds most of those that hold fewer pieces than this, and is none of `others`.
    pub(crate) fn fullest_but(&self, pieces: u64, others: &BTreeSet<usize>) -> Option<usize> {
        let mut fewer = self.0.range(..(pieces, Reverse(u64::MAX), 0, 0)).rev();
        let most = fewer.find(|key| !others.contains(&(key.3 as usize)))?.0;
        self.tightest_but(most, others)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|key| key.3 as usize)
    }
}

fn key(domain: u32, by_name: u32, (pieces, machines): FreeIn) -> Key {
    (u64::try_from(pieces).unwrap_or(u64::MAX), Reverse(machines), by_name, domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_host_has_most_machines_and_then_the_first_name() {
        let mut hosts = Hosts::default();
        for (domain, by_name, free) in [(0, 3, (9, 3)), (1, 2, (4, 1)), (2, 1, (4, 2)), (3, 0, (4, 2))] {
            hosts.shift(domain, by_name, (0, 0), free);
        }
        assert_eq!((hosts.tightest(4), hosts.tightest(5), hosts.tightest(10)), (Some(3), Some(0), None));
        let others = BTreeSet::from([3, 0]);
        assert_eq!((hosts.tightest_but(4, &others), hosts.tightest_but(5, &others)), (Some(2), None));
        assert_eq!((hosts.fullest_but(9, &others), hosts.fullest_but(4, &others)), (Some(2), None));
        hosts.shift(0, 3, (9, 3), (0, 0));
        assert_eq!(hosts.fullest(), Some(3));
    }
}
