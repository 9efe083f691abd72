//! Accounts: whose attribution a machine bears. The rows of one claim share an account, and a folded row has that of every
//! gang in it.

use argosy_model::Claim;
use smallvec::SmallVec;

use crate::ahead::read;
use crate::hash::Lookup;
use crate::holding::insert;
use crate::menu::shifted;
use crate::rows::{Row, RowIx, claim_of};
use crate::supply::{ClassIx, Stock};

/// Whose attribution a machine bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Account(u32);

impl Account {
    fn at(self) -> usize {
        self.0 as usize
    }
}

/// A claim that some row stands for.
#[derive(Clone, Copy, Debug)]
struct Open {
    account: Account,
    rows: u32,
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    open: Lookup<Claim, Open>,
    /// Every class that was acquired or is being drained for a claim, whether a row stands for it or not.
    attributed: Lookup<Claim, SmallVec<[ClassIx; 2]>>,
    /// By account: bound machines in keep order, then those on their way.
    owned: Vec<Vec<ClassIx>>,
    /// By account: the rows that share it.
    rows: Vec<SmallVec<[RowIx; 1]>>,
    /// By account: how many of its machines its own rows have not been given.
    loose: Vec<u32>,
    vacant: Vec<Account>,
    by_row: Vec<Account>,
    is_settled: bool,
    /// Claims that got their first machine or lost their last since these were taken.
    pub(crate) turned: Vec<Claim>,
    /// Classes that came under an account, or out of one, with their machines.
    reassigned: Vec<ClassIx>,
}

impl Accounts {
    pub(crate) fn of_row(&self, row: RowIx) -> Account {
        self.by_row[row.at()]
    }

    /// Bound machines in keep order, then those on their way.
    pub(crate) fn owned(&self, account: Account) -> &[ClassIx] {
        &self.owned[account.at()]
    }

    /// The rows that share an account.
    pub(crate) fn rows(&self, account: Account) -> &[RowIx] {
        &self.rows[account.at()]
    }

    /// How many of an account's machines its own rows have not been given.
    pub(crate) fn loose(&self, account: Account) -> u32 {
        self.loose[account.at()]
    }

    /// Counts machines that come to be with an account's own rows, or cease to be.
    pub(crate) fn loosen(&mut self, account: Account, change: i64) {
        self.loose[account.at()] = shifted(self.loose[account.at()], change);
    }

    /// Classes whose owner came or went since these were taken, each once.
    pub(crate) fn take_reassigned(&mut self) -> Vec<ClassIx> {
        let mut reassigned = std::mem::take(&mut self.reassigned);
        reassigned.sort_unstable();
        reassigned.dedup();
        reassigned
    }

    /// Whether some machine was acquired or is being drained for a claim, and counts.
    pub(crate) fn is_attributed(&self, claim: &Claim) -> bool {
        self.attributed.contains_key(claim)
    }

    /// Whose account a claim's machines are under, if some row stands for it. Reads what is listed under the claim.
    pub(crate) fn look_up(&self, claim: &Claim) -> Option<Account> {
        read(self.attributed.get(claim).map(SmallVec::len));
        self.open.get(claim).map(|open| open.account)
    }

    /// Reads a word of each cache line that is kept of an account.
    pub(crate) fn read_all(&self, account: Account) {
        read((self.owned[account.at()].len(), self.rows[account.at()].spilled(), self.loose[account.at()]));
    }

    /// Lists a class under a claim, and says whose it is.
    pub(crate) fn attribute(&mut self, claim: Claim, ix: ClassIx, stocks: &[Stock]) -> Option<Account> {
        let attributed = self.attributed.entry(claim).or_default();
        if attributed.is_empty() {
            self.turned.push(claim);
        }
        attributed.push(ix);
        let account = self.open.get(&claim)?.account;
        self.own(account, ix, stocks);
        Some(account)
    }

    fn own(&mut self, account: Account, ix: ClassIx, stocks: &[Stock]) {
        self.loosen(account, self.not_with(account, &stocks[ix.at()]));
        let owned = &mut self.owned[account.at()];
        if self.is_settled {
            insert(owned, ix, stocks);
        } else {
            owned.push(ix);
        }
    }

    /// How many machines of a class the rows of an account have not been given.
    fn not_with(&self, account: Account, stock: &Stock) -> i64 {
        let others = stock.claims.iter().filter(|(row, _)| self.by_row[row.at()] != account);
        i64::from(stock.left) + others.map(|(_, count)| i64::from(*count)).sum::<i64>()
    }

    /// Takes a class out again.
    pub(crate) fn unattribute(&mut self, claim: Claim, ix: ClassIx) {
        let classes = self.attributed.get_mut(&claim).expect("listed under its claim");
        classes.retain(|other| *other != ix);
        if classes.is_empty() {
            self.attributed.remove(&claim);
            self.turned.push(claim);
        }
        if let Some(open) = self.open.get(&claim) {
            self.owned[open.account.at()].retain(|other| *other != ix);
        }
    }

    /// Puts in order what was listed so far; from now on order is kept.
    pub(crate) fn settle(&mut self, stocks: &[Stock]) {
        for owned in self.owned.iter_mut().filter(|owned| owned.len() > 1) {
            owned.sort_by_cached_key(|ix| stocks[ix.at()].keep_order());
        }
        self.is_settled = true;
    }

    /// A row comes to stand for its claim, and for those of the gangs in it.
    pub(crate) fn open(&mut self, ix: RowIx, row: &Row, stocks: &mut [Stock]) {
        let known = self.open.get_mut(&row.claim()).map(|open| {
            open.rows += 1;
            open.account
        });
        let account = known.unwrap_or_else(|| self.vacant.pop().unwrap_or_else(|| self.found()));
        if ix.at() >= self.by_row.len() {
            self.by_row.resize(ix.at() + 1, account);
        }
        self.by_row[ix.at()] = account;
        self.rows[account.at()].push(ix);
        self.reassigned.extend_from_slice(&self.owned[account.at()]);
        if known.is_none() {
            self.hand_over(row.claim(), account, stocks);
        }
        for (key, _) in row.members.iter().filter(|(key, _)| *key != row.key) {
            self.hand_over(claim_of(key), account, stocks);
        }
    }

    fn found(&mut self) -> Account {
        self.owned.push(Vec::new());
        self.rows.push(SmallVec::new());
        self.loose.push(0);
        Account(u32::try_from(self.owned.len() - 1).expect("fewer than 2^32 needs"))
    }

    fn hand_over(&mut self, claim: Claim, account: Account, stocks: &mut [Stock]) {
        let before = self.open.insert(claim, Open { account, rows: 1 });
        assert!(before.is_none(), "one row stands for a gang");
        if let Some(classes) = self.attributed.get(&claim).cloned() {
            for ix in classes {
                stocks[ix.at()].account = Some(account);
                self.own(account, ix, stocks);
                self.reassigned.push(ix);
            }
        }
    }

    /// A row ceases to stand for its claims. What it was given has been taken back.
    pub(crate) fn close(&mut self, ix: RowIx, row: &Row, stocks: &mut [Stock]) {
        let account = self.by_row[ix.at()];
        self.reassigned.extend_from_slice(&self.owned[account.at()]);
        for (key, _) in row.members.iter().filter(|(key, _)| *key != row.key) {
            self.give_up(claim_of(key), stocks);
        }
        let open = self.open.get_mut(&row.claim()).expect("opened with the row");
        open.rows -= 1;
        if open.rows == 0 {
            self.give_up(row.claim(), stocks);
            self.vacant.push(account);
        }
        self.rows[account.at()].retain(|other| *other != ix);
    }

    fn give_up(&mut self, claim: Claim, stocks: &mut [Stock]) {
        let open = self.open.remove(&claim).expect("opened with the row");
        for ix in self.attributed.get(&claim).into_iter().flatten() {
            stocks[ix.at()].account = None;
            let loose = self.not_with(open.account, &stocks[ix.at()]);
            self.loose[open.account.at()] = shifted(self.loose[open.account.at()], -loose);
            self.owned[open.account.at()].retain(|other| other != ix);
        }
    }
}
