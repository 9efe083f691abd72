//! Amendments: one machine of a row's own more or less, where the row has been given all of its own and nothing else, and each
//! of them is of use. Then its credit is what it was, one machine more or less, whatever the order in which they are given: nothing else
//! is looked at (docs/adr/0137-a-credit-is-amended.md).

use smallvec::SmallVec;

use crate::credit::is_coming;
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::{Kind, Stage};
use crate::supply::{ClassIx, is_bound_cover};
use crate::yardstick::{Amounts, cover, is_covered, useful};

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

    /// Machines of a class came or went that is one row's own, and whose credit is amended. False if more has to be looked at.
    pub(crate) fn amend(&mut self, class: ClassIx, was: u32, now: u32) -> bool {
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
        let is_short = self.standing(row).is_short();
        self.count_short(row, is_short);
        self.pulses.freshen(row);
        self.stir_before(row, class, now > was);
        true
    }

    /// Whose credit a class that changed amends, where that one is, and what it comes to.
    fn amended(&self, class: ClassIx, was: u32, now: u32) -> Option<(RowIx, usize, Even)> {
        let account = self.supply.stock(class).account?;
        let [row] = self.supply.accounts.rows(account) else { return None };
        let standing = self.standing(*row);
        let even = standing.even.as_ref().filter(|_| standing.stage == Stage::Settled)?;
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
        let even = standing.even.as_ref().filter(|even| {
            // Who lost a machine may have got another; who did not may have got more.
            !self.robbed.contains(row.at()) && standing.claimed() == even.machines()
        })?;
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
        standing.even = Some(even);
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
