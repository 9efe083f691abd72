//! One cycle: the tables that the phases share, and the order in which they run.
//!
//! 1. *Credit* (Phase 1): what is bound to a cluster, or on its way to it, is given to the cluster's needs.
//! 2. *Turns* (Phases 1 and 2): by precedence, each need that is short acquires free machines, then preempts. A need
//!    takes its turn to the end before the next one starts, so that a gang can be put together from free machines and
//!    victims at once, and nothing is set aside for a gang that cannot be put together.
//! 3. *Reclaim and release* (Phase 3).
//! 4. Classes and counts become machines, by slot.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use argosy_model::{ClusterIx, NeedMark, ShardTime, State, Sym};

use crate::catalogue::Catalogue;
use crate::draft::Draft;
use crate::menu::{MenuIx, Menus};
use crate::preempt::PreyIndex;
use crate::rows::{Row, RowIx, normalise};
use crate::standing::{Part, Standing};
use crate::supply::{ClassIx, Supply};
use crate::yardstick::{Amounts, add, cover, useful};
use crate::{Decision, View};

/// The tables of one cycle.
pub(crate) struct Cycle<'a> {
    pub(crate) view: View<'a>,
    pub(crate) catalogue: Catalogue<'a>,
    pub(crate) rows: Vec<Row<'a>>,
    pub(crate) menus: Menus<'a>,
    pub(crate) supply: Supply<'a>,
    pub(crate) standings: Vec<Standing>,
    /// By shape: how many needs that are short after the credit could use it.
    pub(crate) contention: Vec<u32>,
    /// By class: free machines that gangs chosen earlier count on; it keeps later ones from all choosing the same domain.
    pub(crate) counted_on: Vec<u32>,
    /// Clusters in which bound machines were given back after the credit.
    pub(crate) reopened: BTreeSet<ClusterIx>,
    /// By shape: how many machines serve some cluster.
    pub(crate) configured: Vec<u32>,
    /// By shape: how many machines serve some cluster, or are on their way in or out.
    pub(crate) held: Vec<u32>,
    pub(crate) prey: Option<PreyIndex>,
    pub(crate) drafts: Vec<Draft>,
    keep: BTreeMap<(ClusterIx, MenuIx), Rc<[ClassIx]>>,
}

impl<'a> Cycle<'a> {
    /// Lists supply and demand.
    pub(crate) fn new(view: View<'a>) -> Self {
        let mut catalogue = Catalogue::of(view.fleet);
        let rows = normalise(&view, &mut catalogue);
        let mut menus = Menus::default();
        let has_marks = view.demand.marks().next().is_some();
        let standing = |row: &Row<'a>| {
            let menu = menus.for_row(row, &mut catalogue);
            let mark = if has_marks { view.demand.mark(&row.key) } else { NeedMark::default() };
            Standing::new(row, menu, &mark, view.policy, view.now)
        };
        let standings = rows.iter().map(standing).collect();
        let supply = Supply::of(view.fleet, &catalogue, &rows);
        let counted_on = vec![0; supply.iter().count()];
        let contention = vec![0; catalogue.len()];
        let (mut configured, mut held) = (contention.clone(), contention.clone());
        for (class, members) in view.fleet.classes().iter() {
            let count = u32::try_from(members.len()).expect("slots are 32 bits wide");
            if class.state.is_bound() || class.state == State::Creating {
                held[class.shape.index()] += count;
            }
            if class.state == State::Configured {
                configured[class.shape.index()] += count;
            }
        }
        Self {
            view,
            catalogue,
            rows,
            menus,
            supply,
            standings,
            contention,
            configured,
            held,
            counted_on,
            reopened: BTreeSet::new(),
            prey: None,
            drafts: Vec::new(),
            keep: BTreeMap::new(),
        }
    }

    /// Decides, and says until when the same state leads to the same decision.
    pub(crate) fn run(mut self) -> (Decision, ShardTime) {
        self.credit();
        self.count_contention();
        for row in self.row_ixs() {
            self.turn(row);
        }
        let decision = self.finish();
        let until = self.next_moment(&decision);
        (decision, until)
    }

    fn turn(&mut self, row: RowIx) {
        if self.standing(row).part != Part::Seeking || !self.standing(row).is_short() {
            return;
        }
        if self.row(row).is_same() {
            self.take_domain(row);
        } else {
            if self.reopened.contains(&self.row(row).key.cluster) {
                self.credit_again(row);
            }
            self.acquire(row);
            self.preempt(row);
        }
    }

    pub(crate) fn row_ixs(&self) -> impl DoubleEndedIterator<Item = RowIx> + use<> {
        (0..u32::try_from(self.rows.len()).expect("fewer than 2^32 needs")).map(RowIx)
    }

    pub(crate) fn row(&self, row: RowIx) -> &Row<'a> {
        &self.rows[row.at()]
    }

    pub(crate) fn standing(&self, row: RowIx) -> &Standing {
        &self.standings[row.at()]
    }

    pub(crate) fn standing_mut(&mut self, row: RowIx) -> &mut Standing {
        &mut self.standings[row.at()]
    }

    /// What one machine of a class counts for towards a row; `None` if it will not do for it.
    pub(crate) fn measure(&self, row: RowIx, class: ClassIx) -> Option<(usize, Amounts)> {
        let standing = self.standing(row);
        let shape = self.supply.stock(class).class.shape;
        let domain = self.menus.get(standing.menu).domain_of(shape)?;
        let amounts = standing.yard.measure(&self.catalogue.shape(shape).resources);
        Some((domain, amounts))
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
                self.supply.take_back(class, row, count);
                self.reopened.insert(self.rows[row.at()].key.cluster);
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
        self.row(row).profile.spread()?;
        self.menus.get(self.standing(row).menu).domains[domain].value
    }

    /// What serves or is joining a row's cluster and will do for it, in keep order.
    pub(crate) fn keep_list(&mut self, row: RowIx) -> Rc<[ClassIx]> {
        let (cluster, menu) = (self.row(row).key.cluster, self.standing(row).menu);
        if let Some(known) = self.keep.get(&(cluster, menu)) {
            return Rc::clone(known);
        }
        let asked = self.menus.get(menu);
        let will_do = |ix: &&ClassIx| asked.domain_of(self.supply.stock(**ix).class.shape).is_some();
        let list: Rc<[ClassIx]> = self.supply.bound(cluster).iter().filter(will_do).copied().collect();
        self.keep.insert((cluster, menu), Rc::clone(&list));
        list
    }
}
