//! Supply: the fleet by class, and who has been given how many of each. Everything is counted; which machine of a class
//! goes to whom is settled at the very end, by slot.
//!
//! Counts follow the fleet's journal. What the credit gives out stays given until a row is credited again; free machines that
//! were taken are put back before a cycle begins.

use std::collections::BTreeSet;

use argosy_model::fleet::Class;
use argosy_model::{ClusterIx, MicroUsd, ShapeIx, State};
use smallvec::SmallVec;

use crate::accounts::{Account, Accounts};
use crate::ahead::{TOGETHER, read};
use crate::hash::Lookup;
use crate::holding::{Holding, Keep, KeepIx};
use crate::menu::{Menu, shifted};
use crate::menus::{MenuIx, Menus};
use crate::rows::{Row, RowIx, Rows};
use crate::standing::Kind;
pub(crate) use crate::stock::attributed;
pub(crate) use crate::stock::free_kind;
use crate::stock::home;
pub(crate) use crate::stock::{ClassIx, Free, Stock, is_bound_cover};

mod listing;

/// Machines of one shape, whoever has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Idle and speculative ones that may be taken.
    pub(crate) free: [u32; 2],
    /// Those that serve some cluster, or are on their way in or out.
    pub(crate) held: u32,
    /// Those that have not failed.
    pub(crate) live: u32,
}

#[derive(Clone, Debug, Default)]
struct OfShape {
    tally: Tally,
    free: [Option<ClassIx>; 2],
    /// Classes that may be preempted if their cluster has reported.
    prey: SmallVec<[ClassIx; 2]>,
    /// Classes that serve a cluster or are joining it, and count.
    bound: SmallVec<[ClassIx; 2]>,
    /// Lowest priority of whoever holds some of those; `None` if that has to be looked up anew.
    lowest: Option<i64>,
    /// Its price, and whether giving a machine back saves that; once they have been looked up.
    terms: Option<(MicroUsd, bool)>,
}

/// The supply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supply {
    stocks: Vec<Stock>,
    vacant: Vec<ClassIx>,
    known: Lookup<Class, ClassIx>,
    shapes: Vec<OfShape>,
    /// By cluster.
    pub(crate) holdings: Vec<Holding>,
    keeps: Vec<Keep>,
    pub(crate) accounts: Accounts,
    /// Free classes of which something was given out.
    given: Vec<ClassIx>,
    /// Classes that somebody may be credited with, and of which machines came or went.
    changed: Vec<ClassIx>,
    /// Classes that serve and of which more or less is left than when `surplus` was last brought up to date.
    touched: Vec<ClassIx>,
    /// Classes that serve and that are not all given out.
    surplus: BTreeSet<ClassIx>,
    /// Serving machines whose health rules them out.
    pub(crate) unhealthy: u32,
}

impl Supply {
    /// Counts machines of a class in or out. Returns whether its shape came into the catalogue or left it.
    pub(crate) fn shift(&mut self, ix: ClassIx, change: i64, menus: &mut Menus) -> bool {
        let class = &self.stocks[ix.at()].class.clone();
        let stock = &mut self.stocks[ix.at()];
        stock.total = shifted(stock.total, change);
        let shape = class.shape;
        let tally = &mut self.shapes[shape.index()].tally;
        let was_live = tally.live > 0;
        tally.live = shifted(tally.live, if class.state == State::Failed { 0 } else { change });
        let is_live = tally.live > 0;
        if let Some(kind) = free_kind(class) {
            tally.free[kind as usize] = shifted(tally.free[kind as usize], change);
            stock.left = shifted(stock.left, change);
            menus.count_free(shape, kind, change);
        }
        if class.state.is_bound() || class.state == State::Creating {
            tally.held = shifted(tally.held, change);
            menus.count_held(shape, change);
            if class.state == State::Configured && class.flags.has(argosy_model::Flags::UNHEALTHY) {
                self.unhealthy = shifted(self.unhealthy, change);
            }
        }
        if home(class).is_some() && !std::mem::replace(&mut self.stocks[ix.at()].is_changed, true) {
            self.changed.push(ix);
        }
        was_live != is_live
    }

    /// From now on keeps sorted what was listed in bulk.
    pub(crate) fn settle(&mut self) {
        self.accounts.settle(&self.stocks);
    }

    fn holding_mut(&mut self, cluster: ClusterIx) -> &mut Holding {
        if cluster.index() >= self.holdings.len() {
            self.holdings.resize(cluster.index() + 1, Holding::default());
        }
        &mut self.holdings[cluster.index()]
    }

    /// Opens a row's account: what was acquired for it, and for the gangs that it stands for, is its own.
    pub(crate) fn open(&mut self, ix: RowIx, row: &Row) {
        self.holding_mut(row.key.cluster);
        self.accounts.open(ix, row, &mut self.stocks);
    }

    /// Closes a row's account. Returns the lists in which it was an owner.
    pub(crate) fn close(&mut self, ix: RowIx, row: &Row) -> SmallVec<[KeepIx; 4]> {
        self.accounts.close(ix, row, &mut self.stocks);
        let keeps = self.holdings[row.key.cluster.index()].keeps.iter().map(|(_, keep)| *keep);
        keeps.filter(|keep| self.keeps[keep.at()].forget_owner(ix)).collect()
    }

    /// Whether a class is a row's own.
    pub(crate) fn is_own(&self, class: ClassIx, row: RowIx) -> bool {
        self.stocks[class.at()].account == Some(self.accounts.of_row(row))
    }

    /// A cluster began to report, or ceased: what it holds may be prey, or no more.
    pub(crate) fn forget_prey(&mut self) {
        self.shapes.iter_mut().for_each(|shape| shape.lowest = None);
    }

    /// What was looked up of a class no longer holds.
    pub(crate) fn forget_lowest(&mut self, class: ClassIx) {
        self.shapes[self.stocks[class.at()].class.shape.index()].lowest = None;
    }

    /// Classes of which machines came or went since these were taken, and that somebody may be credited with.
    pub(crate) fn take_changed(&mut self) -> Vec<ClassIx> {
        for ix in &self.changed {
            self.stocks[ix.at()].is_changed = false;
        }
        std::mem::take(&mut self.changed)
    }

    /// How many machines of a class there were when they were last counted.
    pub(crate) fn counted(&self, ix: ClassIx) -> u32 {
        let stock = &self.stocks[ix.at()];
        stock.left + stock.claims.iter().map(|(_, count)| count).sum::<u32>()
    }

    /// Counts machines of a class in that came, or out that went and were left.
    pub(crate) fn recount(&mut self, ix: ClassIx, change: i64) {
        let stock = &mut self.stocks[ix.at()];
        stock.left = shifted(stock.left, change);
        if let Some(account) = stock.account {
            self.accounts.loosen(account, change);
        }
        self.touch(ix);
    }

    /// Classes that serve and that are not all given out, in no order that could be seen.
    pub(crate) fn surplus(&mut self) -> impl Iterator<Item = ClassIx> + '_ {
        for ix in std::mem::take(&mut self.touched) {
            let stock = &mut self.stocks[ix.at()];
            stock.is_touched = false;
            if stock.left > 0 {
                self.surplus.insert(ix)
            } else {
                self.surplus.remove(&ix)
            };
        }
        self.surplus.iter().copied()
    }

    /// Puts back all free machines that were given out.
    pub(crate) fn put_back_free(&mut self, menus: &mut Menus) {
        let given = std::mem::take(&mut self.given);
        for (at, ix) in given.iter().enumerate() {
            if at % TOGETHER == 0 {
                let next = &given[at..given.len().min(at + TOGETHER)];
                next.iter().for_each(|ix| self.stock(*ix).read_all());
                let shapes: SmallVec<[ShapeIx; TOGETHER]> = next.iter().map(|ix| self.stock(*ix).class.shape).collect();
                menus.look_ahead(&shapes);
            }
            let stock = &mut self.stocks[ix.at()];
            let taken: u32 = stock.claims.iter().map(|(_, count)| count).sum();
            stock.claims.clear();
            stock.left += taken;
            let kind = free_kind(&stock.class).expect("only free classes are on this list");
            menus.count_left(stock.class.shape, kind, i64::from(taken));
        }
    }

    pub(crate) fn stock(&self, ix: ClassIx) -> &Stock {
        &self.stocks[ix.at()]
    }

    /// A class by what it is.
    pub(crate) fn find(&self, class: &Class) -> Option<&Stock> {
        self.position(class).map(|ix| self.stock(ix))
    }

    /// Where a class is listed.
    pub(crate) fn position(&self, class: &Class) -> Option<ClassIx> {
        self.known.get(class).copied()
    }

    /// Reads a word of each cache line that is kept of a shape.
    pub(crate) fn read_shape(&self, shape: ShapeIx) {
        if let Some(of_shape) = self.shapes.get(shape.index()) {
            read((of_shape.tally.live, of_shape.bound.spilled(), of_shape.lowest.is_some()));
        }
    }

    /// Machines of a shape, whoever has them.
    pub(crate) fn tally(&self, shape: ShapeIx) -> Tally {
        self.shapes[shape.index()].tally
    }

    /// Classes of a shape that may be preempted if their cluster has reported.
    pub(crate) fn prey(&self, shape: ShapeIx) -> &[ClassIx] {
        &self.shapes[shape.index()].prey
    }

    /// The lowest priority of any holder of prey of a shape, as it was last `looked_up`.
    pub(crate) fn lowest(&mut self, shape: ShapeIx, look_up: impl FnOnce(&Self, &[ClassIx]) -> i64) -> i64 {
        if let Some(known) = self.shapes[shape.index()].lowest {
            return known;
        }
        let found = look_up(self, &self.shapes[shape.index()].prey);
        self.shapes[shape.index()].lowest = Some(found);
        found
    }

    pub(crate) fn account(&self, row: RowIx) -> Account {
        self.accounts.of_row(row)
    }

    /// What was acquired or is being drained for a row.
    pub(crate) fn owned(&self, row: RowIx) -> &[ClassIx] {
        self.accounts.owned(self.account(row))
    }

    /// What serves or is joining a cluster and will do for a menu's rows.
    pub(crate) fn keep_list(&mut self, cluster: ClusterIx, ix: MenuIx, menu: &Menu, rows: &Rows) -> KeepIx {
        let holding = &mut self.holdings[cluster.index()];
        if let Some(known) = holding.keep_of(ix) {
            return known;
        }
        let next = KeepIx::from_index(self.keeps.len());
        holding.keeps.push((ix, next));
        let mut keep = Keep::default();
        for class in &holding.bound {
            let stock = &self.stocks[class.at()];
            if menu.place_of(stock.class.shape).is_some() {
                let owners = stock.account.map_or(&[][..], |account| self.accounts.rows(account));
                keep.list(*class, owners, &self.stocks, rows);
            }
        }
        self.keeps.push(keep);
        next
    }

    pub(crate) fn keep(&self, ix: KeepIx) -> &Keep {
        &self.keeps[ix.at()]
    }

    /// A class in a keep list is under others now.
    pub(crate) fn relist(&mut self, keep: KeepIx, class: ClassIx, rows: &Rows) {
        let owners = self.stocks[class.at()].account.map_or(&[][..], |account| self.accounts.rows(account));
        self.keeps[keep.at()].relist(class, owners, &self.stocks, rows);
    }

    pub(crate) fn note_taker(&mut self, keep: KeepIx, kind: Kind, row: RowIx) {
        self.keeps[keep.at()].note_taker(kind, row);
    }

    pub(crate) fn forget_taker(&mut self, keep: KeepIx, kind: Kind, row: RowIx) {
        self.keeps[keep.at()].forget_taker(kind, row);
    }

    /// The free machines of a shape, as a class; there may be none left.
    pub(crate) fn free(&self, shape: ShapeIx, kind: Free) -> Option<ClassIx> {
        self.shapes[shape.index()].free[kind as usize]
    }

    /// How many free machines of a shape are left.
    pub(crate) fn free_left(&self, shape: ShapeIx, kind: Free) -> u32 {
        self.free(shape, kind).map_or(0, |ix| self.stocks[ix.at()].left)
    }

    /// Gives `count` machines that are bound or on their way to a row.
    pub(crate) fn give(&mut self, ix: ClassIx, row: RowIx, count: u32) {
        let stock = &mut self.stocks[ix.at()];
        assert!(count <= stock.left, "a machine is given once");
        stock.left -= count;
        match stock.claims.iter_mut().find(|(holder, _)| *holder == row) {
            Some((_, held)) => *held += count,
            None => stock.claims.push((row, count)),
        }
        self.pass(ix, row, -i64::from(count));
    }

    /// All machines of a class are with one row, so many now.
    pub(crate) fn hand(&mut self, ix: ClassIx, row: RowIx, now: u32) {
        let stock = &mut self.stocks[ix.at()];
        assert!(stock.left == 0 && stock.claims.iter().all(|(holder, _)| *holder == row), "one row has them all");
        stock.claims.clear();
        if now > 0 {
            stock.claims.push((row, now));
        }
        self.touch(ix);
    }

    /// Machines of a class come to be with a row, or cease to be.
    fn pass(&mut self, ix: ClassIx, row: RowIx, loosened: i64) {
        if let Some(account) = self.stocks[ix.at()].account.filter(|account| *account == self.accounts.of_row(row)) {
            self.accounts.loosen(account, loosened);
        }
        self.touch(ix);
    }

    /// Gives `count` free machines to a row.
    pub(crate) fn give_free(&mut self, ix: ClassIx, row: RowIx, count: u32, kind: Free, menus: &mut Menus) {
        if self.stocks[ix.at()].claims.is_empty() {
            self.given.push(ix);
        }
        self.give(ix, row, count);
        menus.count_left(self.stocks[ix.at()].class.shape, kind, -i64::from(count));
    }

    /// Takes `count` free machines back from a row.
    pub(crate) fn take_back_free(&mut self, ix: ClassIx, row: RowIx, count: u32, menus: &mut Menus) {
        self.take_back(ix, row, count);
        let class = &self.stocks[ix.at()].class;
        menus.count_left(class.shape, free_kind(class).expect("a free class"), i64::from(count));
        if self.stocks[ix.at()].claims.is_empty() {
            self.given.retain(|other| *other != ix);
        }
    }

    /// Takes `count` machines back from a row.
    pub(crate) fn take_back(&mut self, ix: ClassIx, row: RowIx, count: u32) {
        let stock = &mut self.stocks[ix.at()];
        let at = stock.claims.iter().position(|(holder, _)| *holder == row).expect("only what was given is taken back");
        assert!(stock.claims[at].1 >= count, "only what was given is taken back");
        stock.claims[at].1 -= count;
        if stock.claims[at].1 == 0 {
            stock.claims.remove(at);
        }
        stock.left += count;
        self.pass(ix, row, i64::from(count));
    }

    /// Whether a cluster may have something that nobody has been given.
    pub(crate) fn may_have_spare(&self, cluster: ClusterIx) -> bool {
        !self.holdings[cluster.index()].spare.is_empty()
    }

    /// What a cluster has that nobody has been given; in no order.
    pub(crate) fn spare(&mut self, cluster: ClusterIx) -> &[ClassIx] {
        let spare = &mut self.holdings[cluster.index()].spare;
        spare.retain(|ix| {
            let stock = &mut self.stocks[ix.at()];
            stock.is_spare = stock.left > 0;
            stock.is_spare
        });
        spare
    }

    /// What serves or joins some cluster, of a shape.
    pub(crate) fn bound(&self, shape: ShapeIx) -> &[ClassIx] {
        &self.shapes[shape.index()].bound
    }

    /// More or less of a class is left than there was.
    fn touch(&mut self, ix: ClassIx) {
        let stock = &mut self.stocks[ix.at()];
        if stock.left > 0
            && !stock.is_spare
            && let Some(cluster) = stock.class.cluster.filter(|_| is_bound_cover(&stock.class))
        {
            stock.is_spare = true;
            self.holdings[cluster.index()].spare.push(ix);
        }
        if stock.class.state == State::Configured {
            self.shapes[stock.class.shape.index()].lowest = None;
            if !std::mem::replace(&mut stock.is_touched, true) {
                self.touched.push(ix);
            }
        }
    }
}
