//! One cycle: the tables that the phases share, and the order in which they run.
//!
//! 1. *Credit* (Phase 1): what is bound to a cluster, or on its way to it, is given to the cluster's needs.
//! 2. *Turns* (Phases 1 and 2): by precedence, each need that is short acquires free machines, then preempts. A need
//!    takes its turn to the end before the next one starts, so that a gang can be put together from free machines and
//!    victims at once, and nothing is set aside for a gang that cannot be put together.
//! 3. *Reclaim and release* (Phase 3).
//! 4. Classes and counts become machines, by slot.
//!
//! The tables outlive the cycle. The next one follows what was written since (`follow.rs`), credits the clusters anew in
//! which something has changed, and takes the turns of the needs that are short.

use std::collections::BTreeSet;
use std::sync::Arc;

use argosy_model::{Demand, Fleet, ShardTime, Sym};
use imbl::Vector;

use crate::catalogue::Catalogue;
use crate::contention::Contention;
use crate::draft::Draft;
use crate::holding::{KeepIx, Whose};
use crate::menus::Menus;
use crate::plan::Verdict;
use crate::prey::PreyIndex;
use crate::pulse::Pulses;
use crate::rows::{Row, RowIx, Rows};
use crate::standing::{Part, Standing};
use crate::supply::{ClassIx, Supply};
use crate::yardstick::{Amounts, add, cover, useful};
use crate::{Decision, Policy, View};

/// A view of one's own. Fleet and demand share their structure with the state that they are of.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) fleet: Fleet,
    pub(crate) demand: Demand,
    pub(crate) policy: Policy,
    pub(crate) now: ShardTime,
}

impl Seen {
    pub(crate) fn of(view: &View<'_>) -> Self {
        Self { fleet: view.fleet.clone(), demand: view.demand.clone(), policy: view.policy.clone(), now: view.now }
    }
}

/// The tables of a cycle.
#[derive(Clone, Debug)]
pub(crate) struct Cycle {
    pub(crate) view: Seen,
    pub(crate) catalogue: Catalogue,
    pub(crate) rows: Rows,
    pub(crate) menus: Menus,
    pub(crate) supply: Supply,
    /// By row.
    pub(crate) standings: Vec<Standing>,
    pub(crate) pulses: Pulses,
    pub(crate) contention: Contention,
    /// Free machines that gangs chosen earlier count on; it keeps later ones from all choosing the same domain.
    pub(crate) counted_on: crate::hash::Lookup<ClassIx, u32>,
    pub(crate) prey: PreyIndex,
    pub(crate) drafts: Vec<Draft>,
    /// Moments at which a row may take another part.
    pub(crate) alarms: BTreeSet<(ShardTime, RowIx)>,
    /// How many rows have something to remember.
    pub(crate) marked: usize,
    /// By rank.
    pub(crate) verdicts: Vector<Arc<Verdict>>,
    /// Whether the credit is done and turns are being taken.
    pub(crate) is_turns: bool,
}

impl Cycle {
    /// Decides.
    pub(crate) fn run(&mut self) -> Decision {
        let decision = self.run_open();
        self.drafts.clear();
        self.prey.clear();
        decision
    }

    /// Decides, and leaves the drafts as they are for whoever asks why. A cycle that was left so decides nothing more.
    pub(crate) fn run_open(&mut self) -> Decision {
        self.credit();
        self.count_contention();
        self.is_turns = true;
        for at in 0..self.rows.order().len() {
            let row = self.rows.order()[at];
            if self.pulses.is_short(row) {
                self.turn(row);
            }
        }
        self.is_turns = false;
        self.finish()
    }

    fn turn(&mut self, row: RowIx) {
        let standing = self.standing_mut(row);
        if standing.part != Part::Seeking || !standing.is_short() {
            return;
        }
        if standing.is_same() {
            (standing.domain, standing.has_host) = standing.credited;
            self.take_domain(row);
        } else {
            if self.supply.holdings[self.row(row).key.cluster.index()].is_reopened {
                self.credit_again(row);
            }
            self.acquire(row);
            self.preempt(row);
        }
    }

    /// Notes a decision unit. What was given out for it is taken back before the next cycle.
    pub(crate) fn draft(&mut self, draft: Draft) {
        self.disturb(draft.row);
        self.drafts.push(draft);
    }

    /// A turn changed where a row stands: its cluster is credited anew in the next cycle.
    pub(crate) fn disturb(&mut self, row: RowIx) {
        if self.is_turns {
            self.standings[row.at()].basis = None;
            self.supply.dirty(self.rows.get(row).key.cluster);
        }
    }

    pub(crate) fn row_ixs(&self) -> impl DoubleEndedIterator<Item = RowIx> + '_ {
        self.rows.order().iter().copied()
    }

    pub(crate) fn row(&self, row: RowIx) -> &Row {
        self.rows.get(row)
    }

    pub(crate) fn standing(&self, row: RowIx) -> &Standing {
        &self.standings[row.at()]
    }

    pub(crate) fn standing_mut(&mut self, row: RowIx) -> &mut Standing {
        &mut self.standings[row.at()]
    }

    /// What one machine of a class counts for towards a row, and the domain it lies in; `None` if it will not do for it.
    pub(crate) fn measure(&self, row: RowIx, class: ClassIx) -> Option<(usize, Amounts)> {
        let standing = self.standing(row);
        let menu = self.menus.get(standing.menu);
        let place = menu.place_of(self.supply.stock(class).class.shape)?;
        Some((place.domain as usize, menu.lot(place).measure(&standing.yard)))
    }

    /// Gives a row as many machines of a class as are left and of use to it, `most` at the most. Returns how many.
    pub(crate) fn claim(&mut self, row: RowIx, class: ClassIx, most: u32) -> u32 {
        let Some((domain, amounts)) = self.measure(row, class) else { return 0 };
        let standing = &self.standings[row.at()];
        if standing.domain.is_some_and(|confined| confined != domain) {
            return 0;
        }
        let of_use = u32::try_from(useful(&standing.short, &amounts)).unwrap_or(u32::MAX);
        let count = of_use.min(self.supply.stock(class).left).min(most);
        if count > 0 {
            self.disturb(row);
            self.before_change(class);
            self.supply.give(class, row, count);
            let value = self.spread_value(row, domain);
            let standing = &mut self.standings[row.at()];
            cover(&mut standing.short, &amounts, u64::from(count));
            standing.claims.push((class, count));
            if let Some(value) = value {
                standing.counts.add(value, count);
            }
        }
        count
    }

    /// Takes back what a row was given of some classes, and reckons anew what it lacks.
    pub(crate) fn release_claims(&mut self, row: RowIx, given_back: impl Fn(&Self, ClassIx) -> bool) {
        let claims = std::mem::take(&mut self.standings[row.at()].claims);
        let mut covered = self.standing(row).yard.none();
        for (class, count) in claims {
            if given_back(self, class) {
                self.disturb(row);
                self.before_change(class);
                self.supply.take_back(class, row, count);
                self.supply.holdings[self.rows.get(row).key.cluster.index()].is_reopened = true;
            } else {
                let (_, amounts) = self.measure(row, class).expect("what was claimed will do");
                add(&mut covered, &amounts, u64::from(count));
                self.standings[row.at()].claims.push((class, count));
            }
        }
        let standing = self.standing_mut(row);
        standing.short = standing.yard.want().clone();
        cover(&mut standing.short, &covered, 1);
    }

    /// The spread domain of a row's machines, where it spreads.
    pub(crate) fn spread_value(&self, row: RowIx, domain: usize) -> Option<Sym> {
        let standing = self.standing(row);
        if standing.kind != crate::standing::Kind::Spread {
            return None;
        }
        self.menus.get(standing.menu).domains[domain].value
    }

    /// What serves or is joining a row's cluster and will do for it, in keep order.
    pub(crate) fn keep_list(&mut self, row: RowIx) -> KeepIx {
        let (cluster, menu) = (self.rows.get(row).key.cluster, self.standings[row.at()].menu);
        self.supply.keep_list(cluster, menu, self.menus.get(menu))
    }

    /// Where a keep list begins to have something left.
    pub(crate) fn begin(&mut self, keep: KeepIx) -> usize {
        if self.is_turns {
            return 0;
        }
        let [nobodys, somebodys] = [Whose::Nobodys, Whose::Somebodys].map(|whose| self.supply.begin(keep, whose));
        nobodys.min(somebodys)
    }
}
