//! Holdings: what a cluster has, in keep order, as a whole and by what each menu admits of it.

use argosy_model::ShapeIx;
use smallvec::SmallVec;

use crate::menu::Menu;
use crate::menus::MenuIx;
use crate::supply::{ClassIx, Stock};

/// Position of a keep list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeepIx(u32);

impl KeepIx {
    pub(crate) fn from_index(at: usize) -> Self {
        Self(u32::try_from(at).expect("fewer than 2^32 lists"))
    }

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a menu admits of a cluster's machines, in keep order.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    pub(crate) classes: Vec<ClassIx>,
    admits: std::sync::Arc<[ShapeIx]>,
    /// Nothing before this position has a machine left.
    from: usize,
}

impl Keep {
    pub(crate) fn of(classes: Vec<ClassIx>, menu: &Menu) -> Self {
        Self { classes, admits: menu.listed(), from: 0 }
    }

    pub(crate) fn rewind(&mut self) {
        self.from = 0;
    }

    /// Moves on past classes that have nothing left.
    pub(crate) fn skip(&mut self, is_empty: impl Fn(ClassIx) -> bool) -> usize {
        while self.classes.get(self.from).is_some_and(|class| is_empty(*class)) {
            self.from += 1;
        }
        self.from
    }

    fn admits(&self, shape: ShapeIx) -> bool {
        self.admits.binary_search(&shape).is_ok()
    }
}

/// What a cluster has, and what has become of it since it was last credited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding {
    /// What serves it or is joining it and counts as cover, in keep order.
    pub(crate) bound: Vec<ClassIx>,
    /// That, what is on its way to it, and what serves it without counting; in no order.
    pub(crate) all: Vec<ClassIx>,
    /// Lists that some row of the cluster has asked for.
    pub(crate) keeps: SmallVec<[(MenuIx, KeepIx); 2]>,
    /// Whether its credit no longer holds.
    pub(crate) is_dirty: bool,
    /// Whether its credit looked beyond the cluster.
    pub(crate) is_farsighted: bool,
    /// Whether machines were given back in it after the credit.
    pub(crate) is_reopened: bool,
    /// What serves it and nobody was given; up to date unless it `is_stale`.
    pub(crate) surplus: Vec<ClassIx>,
    pub(crate) is_stale: bool,
    is_settled: bool,
}

impl Holding {
    /// Nothing yet; `is_settled` where order is kept from the beginning.
    pub(crate) fn new(is_settled: bool) -> Self {
        Self { is_settled, ..Self::default() }
    }

    /// Lists a class that serves the cluster or is joining it.
    pub(crate) fn bind(holding: &mut Self, keeps: &mut [Keep], ix: ClassIx, stocks: &[Stock]) {
        if !holding.is_settled {
            holding.bound.push(ix);
            return;
        }
        insert(&mut holding.bound, ix, stocks);
        for (_, keep) in &holding.keeps {
            let keep = &mut keeps[keep.at()];
            if keep.admits(stocks[ix.at()].class.shape) {
                insert(&mut keep.classes, ix, stocks);
            }
        }
    }

    /// Takes a class out again.
    pub(crate) fn unbind(holding: &mut Self, keeps: &mut [Keep], ix: ClassIx, stocks: &[Stock]) {
        remove(&mut holding.bound, ix, stocks);
        for (_, keep) in &holding.keeps {
            remove(&mut keeps[keep.at()].classes, ix, stocks);
        }
    }

    /// Puts in order what was listed so far; from now on order is kept.
    pub(crate) fn settle(&mut self, stocks: &[Stock]) {
        self.bound.sort_by_cached_key(|ix| stocks[ix.at()].keep_order());
        self.is_settled = true;
    }
}

/// Puts a class into a list in keep order.
pub(crate) fn insert(list: &mut Vec<ClassIx>, ix: ClassIx, stocks: &[Stock]) {
    let order = stocks[ix.at()].keep_order();
    let at = list.partition_point(|other| stocks[other.at()].keep_order() < order);
    list.insert(at, ix);
}

/// Takes a class out of a list in keep order.
pub(crate) fn remove(list: &mut Vec<ClassIx>, ix: ClassIx, stocks: &[Stock]) {
    let order = stocks[ix.at()].keep_order();
    let at = list.partition_point(|other| stocks[other.at()].keep_order() < order);
    if list.get(at) == Some(&ix) {
        list.remove(at);
    }
}
