//! Holdings: what a cluster has, as a whole and by what each menu admits of it.

use smallvec::SmallVec;

use crate::menus::MenuIx;
use crate::rows::{RowIx, Rows};
use crate::standing::Kind;
use crate::supply::{ClassIx, Stock};

/// Position of a keep list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeepIx(u32);

impl KeepIx {
    pub(crate) fn from_index(at: usize) -> Self {
        Self(u32::try_from(at).expect("fewer than 2^32 lists"))
    }

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a menu admits of a cluster's machines that serve it or are joining it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// In no order.
    classes: Vec<ClassIx>,
    /// Those that were acquired for no row that is there, in keep order.
    nobodys: Vec<ClassIx>,
    /// The rows that own some, or did, in order of precedence.
    owners: Vec<RowIx>,
    /// Rows that look here beyond what is their own, by kind; in no order.
    takers: [Vec<RowIx>; 3],
}

impl Keep {
    pub(crate) fn classes(&self) -> &[ClassIx] {
        &self.classes
    }

    pub(crate) fn nobodys(&self) -> &[ClassIx] {
        &self.nobodys
    }

    pub(crate) fn owners(&self) -> &[RowIx] {
        &self.owners
    }

    pub(crate) fn takers(&self, kind: Kind) -> &[RowIx] {
        &self.takers[lane(kind)]
    }

    pub(crate) fn note_taker(&mut self, kind: Kind, row: RowIx) {
        self.takers[lane(kind)].push(row);
    }

    pub(crate) fn forget_taker(&mut self, kind: Kind, row: RowIx) {
        let takers = &mut self.takers[lane(kind)];
        let at = takers.iter().position(|taker| *taker == row).expect("noted when it looked here");
        takers.swap_remove(at);
    }

    /// Lists a class that is new here, under those who own it.
    pub(crate) fn list(&mut self, ix: ClassIx, owners: &[RowIx], stocks: &[Stock], rows: &Rows) {
        self.classes.push(ix);
        self.relist(ix, owners, stocks, rows);
    }

    /// Lists a class anew whose owners are others now.
    pub(crate) fn relist(&mut self, ix: ClassIx, owners: &[RowIx], stocks: &[Stock], rows: &Rows) {
        remove(&mut self.nobodys, ix);
        if owners.is_empty() {
            insert(&mut self.nobodys, ix, stocks);
        }
        for owner in owners {
            let rank = |row: &RowIx| rows.rank(*row);
            let at = self.owners.partition_point(|other| rank(other) < rank(owner));
            if self.owners.get(at) != Some(owner) {
                self.owners.insert(at, *owner);
            }
        }
    }

    /// Takes a class out again.
    pub(crate) fn unlist(&mut self, ix: ClassIx) {
        if let Some(at) = self.classes.iter().position(|other| *other == ix) {
            self.classes.swap_remove(at);
        }
        remove(&mut self.nobodys, ix);
    }

    /// A row is no more. Returns whether it was an owner.
    pub(crate) fn forget_owner(&mut self, row: RowIx) -> bool {
        let before = self.owners.len();
        self.owners.retain(|owner| *owner != row);
        self.owners.len() < before
    }
}

fn lane(kind: Kind) -> usize {
    match kind {
        Kind::Plain => 0,
        Kind::Spread => 1,
        Kind::Same | Kind::Gang => 2,
    }
}

/// What a cluster has, and what has become of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding {
    /// What serves it or is joining it and counts as cover; in no order. Each class knows its place.
    pub(crate) bound: Vec<ClassIx>,
    /// Lists that some row of the cluster has asked for.
    pub(crate) keeps: SmallVec<[(MenuIx, KeepIx); 2]>,
    /// Of those, what nobody has been given, and what somebody has been given since it was; in no order.
    pub(crate) spare: Vec<ClassIx>,
}

impl Holding {
    /// What a menu admits, if some row has asked for it.
    pub(crate) fn keep_of(&self, menu: MenuIx) -> Option<KeepIx> {
        self.keeps.iter().find(|(known, _)| *known == menu).map(|(_, keep)| *keep)
    }
}

/// Puts a class into a list in keep order.
pub(crate) fn insert(list: &mut Vec<ClassIx>, ix: ClassIx, stocks: &[Stock]) {
    let order = stocks[ix.at()].keep_order();
    let at = list.partition_point(|other| stocks[other.at()].keep_order() < order);
    list.insert(at, ix);
}

/// Takes a class out of a list.
pub(crate) fn remove(list: &mut Vec<ClassIx>, ix: ClassIx) {
    if let Some(at) = list.iter().position(|other| *other == ix) {
        list.remove(at);
    }
}
