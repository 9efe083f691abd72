//! Following: how the tables of the last cycle become those of the next view, in proportion to what was written between.
//!
//! Whatever is not followed in small steps is made anew: another policy, a shape that comes or goes, a view of another
//! lineage or of an earlier moment, more rows than are worth moving one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_model::demand::DemandChange;
use argosy_model::fleet::Class;
use argosy_model::{Demand, Need, NeedKey, NeedMark};
use imbl::Vector;
use smallvec::SmallVec;

use crate::View;
use crate::agenda::Agenda;
use crate::ahead::{TOGETHER, read};
use crate::bits::Bits;
use crate::catalogue::Catalogue;
use crate::claims::Phase;
use crate::contention::Contention;
use crate::cycle::{Cycle, Seen};
use crate::menus::Menus;
use crate::moments::next_of_mark;
use crate::outlook::Outlooks;
use crate::plan::Verdict;
use crate::prey::PreyIndex;
use crate::pulse::{Pulse, Pulses};
use crate::rows::{Precedence, RowIx, Rows, claim_of};
use crate::standing::Standing;
use crate::supply::Supply;

/// Rows that may come, go or move in one step, as a part of all rows; beyond that everything is listed anew.
const MOST_MOVES: usize = 4;
/// From which part of all rows on the verdicts of those that stay are listed anew, and not moved one by one.
const FEW_MOVES: usize = 64;

/// What was written to the demand.
#[derive(Default)]
struct Written {
    needs: BTreeSet<NeedKey>,
    marks: BTreeSet<NeedKey>,
    /// Whether some cluster may have begun to report.
    is_heard_anew: bool,
}

impl Cycle {
    /// Lists supply and demand from nothing.
    pub(crate) fn new(view: &View<'_>) -> Self {
        let catalogue = Catalogue::of(view.fleet);
        let contention = Contention::of(catalogue.len());
        let mut cycle = Self {
            view: Seen::of(view),
            catalogue,
            rows: Rows::default(),
            menus: Menus::default(),
            supply: Supply::default(),
            standings: Vec::new(),
            pulses: Pulses::default(),
            contention,
            counted_on: BTreeMap::new(),
            prey: PreyIndex::default(),
            drafts: Vec::new(),
            alarms: BTreeSet::new(),
            marked: 0,
            verdicts: Vector::new(),
            outlooks: Outlooks::default(),
            phase: Phase::default(),
            agenda: Agenda::default(),
            turned: Vec::new(),
            remembered: Bits::default(),
            robbed: Bits::default(),
            turns: Bits::default(),
            barren: Default::default(),
            withheld: Vec::new(),
        };
        cycle.list_all();
        cycle
    }

    fn list_all(&mut self) {
        let (fleet, demand) = (self.view.fleet.clone(), self.view.demand.clone());
        let words = &fleet.words;
        for (class, members) in fleet.classes().iter() {
            let count = i64::try_from(members.len()).expect("slots are 32 bits wide");
            let class = self.supply.listed(&class, &self.menus, words, &self.rows);
            self.supply.shift(class, count, &mut self.menus);
        }
        for class in self.supply.take_changed() {
            self.supply.recount(class, i64::from(self.supply.stock(class).total));
        }
        for need in demand.iter() {
            let place = self.place(need);
            self.rows.put(need, place, words);
        }
        self.supply.accounts.turned.clear();
        for at in 0..self.rows.handles() {
            self.rows.add_up(RowIx::from_index(at), &demand);
        }
        self.rows.sort();
        for at in 0..self.rows.handles() {
            self.begin_row(RowIx::from_index(at));
        }
        self.supply.settle();
        self.supply.accounts.take_reassigned();
        self.verdicts = self.rows.order().iter().map(|row| blank(self.rows.get(*row).key)).collect();
    }

    /// The key of the row that is to stand for a need.
    fn place(&mut self, need: &Need) -> NeedKey {
        let owns = self.supply.accounts.is_attributed(&claim_of(&need.key));
        self.rows.place(need, owns, &mut self.catalogue, &self.view.fleet.words)
    }

    /// Takes up a row that came or is another one now.
    fn begin_row(&mut self, row: RowIx) {
        let asked = self.rows.get(row);
        let words = &self.view.fleet.words;
        let menu = self.menus.for_row(asked, &mut self.catalogue, &self.supply, words);
        let standing = Standing::new(asked, menu, NeedMark::default());
        let key = asked.key;
        let pulse = Pulse::new(key.cluster, menu, standing.priority, standing.kind);
        if row.at() < self.standings.len() {
            self.standings[row.at()] = standing;
        } else {
            self.standings.resize(row.at(), standing.clone());
            self.standings.push(standing);
        }
        self.due(row);
        self.pulses.begin(row, pulse);
        self.supply.open(row, self.rows.get(row));
        if self.view.demand.marked() > 0 {
            let mark = self.view.demand.mark(&key);
            self.remember(row, mark);
        }
    }

    /// Drops what is kept of a row that goes or is going to be another one.
    fn end_row(&mut self, row: RowIx) {
        self.count_short(row, false);
        self.remember(row, NeedMark::default());
        self.unhold(row);
        for (class, _) in std::mem::take(&mut self.standings[row.at()].before) {
            self.wake(class, Some(self.rows.rank(row)), true);
        }
        for keep in self.supply.close(row, self.rows.get(row)) {
            self.rouse(keep);
        }
    }

    /// Takes note of what is to be remembered of a row.
    fn remember(&mut self, row: RowIx, mark: NeedMark) {
        let standing = &mut self.standings[row.at()];
        let was_marked = standing.mark != NeedMark::default();
        self.marked = self.marked + usize::from(mark != NeedMark::default()) - usize::from(was_marked);
        standing.mark = mark;
        self.pulses.freshen(row);
        self.set_alarm(row);
    }

    /// Sets a row's alarm to the next moment at which its mark will mean something else.
    fn set_alarm(&mut self, row: RowIx) {
        let standing = &mut self.standings[row.at()];
        let next = next_of_mark(&standing.mark, &self.view.policy, self.view.now);
        if standing.alarm != next {
            if let Some(moment) = std::mem::replace(&mut standing.alarm, next) {
                self.alarms.remove(&(moment, row));
            }
            self.alarms.extend(next.map(|moment| (moment, row)));
        }
    }

    /// Takes in what was written since the last cycle. Returns false if it is better to list everything anew; the tables
    /// are then no longer to be used.
    pub(crate) fn follow(&mut self, view: &View<'_>) -> bool {
        let is_renamed = || self.rows.is_profile_missing && self.view.editions.2 != view.fleet.words.stamp();
        if *view.policy != self.view.policy || view.now < self.view.now || is_renamed() {
            return false;
        }
        let Some(mut written) = self.written(view) else { return false };
        self.supply.put_back_free(&mut self.menus);
        if !self.follow_machines(view) {
            return false;
        }
        self.view = Seen::of(view);
        self.ring();
        self.follow_folds(&mut written.needs);
        if !self.follow_needs(&written.needs) {
            return false;
        }
        let marks: Vec<NeedKey> = written.marks.into_iter().collect();
        for keys in marks.chunks(TOGETHER) {
            let rows: SmallVec<[RowIx; TOGETHER]> = keys.iter().filter_map(|key| self.rows.find(key)).collect();
            self.look_ahead(&rows);
            rows.iter().for_each(|row| read(self.rows.get(*row).key.cluster));
            keys.iter().for_each(|key| self.follow_mark(key));
        }
        if written.is_heard_anew {
            self.supply.forget_prey();
        }
        true
    }

    fn written(&self, view: &View<'_>) -> Option<Written> {
        let mut written = Written::default();
        for change in view.demand.changes_since(self.view.editions.1)? {
            match change {
                DemandChange::Need(key) => drop(written.needs.insert(*key)),
                DemandChange::Mark(key) => drop(written.marks.insert(*key)),
                DemandChange::Reporting(_) => written.is_heard_anew = true,
            }
        }
        Some(written)
    }

    fn follow_machines(&mut self, view: &View<'_>) -> bool {
        let Some(changes) = view.fleet.changes_since(self.view.editions.0) else { return false };
        let (mut left, mut wavering) = (Vec::new(), Vec::new());
        let words = &view.fleet.words;
        let changes = changes.filter(|change| change.before != change.after);
        let shifts = changes.flat_map(|change| [(change.before, -1), (change.after, 1)]);
        let shifts: Vec<(Class, i64)> = shifts.filter_map(|(class, by)| Some((class?, by))).collect();
        for shifts in shifts.chunks(TOGETHER) {
            let known = self.look_ahead_at_shifts(shifts);
            for ((class, by), known) in shifts.iter().zip(known) {
                let ix = known.unwrap_or_else(|| self.supply.listed(class, &self.menus, words, &self.rows));
                if self.supply.shift(ix, *by, &mut self.menus) {
                    wavering.push(class.shape);
                }
                if *by < 0 {
                    left.push(ix);
                }
            }
        }
        if wavering.into_iter().any(|shape| (self.supply.tally(shape).live > 0) != self.catalogue.is_live(shape)) {
            return false;
        }
        let changed = self.supply.take_changed();
        for classes in changed.chunks(TOGETHER) {
            self.look_ahead_at_owners(classes);
            classes.iter().for_each(|class| self.level(*class));
        }
        left.sort_unstable();
        left.dedup();
        for classes in left.chunks(TOGETHER) {
            self.look_ahead_at_classes(classes);
            classes.iter().for_each(|class| self.supply.unlist(*class, &self.menus));
        }
        true
    }

    /// Adds the needs to those that were written that fold now and did not, or the other way round: their first machine came,
    /// or their last one went.
    fn follow_folds(&mut self, needs: &mut BTreeSet<NeedKey>) {
        let demand = self.view.demand.clone();
        for claim in std::mem::take(&mut self.supply.accounts.turned) {
            let Some(profile) = claim.profile else { continue };
            let key = NeedKey { cluster: claim.cluster, profile, group: claim.group, fold: 0 };
            let (Some(need), Some(row)) = (demand.get(&key), self.rows.find(&key)) else { continue };
            if self.place(need) != self.rows.get(row).key {
                needs.insert(key);
            }
        }
    }

    fn follow_needs(&mut self, keys: &BTreeSet<NeedKey>) -> bool {
        let (demand, words) = (self.view.demand.clone(), self.view.fleet.words.clone());
        let mut closed: BTreeMap<RowIx, Precedence> = BTreeMap::new();
        let mut came: BTreeSet<RowIx> = BTreeSet::new();
        for key in keys {
            let old = self.rows.find(key);
            let need = demand.get(key);
            if let (Some(row), Some(need)) = (old, need)
                && self.is_renewed(row, need)
            {
                continue;
            }
            self.close_row(old, &mut closed);
            let Some(need) = need else {
                self.rows.withdraw(key);
                continue;
            };
            let place = self.place(need);
            match old.filter(|old| place == *key && self.rows.get(*old).key == place) {
                Some(same) => self.rows.replace(same, need),
                None => {
                    self.rows.withdraw(key);
                    let target = self.rows.find(&place).filter(|target| !came.contains(target));
                    self.close_row(target, &mut closed);
                    let row = self.rows.put(need, place, &words);
                    if !closed.contains_key(&row) {
                        came.insert(row);
                    }
                }
            }
        }
        self.move_rows(&closed, &came, &demand)
    }

    /// Takes in a need that stands alone in its row, asks the same of a machine as before, and of which only how much it
    /// asks in all has changed. False if it takes more than that.
    fn is_renewed(&mut self, row: RowIx, need: &Need) -> bool {
        let place = self.place(need);
        let was = self.rows.get(row);
        if was.key != need.key || place != need.key || was.min_unit != need.min_unit || was.arrival != need.arrival {
            return false;
        }
        self.rows.replace(row, need);
        let yard = self.rows.get(row).yardstick();
        let standing = &mut self.standings[row.at()];
        (standing.freed, standing.yard, standing.told) = (yard.none(), yard, None);
        standing.is_named = false;
        self.pulses.freshen(row);
        if !self.amend_want(row) {
            self.due(row);
        }
        true
    }

    fn close_row(&mut self, row: Option<RowIx>, closed: &mut BTreeMap<RowIx, Precedence>) {
        if let Some(row) = row.filter(|row| !closed.contains_key(row)) {
            closed.insert(row, self.rows.get(row).precedence());
            self.end_row(row);
        }
    }

    /// Puts rows in order again after some were closed and others came.
    fn move_rows(&mut self, closed: &BTreeMap<RowIx, Precedence>, came: &BTreeSet<RowIx>, demand: &Demand) -> bool {
        let touched: Vec<RowIx> = closed.keys().chain(came).copied().collect();
        touched.iter().for_each(|row| self.rows.add_up(*row, demand));
        let (gone, stay): (Vec<RowIx>, Vec<RowIx>) =
            touched.into_iter().partition(|row| self.rows.get(*row).members.is_empty());
        let is_elsewhere = |row: &RowIx| closed.get(row) != Some(&self.rows.get(*row).precedence());
        let moved: Vec<RowIx> = stay.iter().copied().filter(is_elsewhere).collect();
        let moves = gone.len() + moved.len();
        if moves > self.rows.order().len() / MOST_MOVES + 64 {
            return false;
        }
        if moves > 2 + self.rows.order().len() / FEW_MOVES {
            self.relist_verdicts(&gone, &moved);
        } else if moves > 0 {
            let taken_out: Vec<RowIx> =
                gone.iter().chain(&moved).filter(|row| closed.contains_key(row)).copied().collect();
            self.move_verdicts(&gone, &moved, &taken_out);
        }
        self.rows.release(&gone);
        stay.into_iter().for_each(|row| self.begin_row(row));
        self.follow_owners();
        true
    }

    /// Puts rows in order, and the verdicts of those that moved to where these are now, one by one.
    fn move_verdicts(&mut self, gone: &[RowIx], moved: &[RowIx], taken_out: &[RowIx]) {
        let mut ranks: Vec<u32> = taken_out.iter().map(|row| self.rows.rank(*row)).collect();
        ranks.sort_unstable();
        for rank in ranks.iter().rev() {
            self.verdicts.remove(*rank as usize);
        }
        self.rows.reorder(gone, moved);
        let mut ranks: Vec<(u32, RowIx)> = moved.iter().map(|row| (self.rows.rank(*row), *row)).collect();
        ranks.sort_unstable();
        for (rank, row) in ranks {
            self.verdicts.insert(rank as usize, blank(self.rows.get(row).key));
        }
    }

    /// The same for many: all verdicts are put in order anew.
    fn relist_verdicts(&mut self, gone: &[RowIx], moved: &[RowIx]) {
        let known = self.rows.order().iter().copied().zip(std::mem::take(&mut self.verdicts));
        let mut by_row: Vec<Option<Arc<Verdict>>> = vec![None; self.rows.handles()];
        known.for_each(|(row, verdict)| by_row[row.at()] = Some(verdict));
        moved.iter().for_each(|row| by_row[row.at()] = None);
        self.rows.reorder(gone, moved);
        let rows = self.rows.order().iter();
        let verdict = |row: &RowIx| by_row[row.at()].take().unwrap_or_else(|| blank(self.rows.get(*row).key));
        self.verdicts = rows.map(verdict).collect();
    }

    fn follow_mark(&mut self, key: &NeedKey) {
        let row = self.rows.find(key).filter(|row| self.rows.get(*row).key == *key);
        let Some(row) = row else { return };
        let mark = self.view.demand.mark(key);
        let standing = &self.standings[row.at()];
        let (policy, now) = (&self.view.policy, self.view.now);
        let of_credit = |standing: &Standing, mark: &NeedMark| {
            (standing.part_of(mark, policy, now), mark.was_whole, mark.assembling_since)
        };
        if of_credit(standing, &standing.mark) != of_credit(standing, &mark) || standing.is_probing {
            self.due(row);
        }
        self.remember(row, mark);
    }

    /// Credits those anew whose alarm has gone off: they may take another part now.
    fn ring(&mut self) {
        while let Some((_, row)) = self.alarms.first().copied().filter(|(moment, _)| *moment <= self.view.now) {
            self.due(row);
            self.set_alarm(row);
        }
    }
}

fn blank(key: NeedKey) -> Arc<Verdict> {
    Arc::new(Verdict::blank(key))
}
