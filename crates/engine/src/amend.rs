//! Amendments: one machine of a row's own more or less, where the row has been given all of its own and nothing else, and each
//! of them is of use. Then its credit is what it was, one machine more or less, whatever the order in which they are given: nothing else
//! is looked at (docs/adr/0137-a-credit-is-amended.md). The same where it has all that is nobody's within its reach as well, and where one machine
//! counts for more than another (docs/adr/0146-a-credit-of-all-within-reach-is-amended.md): then what it has is added up anew, and nothing is given or taken
//! but what came or went.

use smallvec::SmallVec;

use crate::credit::is_coming;
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::{Kind, Stage};
use crate::supply::{ClassIx, is_bound_cover};
use crate::yardstick::{Amounts, cover, covers, is_covered, useful};

/// The credit of a row that has all of its own machines and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Even {
    /// What one of them counts for; the same for all. Nothing where there are none.
    each: Amounts,
    /// Those that serve or are joining its cluster.
    bound: u32,
    /// Those that are on their way.
    coming: u32,
}

impl Even {
    fn machines(&self) -> u32 {
        self.bound + self.coming
    }

    /// The same with some more or less of one class, each of which counts for so much; `None` if others count for something else.
    fn with(&self, machine: Amounts, is_coming: bool, (was, now): (u32, u32)) -> Option<Self> {
        if self.machines() > 0 && self.each != machine {
            return None;
        }
        let (bound, coming) =
            if is_coming { (self.bound, self.coming - was + now) } else { (self.bound - was + now, self.coming) };
        Some(Self { each: machine, bound, coming })
    }
}

/// A credit in few numbers.
#[derive(Clone, Debug, Default)]
pub(crate) enum Summary {
    /// It is not known to be one that can be amended.
    #[default]
    None,
    /// It is all of the row's own machines and nothing else, and one counts like the other.
    Even(Even),
    /// It is all within the row's reach. Added up when it is first amended.
    Whole(Box<Whole>),
}

/// The credit of a row that has all within its reach, added up.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// What all of it counts for.
    sum: Amounts,
    /// And what of it is the row's own and serves or joins.
    own: Amounts,
    /// What one counts for that counts for least, by dimension; it may be gone.
    least: Amounts,
    /// Whether the row looks at what is nobody's beyond that, and has been given all there was of it.
    looks_on: bool,
}

impl Whole {
    /// Counts some more or less of one class in, each of which counts for so much. `None` if that is more than can be counted.
    fn shift(&mut self, machine: &Amounts, is_own: bool, (was, now): (u64, u64)) -> Option<()> {
        let shifted =
            |sum: u64, each: u64| sum.checked_sub(was.checked_mul(each)?)?.checked_add(now.checked_mul(each)?);
        for ((sum, least), each) in self.sum.iter_mut().zip(&mut self.least).zip(machine) {
            *sum = shifted(*sum, *each)?;
            *least = (*least).min(*each);
        }
        for (own, each) in self.own.iter_mut().zip(machine).filter(|_| is_own) {
            *own = shifted(*own, *each)?;
        }
        Some(())
    }
}

/// One class of a row's own: its domain, what one counts for, and how many there are.
type Part = (ClassIx, usize, u32);

impl Cycle {
    /// Gives a row all of its own machines, if nobody else has any, one counts for as much as the other, and all of them are of use: so it
    /// would be given them in any order. False if nothing was given.
    pub(crate) fn claim_all_even(&mut self, row: RowIx) -> bool {
        let account = self.supply.account(row);
        if self.supply.accounts.rows(account).len() != 1 {
            return false;
        }
        let (mut even, mut parts) = (Even::default(), SmallVec::<[Part; 32]>::new());
        for class in self.supply.accounts.owned(account) {
            let stock = self.supply.stock(*class);
            if stock.total == 0 {
                continue;
            }
            let Some((domain, machine)) = self.measure(row, *class).filter(|_| stock.left == stock.total) else {
                return false;
            };
            let Some(with) = even.with(machine, is_coming(&self.supply, *class), (0, stock.total)) else {
                return false;
            };
            even = with;
            parts.push((*class, domain, stock.total));
        }
        if !self.is_all_of_use(row, &even) || (self.looks_on(row, &even) && self.has_nobodys(row)) {
            return false;
        }
        for (class, domain, count) in parts {
            self.supply.give(class, row, count);
            self.count_amended(row, class, domain, i64::from(count));
        }
        self.stand_even(row, even);
        true
    }

    /// Machines of a class came or went that one row has, and whose credit is amended. False if more has to be looked at.
    pub(crate) fn amend(&mut self, class: ClassIx, was: u32, now: u32) -> bool {
        self.amend_even(class, was, now) || self.amend_whole(class, was, now)
    }

    fn amend_even(&mut self, class: ClassIx, was: u32, now: u32) -> bool {
        let Some((row, domain, even)) = self.amended(class, was, now) else { return false };
        if self.looks_on(row, &even) && self.has_nobodys(row) {
            return false;
        }
        self.supply.hand(class, row, now);
        self.count_amended(row, class, domain, i64::from(now) - i64::from(was));
        if let Some((keep, kind)) = self.standings[row.at()].takes.take() {
            self.supply.forget_taker(keep, kind, row);
        }
        self.stand_even(row, even);
        self.note_amended(row);
        self.stir_before(row, class, now > was);
        true
    }

    /// The same for a row without `Same` that need not divide, and that has all there is of its own and of what is nobody's within its reach.
    fn amend_whole(&mut self, class: ClassIx, was: u32, now: u32) -> bool {
        let Some(row) = self.sole_holder(class, now > was) else { return false };
        let known = match std::mem::take(&mut self.standings[row.at()].summary) {
            Summary::Whole(whole) => Some(whole),
            Summary::Even(_) | Summary::None => self.whole(row),
        };
        let Some(mut whole) = known else { return false };
        if self.put_in(row, &mut whole, class, (was, now)).is_none() || !self.is_all_within_reach(row, &mut whole) {
            return false;
        }
        self.supply.hand(class, row, now);
        // Only where a row divides it matters in which domain it has them.
        self.count_amended(row, class, 0, i64::from(now) - i64::from(was));
        self.stand_whole(row, whole);
        if self.supply.stock(class).account.is_some() {
            self.stir_before(row, class, now > was);
        } else {
            self.wake(class, None, false);
        }
        true
    }

    /// A row asks for more or less in all, and for nothing else. False if more has to be looked at than what it has.
    pub(crate) fn amend_want(&mut self, row: RowIx) -> bool {
        let known = Some(row).filter(|row| self.has_all_its_own(*row)).and_then(|row| self.whole(row));
        let Some(mut whole) = known else { return false };
        let is_whole = self.is_all_within_reach(row, &mut whole);
        if is_whole {
            self.stand_whole(row, whole);
        }
        is_whole
    }

    /// Who has all there is of a class and of what is his own. Of more of what is nobody's rows before him may want some.
    fn sole_holder(&self, class: ClassIx, is_more: bool) -> Option<RowIx> {
        let stock = self.supply.stock(class);
        let row = match stock.account {
            Some(account) => *self.supply.accounts.rows(account).first()?,
            None => stock.claims.first().filter(|_| !is_more)?.0,
        };
        let has_all = stock.left == 0 && stock.claims.iter().all(|(holder, _)| *holder == row);
        (has_all && self.has_all_its_own(row)).then_some(row)
    }

    /// Whether a row that need not divide has all that is its own, in a credit that holds.
    fn has_all_its_own(&self, row: RowIx) -> bool {
        let (account, standing) = (self.supply.account(row), self.standing(row));
        let is_settled = standing.kind == Kind::Plain && standing.stage == Stage::Settled;
        is_settled && self.supply.accounts.rows(account).len() == 1 && self.supply.accounts.loose(account) == 0
    }

    /// What a row has been given, added up.
    fn whole(&self, row: RowIx) -> Option<Box<Whole>> {
        let none = self.standing(row).yard.none();
        let least = none.iter().map(|_| u64::MAX).collect();
        let mut whole = Box::new(Whole { sum: none.clone(), own: none, least, looks_on: false });
        for (class, count) in &self.standing(row).claims {
            self.put_in(row, &mut whole, *class, (0, *count))?;
        }
        Some(whole)
    }

    /// Whether a credit would give a row all this and nothing else, in whatever order. Each is of use if in some dimension in which each counts all but
    /// the least of them leave the row short. And there is nothing else, if nothing more that is nobody's is within the reach of a row that looks at it.
    fn is_all_within_reach(&mut self, row: RowIx, whole: &mut Whole) -> bool {
        let want = self.standing(row).yard.want();
        let mut in_each = whole.sum.iter().zip(&whole.least).zip(want);
        if !in_each.any(|((sum, least), want)| *least > 0 && sum.saturating_sub(*least) < *want) {
            return false;
        }
        // Who looks at what is nobody's is told when there is more of it, and his credit no longer holds then.
        let knew = std::mem::replace(&mut whole.looks_on, !covers(&whole.own, want));
        if knew || !whole.looks_on {
            return true;
        }
        let keep = self.keep_list(row);
        self.supply.keep(keep).nobodys().iter().all(|class| self.within_credit(row, *class) == 0)
    }

    /// Leaves a row with what it lacks beyond all that is within its reach.
    fn stand_whole(&mut self, row: RowIx, whole: Box<Whole>) {
        if whole.looks_on {
            self.take(row);
        } else if let Some((keep, kind)) = self.standings[row.at()].takes.take() {
            self.supply.forget_taker(keep, kind, row);
        }
        let standing = &mut self.standings[row.at()];
        standing.short.clone_from(standing.yard.want());
        cover(&mut standing.short, &whole.sum, 1);
        standing.summary = Summary::Whole(whole);
        self.note_amended(row);
    }

    fn put_in(&self, row: RowIx, whole: &mut Whole, class: ClassIx, (was, now): (u32, u32)) -> Option<()> {
        let (_, machine) = self.measure(row, class)?;
        let is_own = self.supply.stock(class).account == Some(self.supply.account(row));
        whole.shift(&machine, is_own && !is_coming(&self.supply, class), (u64::from(was), u64::from(now)))
    }

    /// A row's credit was amended.
    fn note_amended(&mut self, row: RowIx) {
        let is_short = self.standing(row).is_short();
        self.count_short(row, is_short);
        self.pulses.freshen(row);
    }

    /// Whose credit a class that changed amends, where that one is, and what it comes to.
    fn amended(&self, class: ClassIx, was: u32, now: u32) -> Option<(RowIx, usize, Even)> {
        let account = self.supply.stock(class).account?;
        let [row] = self.supply.accounts.rows(account) else { return None };
        let standing = self.standing(*row);
        let Summary::Even(even) = &standing.summary else { return None };
        if standing.stage != Stage::Settled {
            return None;
        }
        let (domain, machine) = self.measure(*row, class)?;
        let amended = even.with(machine, is_coming(&self.supply, class), (was, now))?;
        self.is_all_of_use(*row, &amended).then_some((*row, domain, amended))
    }

    fn is_all_of_use(&self, row: RowIx, even: &Even) -> bool {
        even.machines() == 0 || useful(self.standing(row).yard.want(), &even.each) >= u64::from(even.machines())
    }

    /// Whether a row looks at what is nobody's, which it does before it looks at what is on its way to it.
    fn looks_on(&self, row: RowIx, even: &Even) -> bool {
        let mut short = self.standing(row).yard.want().clone();
        cover(&mut short, &even.each, u64::from(even.bound));
        !is_covered(&short)
    }

    /// Whether what serves a row or is joining it covers it, where it still has what the credit gave it and that is all of its own.
    pub(crate) fn is_bound_cover_even(&self, row: RowIx) -> Option<bool> {
        let standing = self.standing(row);
        let Summary::Even(even) = &standing.summary else { return None };
        // Who lost a machine may have got another; who did not may have got more.
        if self.robbed.contains(row.at()) || standing.claimed() != even.machines() {
            return None;
        }
        Some(!self.looks_on(row, even))
    }

    /// Whether there is something in a row's cluster that was acquired for no row that is there.
    fn has_nobodys(&mut self, row: RowIx) -> bool {
        let keep = self.keep_list(row);
        !self.supply.keep(keep).nobodys().is_empty()
    }

    /// Notes in a row's standing that it has more or less of a class.
    fn count_amended(&mut self, row: RowIx, class: ClassIx, domain: usize, change: i64) {
        let value = self.spread_value(row, domain);
        let standing = &mut self.standings[row.at()];
        let at = standing.claims.iter().position(|(known, _)| *known == class).unwrap_or_else(|| {
            standing.claims.push((class, 0));
            standing.claims.len() - 1
        });
        standing.claims[at].1 = crate::menu::shifted(standing.claims[at].1, change);
        if standing.claims[at].1 == 0 {
            standing.claims.swap_remove(at);
        }
        let count = u32::try_from(change.unsigned_abs()).expect("slots are 32 bits wide");
        match value {
            Some(value) if change > 0 => standing.counts.add(value, count),
            Some(value) => standing.counts.subtract(value, count),
            None => {}
        }
    }

    /// Leaves a row with what it lacks beyond its own. One that is short looks on for what is nobody's.
    fn stand_even(&mut self, row: RowIx, even: Even) {
        if self.looks_on(row, &even) {
            self.take(row);
        }
        let standing = &mut self.standings[row.at()];
        standing.short.clone_from(standing.yard.want());
        cover(&mut standing.short, &even.each, u64::from(even.machines()));
        standing.summary = Summary::Even(even);
    }

    /// More or less of a class is with a row that has all there is of it. Those behind the row see none of it, before or after; rows with
    /// `Same` that come before the row might take some.
    fn stir_before(&mut self, row: RowIx, class: ClassIx, is_more: bool) {
        let of = self.supply.stock(class).class;
        let Some(cluster) = of.cluster.filter(|_| is_bound_cover(&of)) else { return };
        let rank = self.rows.rank(row);
        for at in 0..self.menus.listing(of.shape).len() {
            let (menu, _) = self.menus.listing(of.shape)[at];
            let Some(keep) = self.supply.holdings[cluster.index()].keep_of(menu) else { continue };
            for at in 0..self.supply.keep(keep).takers(Kind::Same).len() {
                let taker = self.supply.keep(keep).takers(Kind::Same)[at];
                if self.rows.rank(taker) < rank {
                    self.stir(taker, class, is_more);
                }
            }
        }
    }
}
