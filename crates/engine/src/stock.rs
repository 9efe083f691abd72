//! Stocks: classes of machines as a cycle sees them, and what each kind of class is good for.

use std::cmp::Reverse;

use argosy_model::fleet::Class;
use argosy_model::{Bucket, Claim, ClusterIx, MicroUsd, State};
use smallvec::SmallVec;

use crate::accounts::Account;
use crate::ahead::read;
use crate::rows::RowIx;

/// Position of a class in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClassIx(u32);

impl ClassIx {
    pub(crate) fn from_index(at: usize) -> Self {
        Self(u32::try_from(at).expect("fewer than 2^32 classes"))
    }

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A class of machines, and what has become of them in this cycle.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    pub(crate) class: Class,
    /// How many there are.
    pub(crate) total: u32,
    /// How many nobody has been given yet.
    pub(crate) left: u32,
    /// For whom they were acquired, or are being drained, if that row is still there.
    pub(crate) account: Option<Account>,
    /// Who has been given how many.
    pub(crate) claims: SmallVec<[(RowIx, u32); 2]>,
    pub(crate) price: MicroUsd,
    /// Whether giving one back saves its price.
    pub(crate) is_elastic: bool,
    /// Its place in its cluster's list of what is bound there.
    pub(crate) bound_at: u32,
    /// Whether its total is not counted yet.
    pub(crate) is_changed: bool,
    /// Whether it stands on its cluster's list of what is left.
    pub(crate) is_spare: bool,
    /// Whether it stands on the list of what was touched.
    pub(crate) is_touched: bool,
}

/// Where a class stands in keep order: serving before joining before coming, then the cheapest, of equal price what is paid for
/// anyway before what is paid for by the hour, then those that were dearest to give up, then by shape and attribution; within a
/// class by slot.
pub(crate) type KeepOrder = (u8, MicroUsd, bool, Reverse<Bucket>, Class);

impl Stock {
    /// Reads a word of each of its cache lines.
    pub(crate) fn read_all(&self) {
        read((self.total, self.is_touched, self.price, self.claims.spilled(), self.class.shape));
    }

    pub(crate) fn keep_order(&self) -> KeepOrder {
        let stage = match self.class.state {
            State::Configured => 0,
            State::Configuring => 1,
            State::Creating => 2,
            _ => 3,
        };
        (stage, self.price, self.is_elastic, Reverse(self.class.reclamation), self.class)
    }
}

/// Whether free machines are there already or have to be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Free {
    Idle,
    Speculative,
}

/// How a free class may be taken; `None` for every other.
pub(crate) fn free_kind(class: &Class) -> Option<Free> {
    match class.state {
        State::Idle if class.is_usable() => Some(Free::Idle),
        State::Speculative if class.is_usable() => Some(Free::Speculative),
        _ => None,
    }
}

/// For whom a class was acquired, or is being drained, where that counts.
pub(crate) fn attributed(class: &Class) -> Option<Claim> {
    match class.state {
        State::Draining => class.heir.filter(|_| class.is_usable()),
        State::Creating | State::Configuring | State::Configured => class.claim().filter(|_| class.is_cover()),
        _ => None,
    }
}

/// The cluster to whose needs a class may be credited, or from which it may be reclaimed.
pub(crate) fn home(class: &Class) -> Option<ClusterIx> {
    match class.state {
        State::Draining => attributed(class).map(|heir| heir.cluster),
        State::Creating | State::Configuring | State::Configured => class.cluster,
        _ => None,
    }
}

/// Whether a class serves a cluster or is joining it, and counts.
pub(crate) fn is_bound_cover(class: &Class) -> bool {
    matches!(class.state, State::Configured | State::Configuring) && class.is_cover()
}
