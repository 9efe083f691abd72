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

/// Which of a cluster's machines are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those that were acquired for no need that is still there.
    Nobodys,
    /// Those that were acquired for some need.
    Somebodys,
}

impl Whose {
    /// Whether a class is meant and has something left.
    pub(crate) fn means(self, stock: &Stock) -> bool {
        stock.left > 0 && stock.account.is_none() == (self == Self::Nobodys)
    }
}

/// What lies in one domain of a keep list.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) domain: usize,
    /// With their positions in the list.
    pub(crate) classes: Vec<(u32, ClassIx)>,
    /// By whose: nothing before this position is meant.
    pub(crate) from: [usize; 2],
}

impl Lane {
    /// The first position from `at` on that is meant.
    pub(crate) fn next(&self, mut at: usize, whose: Whose, stocks: &[Stock]) -> usize {
        while self.classes.get(at).is_some_and(|(_, class)| !whose.means(&stocks[class.at()])) {
            at += 1;
        }
        at
    }
}

/// What a menu admits of a cluster's machines, in keep order.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    pub(crate) classes: Vec<ClassIx>,
    admits: std::sync::Arc<[ShapeIx]>,
    /// By whose: nothing before this position is meant.
    from: [usize; 2],
    /// The list by domain, once a row that spreads has asked for it.
    lanes: Option<Vec<Lane>>,
}

impl Keep {
    pub(crate) fn of(classes: Vec<ClassIx>, menu: &Menu) -> Self {
        Self { classes, admits: menu.listed(), from: [0; 2], lanes: None }
    }

    pub(crate) fn rewind(&mut self) {
        self.from = [0; 2];
        self.lanes.iter_mut().flatten().for_each(|lane| lane.from = [0; 2]);
    }

    /// Moves on past classes that are not meant or have nothing left. Holds only while nothing is given back.
    pub(crate) fn skip(&mut self, whose: Whose, stocks: &[Stock]) -> usize {
        let from = &mut self.from[whose as usize];
        while self.classes.get(*from).is_some_and(|class| !whose.means(&stocks[class.at()])) {
            *from += 1;
        }
        *from
    }

    /// The list by domain, each moved on past what is not meant.
    pub(crate) fn lanes(&mut self, whose: Whose, menu: &Menu, stocks: &[Stock]) -> &[Lane] {
        let lanes = self.lanes.get_or_insert_with(|| lanes(&self.classes, menu, stocks));
        for lane in lanes.iter_mut() {
            lane.from[whose as usize] = lane.next(lane.from[whose as usize], whose, stocks);
        }
        lanes
    }

    fn admits(&self, shape: ShapeIx) -> bool {
        self.admits.binary_search(&shape).is_ok()
    }
}

fn lanes(classes: &[ClassIx], menu: &Menu, stocks: &[Stock]) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for (position, class) in (0..).zip(classes) {
        let place = menu.place_of(stocks[class.at()].class.shape).expect("a keep list holds what its menu admits");
        let domain = place.domain as usize;
        let at = lanes.binary_search_by_key(&domain, |lane| lane.domain).unwrap_or_else(|at| {
            lanes.insert(at, Lane { domain, classes: Vec::new(), from: [0; 2] });
            at
        });
        lanes[at].classes.push((position, *class));
    }
    lanes
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
                keep.lanes = None;
                insert(&mut keep.classes, ix, stocks);
            }
        }
    }

    /// Takes a class out again.
    pub(crate) fn unbind(holding: &mut Self, keeps: &mut [Keep], ix: ClassIx, stocks: &[Stock]) {
        remove(&mut holding.bound, ix, stocks);
        for (_, keep) in &holding.keeps {
            let keep = &mut keeps[keep.at()];
            if keep.admits(stocks[ix.at()].class.shape) {
                keep.lanes = None;
                remove(&mut keep.classes, ix, stocks);
            }
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
