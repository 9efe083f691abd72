//! Supply: the fleet by class, and who has been given how many of each. Everything is counted; which machine of a class
//! goes to whom is settled at the very end, by slot.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use argosy_model::fleet::Class;
use argosy_model::{Claim, ClusterIx, Fleet, MachineIx, ShapeIx, State};
use imbl::OrdSet;
use smallvec::SmallVec;

use crate::catalogue::Catalogue;
use crate::rows::{Row, RowIx};

/// Position of a class in this cycle's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassIx(u32);

impl ClassIx {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Whose attribution a machine bears: the rows of one claim share an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account(u32);

impl Account {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A class of machines, and what has become of them in this cycle.
pub(crate) struct Stock<'a> {
    pub(crate) class: Class,
    pub(crate) members: &'a OrdSet<MachineIx>,
    /// How many nobody has been given yet.
    pub(crate) left: u32,
    /// For whom they were acquired, or are being drained, if that row is still there.
    pub(crate) account: Option<Account>,
    /// Who has been given how many.
    pub(crate) claims: SmallVec<[(RowIx, u32); 2]>,
}

/// The supply of one cycle.
pub(crate) struct Supply<'a> {
    stocks: Vec<Stock<'a>>,
    /// By shape: idle and speculative machines that may be taken.
    free: Vec<[Option<ClassIx>; 2]>,
    /// By cluster: machines that serve it or are joining it, in keep order.
    bound: BTreeMap<ClusterIx, Vec<ClassIx>>,
    /// By account: bound machines in keep order, then those on their way.
    owned: Vec<Vec<ClassIx>>,
    accounts: BTreeMap<Claim, Account>,
    by_row: Vec<Account>,
}

/// Whether free machines are there already or have to be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Free {
    Idle,
    Speculative,
}

impl<'a> Supply<'a> {
    /// Lists the fleet's classes for these rows.
    pub(crate) fn of(fleet: &'a Fleet, catalogue: &Catalogue<'_>, rows: &[Row<'_>]) -> Self {
        let mut supply = Self {
            stocks: Vec::new(),
            free: vec![[None; 2]; catalogue.len()],
            bound: BTreeMap::new(),
            owned: Vec::new(),
            accounts: BTreeMap::new(),
            by_row: Vec::with_capacity(rows.len()),
        };
        supply.open_accounts(rows);
        for (class, members) in fleet.classes().iter() {
            supply.list(class, members);
        }
        supply.sort(catalogue);
        supply
    }

    fn open_accounts(&mut self, rows: &[Row<'_>]) {
        for row in rows {
            let next = Account(u32::try_from(self.owned.len()).expect("fewer than 2^32 needs"));
            let account = *self.accounts.entry(row.claim()).or_insert(next);
            if account == next {
                self.owned.push(Vec::new());
            }
            self.by_row.push(account);
            for (key, _) in row.members.iter().filter(|(key, _)| *key != row.key) {
                self.accounts.entry(crate::rows::claim_of(key)).or_insert(account);
            }
        }
    }

    fn list(&mut self, class: Class, members: &'a OrdSet<MachineIx>) {
        let ix = ClassIx(u32::try_from(self.stocks.len()).expect("fewer than 2^32 classes"));
        let left = u32::try_from(members.len()).expect("slots are 32 bits wide");
        let attributed = match class.state {
            State::Draining => class.heir.filter(|_| class.is_usable()),
            State::Creating | State::Configuring | State::Configured => class.claim().filter(|_| class.is_cover()),
            _ => None,
        };
        let account = attributed.and_then(|claim| self.accounts.get(&claim).copied());
        self.stocks.push(Stock { class, members, left, account, claims: SmallVec::new() });
        match (class.state, class.cluster) {
            (State::Idle, _) if class.is_usable() => self.free[class.shape.index()][Free::Idle as usize] = Some(ix),
            (State::Speculative, _) if class.is_usable() => {
                self.free[class.shape.index()][Free::Speculative as usize] = Some(ix);
            }
            (State::Configured | State::Configuring, Some(cluster)) if class.is_cover() => {
                self.bound.entry(cluster).or_default().push(ix);
            }
            _ => {}
        }
        if let Some(account) = account {
            self.owned[account.at()].push(ix);
        }
    }

    /// Puts bound machines in keep order: serving before joining before coming, then the cheapest, then those that
    /// were dearest to give up, then by shape and attribution; within a class by slot.
    fn sort(&mut self, catalogue: &Catalogue<'_>) {
        let stocks = &self.stocks;
        let key = |ix: &ClassIx| {
            let class = &stocks[ix.at()].class;
            let stage = match class.state {
                State::Configured => 0,
                State::Configuring => 1,
                State::Creating => 2,
                _ => 3,
            };
            (stage, catalogue.shape(class.shape).price, Reverse(class.reclamation), *ix)
        };
        for list in self.bound.values_mut().chain(&mut self.owned) {
            list.sort_by_cached_key(key);
        }
    }

    pub(crate) fn stock(&self, ix: ClassIx) -> &Stock<'a> {
        &self.stocks[ix.at()]
    }

    /// Every class with its position.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClassIx, &Stock<'a>)> {
        let numbered = self.stocks.iter().enumerate();
        numbered.map(|(at, stock)| (ClassIx(u32::try_from(at).expect("counted when listed")), stock))
    }

    pub(crate) fn account(&self, row: RowIx) -> Account {
        self.by_row[row.at()]
    }

    /// What was acquired or is being drained for a row.
    pub(crate) fn owned(&self, row: RowIx) -> &[ClassIx] {
        &self.owned[self.by_row[row.at()].at()]
    }

    /// What serves or is joining a cluster, in keep order.
    pub(crate) fn bound(&self, cluster: ClusterIx) -> &[ClassIx] {
        self.bound.get(&cluster).map_or(&[], Vec::as_slice)
    }

    /// The free machines of a shape, as a class; there may be none left.
    pub(crate) fn free(&self, shape: ShapeIx, kind: Free) -> Option<ClassIx> {
        self.free[shape.index()][kind as usize]
    }

    /// How many free machines of a shape are left.
    pub(crate) fn free_left(&self, shape: ShapeIx, kind: Free) -> u32 {
        self.free(shape, kind).map_or(0, |ix| self.stocks[ix.at()].left)
    }

    /// Gives `count` machines to a row.
    pub(crate) fn give(&mut self, ix: ClassIx, row: RowIx, count: u32) {
        let stock = &mut self.stocks[ix.at()];
        assert!(count <= stock.left, "a machine is given once");
        stock.left -= count;
        match stock.claims.iter_mut().find(|(holder, _)| *holder == row) {
            Some((_, held)) => *held += count,
            None => stock.claims.push((row, count)),
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
    }

    /// Takes `count` machines that nobody has out of reach.
    pub(crate) fn withhold(&mut self, ix: ClassIx, count: u32) {
        let stock = &mut self.stocks[ix.at()];
        assert!(count <= stock.left, "a machine is given once");
        stock.left -= count;
    }
}
