//! The reference engine: decide once more, slow and obvious, to hold the engine to.
//!
//! It follows `docs/reference/decide.md` and shares nothing with the engine but the types of the model and of a plan. It keeps
//! no index and remembers nothing from one question to the next: whatever is asked is looked up by walking over all piles of
//! machines, all shapes and all rows. If the two disagree, one of them has misread the page.

mod acquire;
mod consolidate;
mod credit;
mod cut;
mod domains;
mod gangs;
mod give_back;
mod marks;
mod measure;
mod piles;
mod preempt;
mod report;
mod rows;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::{Decision, Reason, View};
use argosy_model::{Shape, ShapeIx, State, Sym};

use self::measure::Amounts;
use self::piles::Pile;
use self::preempt::Prey;
pub(crate) use self::report::would_do;
use self::rows::{Part, Row};
use crate::plant::{self, Plant};

/// Decides what to do, as the engine must.
pub fn decide(view: &View<'_>) -> Decision {
    let mut cycle = Cycle::new(*view);
    cycle.credit();
    cycle.count_rivals();
    for row in 0..cycle.rows.len() {
        cycle.turn(row);
    }
    cycle.consolidate();
    cycle.finish()
}

/// What a machine of one shape is to one row that it will do for.
#[derive(Clone, Debug)]
struct Fit {
    /// The topology domain that it lies in; `None` where the row asks for no topology.
    place: Option<Sym>,
    /// What it counts for.
    amounts: Amounts,
}

/// A decision unit in piles and counts, before machines are named.
struct Draft {
    reason: Reason,
    row: usize,
    picks: Vec<(usize, u32)>,
    victims: Vec<Victims>,
}

/// Machines of one pile taken out of one hand; nobody's if `holder` is `None`.
struct Victims {
    pile: usize,
    holder: Option<usize>,
    count: u32,
    /// Whether they go to the claimant, or only go because the rest of their gang does.
    for_claimant: bool,
}

/// One cycle.
struct Cycle<'a> {
    view: View<'a>,
    piles: Vec<Pile<'a>>,
    /// In order of precedence.
    rows: Vec<Row<'a>>,
    /// By row and shape; `None` where the shape will not do.
    fits: Vec<Vec<Option<Fit>>>,
    /// By shape: rows that are short after the credit and could use it.
    rivals: Vec<u32>,
    /// What may be preempted, as the first row that wanted to preempt found it.
    prey: Option<Vec<Prey>>,
    drafts: Vec<Draft>,
}

impl<'a> Cycle<'a> {
    fn new(view: View<'a>) -> Self {
        let words = &view.fleet.words;
        let live: BTreeSet<ShapeIx> =
            view.fleet.iter().filter(|(_, m)| m.state != State::Failed).map(|(_, m)| m.shape).collect();
        let shapes: Vec<(ShapeIx, &Shape)> = live.into_iter().map(|ix| (ix, &**words.shape_of(ix))).collect();
        let rows = rows::list(&view, &shapes);
        let fits = rows.iter().map(|row| shapes.iter().map(|(_, shape)| row.fit(shape, words)).collect()).collect();
        let piles = piles::list(&view, &shapes, &rows);
        let rivals = vec![0; shapes.len()];
        Self { view, piles, rows, fits, rivals, prey: None, drafts: Vec::new() }
    }

    /// A row's turn: it is given what is left, acquires, displaces, then preempts, to the end before the next row begins.
    fn turn(&mut self, row: usize) {
        if self.rows[row].part != Part::Seeking || !self.rows[row].is_short() {
            return;
        }
        self.take_own_back(row);
        if self.rows[row].is_same() {
            self.seek_in_one_domain(row);
            return;
        }
        self.claim_left(row);
        if plant::is(Plant::DisplacesFirst) {
            self.displace(row);
        }
        let mut picks = Vec::new();
        loop {
            let before = self.rows[row].short.clone();
            picks.extend(self.pick_free(row));
            self.displace(row);
            if self.rows[row].short == before || plant::is(Plant::AcquiresOnce) {
                break;
            }
        }
        self.draft_acquisition(Reason::CoverDeficit, row, picks);
        self.preempt(row);
    }

    fn draft_acquisition(&mut self, reason: Reason, row: usize, picks: Vec<(usize, u32)>) {
        if !picks.is_empty() {
            self.drafts.push(Draft { reason, row, picks, victims: Vec::new() });
        }
    }

    /// Counts, by shape, the rows that are short after the credit and could use it.
    fn count_rivals(&mut self) {
        for (row, fits) in self.rows.iter().zip(&self.fits).filter(|(row, _)| row.is_short()) {
            debug_assert!(row.short.len() == row.measure.want.len());
            for (rivals, _) in self.rivals.iter_mut().zip(fits).filter(|(_, fit)| fit.is_some()) {
                *rivals += 1;
            }
        }
    }

    /// What a machine of a pile is to a row.
    fn fit(&self, row: usize, pile: usize) -> Option<&Fit> {
        self.fits[row][self.piles[pile].shape_at].as_ref()
    }

    /// How many machines of a spreading row each domain has.
    fn count_in(&self, row: usize, place: Option<Sym>) -> u32 {
        place.and_then(|place| self.rows[row].counts.get(&place)).copied().unwrap_or(0)
    }

    /// How many more machines a row may have in a domain, if the emptiest of its domains has `fewest`.
    fn room(&self, row: usize, place: Option<Sym>, fewest: u32) -> u32 {
        match self.rows[row].profile.spread() {
            Some(spread) => (fewest + spread.max_skew).saturating_sub(self.count_in(row, place)),
            None => u32::MAX,
        }
    }

    /// The fewest machines that a row has in any domain that is open to it or has some of its machines.
    fn fewest(&self, row: usize, open: &BTreeSet<Option<Sym>>) -> u32 {
        let held = self.rows[row].counts.values().copied().filter(|count| *count > 0);
        open.iter().map(|place| self.count_in(row, *place)).chain(held).min().unwrap_or(0)
    }

    /// The domains in which a machine that would do for a row is free.
    fn places_with_free(&self, row: usize) -> BTreeSet<Option<Sym>> {
        let free = (0..self.piles.len()).filter(|pile| self.piles[*pile].is_free() && self.piles[*pile].left > 0);
        free.filter_map(|pile| Some(self.fit(row, pile)?.place)).collect()
    }

    /// What a row's machines in these states cover.
    fn covered_in(&self, row: usize, states: &[State]) -> Amounts {
        let mut sum = self.rows[row].measure.none();
        for (pile, count) in self.claims(row) {
            if states.contains(&self.piles[pile].class.state) {
                let fit = self.fit(row, pile).expect("what was claimed will do");
                measure::add(&mut sum, &fit.amounts, u64::from(count));
            }
        }
        sum
    }

    /// The bound and coming machines that a row has been given.
    fn claims(&self, row: usize) -> Vec<(usize, u32)> {
        let given = |pile: usize| Some((pile, *self.piles[pile].given.get(&row)?));
        (0..self.piles.len()).filter(|pile| !self.piles[*pile].is_free()).filter_map(given).collect()
    }

    fn claimed(&self, row: usize) -> u32 {
        self.claims(row).iter().map(|(_, count)| count).sum()
    }

    /// Puts a row's machines of one domain and one kind together.
    fn by_place(&self, row: usize, piles: &[usize]) -> BTreeMap<Option<Sym>, Vec<usize>> {
        let mut found: BTreeMap<Option<Sym>, Vec<usize>> = BTreeMap::new();
        for pile in piles.iter().filter(|pile| self.piles[**pile].left > 0) {
            if let Some(fit) = self.fit(row, *pile) {
                found.entry(fit.place).or_default().push(*pile);
            }
        }
        found
    }
}
