//! Supply: the fleet by class, and who has been given how many of each. Everything is counted; which machine of a class
//! goes to whom is settled at the very end, by slot.
//!
//! Counts follow the fleet's journal. What was given out is forgotten cluster by cluster before a cluster is credited
//! again, and free machines that were taken are put back before a cycle begins.

use std::cmp::Reverse;

use argosy_model::fleet::Class;
use argosy_model::{Bucket, Claim, ClusterIx, MicroUsd, ShapeIx, State, Vocabulary};
use smallvec::SmallVec;

use crate::accounts::{Account, Accounts};
use crate::hash::Lookup;
use crate::holding::{Holding, Keep, KeepIx, Lane, Whose};
use crate::menu::{Menu, shifted};
use crate::menus::{MenuIx, Menus};
use crate::rows::{Row, RowIx};

/// Position of a class in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClassIx(u32);

impl ClassIx {
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
    price: MicroUsd,
}

/// Where a class stands in keep order: serving before joining before coming, then the cheapest, then those that were
/// dearest to give up, then by shape and attribution; within a class by slot.
pub(crate) type KeepOrder = (u8, MicroUsd, Reverse<Bucket>, Class);

impl Stock {
    pub(crate) fn keep_order(&self) -> KeepOrder {
        let stage = match self.class.state {
            State::Configured => 0,
            State::Configuring => 1,
            State::Creating => 2,
            _ => 3,
        };
        (stage, self.price, Reverse(self.class.reclamation), self.class)
    }
}

/// Machines of one shape, whoever has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Idle and speculative ones that may be taken.
    pub(crate) free: [u32; 2],
    /// Those that serve some cluster.
    pub(crate) configured: u32,
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
    /// Lowest priority of whoever holds some of those; `None` if that has to be looked up anew.
    lowest: Option<i64>,
}

/// Whether free machines are there already or have to be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Free {
    Idle,
    Speculative,
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
    /// Serving machines whose health rules them out.
    pub(crate) unhealthy: u32,
    is_settled: bool,
}

/// How a free class may be taken; `None` for every other.
fn free_kind(class: &Class) -> Option<Free> {
    match class.state {
        State::Idle if class.is_usable() => Some(Free::Idle),
        State::Speculative if class.is_usable() => Some(Free::Speculative),
        _ => None,
    }
}

/// For whom a class was acquired, or is being drained, where that counts.
fn attributed(class: &Class) -> Option<Claim> {
    match class.state {
        State::Draining => class.heir.filter(|_| class.is_usable()),
        State::Creating | State::Configuring | State::Configured => class.claim().filter(|_| class.is_cover()),
        _ => None,
    }
}

/// The cluster to whose needs a class may be credited, or from which it may be reclaimed.
fn home(class: &Class) -> Option<ClusterIx> {
    match class.state {
        State::Draining => attributed(class).map(|heir| heir.cluster),
        State::Creating | State::Configuring | State::Configured => class.cluster,
        _ => None,
    }
}

fn is_bound_cover(class: &Class) -> bool {
    matches!(class.state, State::Configured | State::Configuring) && class.is_cover()
}

impl Supply {
    /// Counts machines of a class in or out. Returns whether its shape came into the catalogue or left it.
    pub(crate) fn shift(&mut self, class: &Class, change: i64, menus: &mut Menus, words: &Vocabulary) -> bool {
        let ix = match self.known.get(class) {
            Some(known) => *known,
            None => self.list(class, words),
        };
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
            let is_configured = class.state == State::Configured;
            tally.held = shifted(tally.held, change);
            tally.configured = shifted(tally.configured, if is_configured { change } else { 0 });
            menus.count_held(shape, is_configured, change);
            if is_configured && class.flags.has(argosy_model::Flags::UNHEALTHY) {
                self.unhealthy = shifted(self.unhealthy, change);
            }
        }
        if let Some(cluster) = home(class) {
            self.holding_mut(cluster).is_dirty = true;
        }
        was_live != is_live
    }

    fn list(&mut self, class: &Class, words: &Vocabulary) -> ClassIx {
        let stock = Stock {
            class: *class,
            total: 0,
            left: 0,
            account: None,
            claims: SmallVec::new(),
            price: words.shape_of(class.shape).price,
        };
        let ix = match self.vacant.pop() {
            Some(ix) => {
                self.stocks[ix.at()] = stock;
                ix
            }
            None => {
                self.stocks.push(stock);
                ClassIx(u32::try_from(self.stocks.len() - 1).expect("fewer than 2^32 classes"))
            }
        };
        self.known.insert(*class, ix);
        if class.shape.index() >= self.shapes.len() {
            self.shapes.resize(class.shape.index() + 1, OfShape::default());
        }
        self.index(ix, class);
        ix
    }

    fn index(&mut self, ix: ClassIx, class: &Class) {
        let of_shape = &mut self.shapes[class.shape.index()];
        if let Some(kind) = free_kind(class) {
            of_shape.free[kind as usize] = Some(ix);
        }
        if class.state == State::Configured && class.is_usable() {
            of_shape.prey.push(ix);
            of_shape.lowest = None;
        }
        if let Some(cluster) = home(class) {
            self.holding_mut(cluster).all.push(ix);
        }
        if let Some(claim) = attributed(class) {
            self.stocks[ix.at()].account = self.accounts.attribute(claim, ix, &self.stocks);
        }
        if let Some(cluster) = class.cluster.filter(|_| is_bound_cover(class)) {
            Holding::bind(&mut self.holdings[cluster.index()], &mut self.keeps, ix, &self.stocks);
        }
    }

    /// Sorts what was listed in bulk, and from now on keeps it sorted.
    pub(crate) fn settle(&mut self) {
        for holding in &mut self.holdings {
            holding.settle(&self.stocks);
        }
        self.accounts.settle(&self.stocks);
        self.is_settled = true;
    }

    /// Forgets a class that has no machines any more.
    pub(crate) fn unlist(&mut self, class: &Class) {
        let Some(ix) = self.known.get(class).copied().filter(|ix| self.stocks[ix.at()].total == 0) else { return };
        if let Some(cluster) = class.cluster.filter(|_| is_bound_cover(class)) {
            Holding::unbind(&mut self.holdings[cluster.index()], &mut self.keeps, ix, &self.stocks);
        }
        if let Some(claim) = attributed(class) {
            self.accounts.unattribute(claim, ix);
        }
        if let Some(cluster) = home(class) {
            self.holding_mut(cluster).all.retain(|other| *other != ix);
        }
        let of_shape = &mut self.shapes[class.shape.index()];
        of_shape.prey.retain(|other| *other != ix);
        of_shape.lowest = None;
        for free in &mut of_shape.free {
            *free = free.filter(|other| *other != ix);
        }
        self.known.remove(class);
        self.vacant.push(ix);
    }

    fn holding_mut(&mut self, cluster: ClusterIx) -> &mut Holding {
        if cluster.index() >= self.holdings.len() {
            self.holdings.resize(cluster.index() + 1, Holding::new(self.is_settled));
        }
        &mut self.holdings[cluster.index()]
    }

    /// Opens a row's account: what was acquired for it, and for the gangs that it stands for, is its own.
    pub(crate) fn open(&mut self, ix: RowIx, row: &Row) {
        self.holding_mut(row.key.cluster).is_dirty = true;
        self.accounts.open(ix, row, &mut self.stocks);
    }

    /// Closes a row's account.
    pub(crate) fn close(&mut self, ix: RowIx, row: &Row) {
        self.holding_mut(row.key.cluster).is_dirty = true;
        self.accounts.close(ix, row, &mut self.stocks);
    }

    /// Something about a cluster has changed, or a turn touched it: it is credited anew.
    pub(crate) fn dirty(&mut self, cluster: ClusterIx) {
        self.holding_mut(cluster).is_dirty = true;
    }

    /// A cluster began to report, or ceased: what it holds may be prey, or no more.
    pub(crate) fn forget_prey(&mut self, cluster: ClusterIx) {
        self.dirty(cluster);
        for ix in &self.holdings[cluster.index()].all {
            self.shapes[self.stocks[ix.at()].class.shape.index()].lowest = None;
        }
    }

    /// Takes back everything that a cluster's rows were given.
    pub(crate) fn reset(&mut self, cluster: ClusterIx) {
        let holding = &self.holdings[cluster.index()];
        for ix in &holding.all {
            let stock = &mut self.stocks[ix.at()];
            if stock.class.state == State::Configured {
                self.shapes[stock.class.shape.index()].lowest = None;
            }
            stock.left = stock.total;
            stock.claims.clear();
        }
        for (_, keep) in &holding.keeps {
            self.keeps[keep.at()].rewind();
        }
    }

    /// Puts back all free machines that were given out.
    pub(crate) fn put_back_free(&mut self, menus: &mut Menus) {
        for ix in std::mem::take(&mut self.given) {
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
        self.known.get(class).map(|ix| self.stock(*ix))
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

    /// What serves or is joining a cluster and will do for a menu's rows, in keep order.
    pub(crate) fn keep_list(&mut self, cluster: ClusterIx, ix: MenuIx, menu: &Menu) -> KeepIx {
        let stocks = &self.stocks;
        let holding = &mut self.holdings[cluster.index()];
        if let Some((_, known)) = holding.keeps.iter().find(|(known, _)| *known == ix) {
            return *known;
        }
        let will_do = |class: &&ClassIx| menu.place_of(stocks[class.at()].class.shape).is_some();
        let keep = Keep::of(holding.bound.iter().filter(will_do).copied().collect(), menu);
        let next = KeepIx::from_index(self.keeps.len());
        holding.keeps.push((ix, next));
        self.keeps.push(keep);
        next
    }

    pub(crate) fn keep(&self, ix: KeepIx) -> &Keep {
        &self.keeps[ix.at()]
    }

    /// Where to begin in a keep list: nothing before that is meant and has a machine left. Holds only while nothing is given
    /// back.
    pub(crate) fn begin(&mut self, ix: KeepIx, whose: Whose) -> usize {
        self.keeps[ix.at()].skip(whose, &self.stocks)
    }

    /// A keep list by domain, and the classes that it is of. Holds only while nothing is given back.
    pub(crate) fn lanes(&mut self, ix: KeepIx, whose: Whose, menu: &Menu) -> (&[Lane], &[Stock]) {
        (self.keeps[ix.at()].lanes(whose, menu, &self.stocks), &self.stocks)
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
        self.touch(ix);
    }

    /// Takes `count` machines that nobody has out of reach.
    pub(crate) fn withhold(&mut self, ix: ClassIx, count: u32) {
        let stock = &mut self.stocks[ix.at()];
        assert!(count <= stock.left, "a machine is given once");
        stock.left -= count;
        self.touch(ix);
    }

    fn touch(&mut self, ix: ClassIx) {
        let class = &self.stocks[ix.at()].class;
        if class.state == State::Configured {
            self.shapes[class.shape.index()].lowest = None;
        }
    }
}
