//! Verdicts: what the cycle found about each need, and why one stays short.

use std::sync::Arc;

use argosy_model::{NeedKey, NeedMark, Resources, ShardTime, State, Sym};

use crate::ahead::TOGETHER;
use crate::cycle::Cycle;
use crate::outlook::Glimpse;
use crate::plan::{Candidate, Unmet, Verdict};
use crate::pulse::Calm;
use crate::rows::RowIx;
use crate::standing::{Kind, Part, Told};
use crate::supply::ClassIx;
use crate::yardstick::{Amounts, add, covers, is_covered, useful};

/// Most domains that a verdict names as candidates.
const MAX_CANDIDATES: usize = 16;

impl Cycle {
    /// Writes the verdicts on rows that something may have changed for, and lists the marks that change, by key.
    pub(crate) fn tell(&mut self) -> Vec<(NeedKey, NeedMark)> {
        let mut changed = Vec::new();
        let mut rows = self.rows_to_tell();
        rows.retain(|row| !self.rows.is_gone(*row));
        for rows in rows.chunks(TOGETHER) {
            self.look_ahead(rows);
            self.look_ahead_at_verdicts(rows);
            for row in rows {
                self.tell_of(*row, &mut changed);
            }
        }
        self.forget_gone(&mut changed);
        changed.sort_unstable_by_key(|(key, _)| *key);
        changed
    }

    /// The rows whose verdicts may be otherwise than they are. Some may be gone.
    fn rows_to_tell(&mut self) -> Vec<RowIx> {
        self.drop_old_outlooks();
        let mut last: Option<(Glimpse, bool)> = None;
        for (row, glimpse) in self.pulses.freshen_short(&self.menus) {
            // Most that are parked were told the same.
            let stands = match last {
                Some((like, stands)) if like == glimpse => stands,
                _ => self.is_outlook_as(row, glimpse),
            };
            last = Some((glimpse, stands));
            if !stands {
                self.pulses.freshen(row);
            }
        }
        self.pulses.take()
    }

    fn tell_of(&mut self, row: RowIx, changed: &mut Vec<(NeedKey, NeedMark)>) {
        let unmet = self.unmet(row);
        let unmet_since = since(self.mark(row).unmet_since, unmet.is_some(), self.view.now);
        let outlook = self.outlook(row);
        self.tell_row(row, unmet, unmet_since, outlook);
        let next = self.next_mark(row, unmet_since);
        if next != self.mark(row) {
            // Until it is committed it is news in every cycle, and carries the moment of that cycle.
            self.pulses.freshen(row);
            changed.push((self.row(row).key, next));
        } else if let Some(calm) = self.calm(row, unmet, outlook) {
            self.pulses.calm(row, calm);
        }
    }

    /// As long as what the verdict on a row stands, if nothing is done to it. What comes of the turn of a row with `Same` depends on more.
    fn calm(&self, row: RowIx, unmet: Option<Unmet>, outlook: Option<Glimpse>) -> Option<Calm> {
        let standing = self.standing(row);
        let with_others = Calm::WithOthers(standing.claimed());
        standing.told.as_ref()?;
        match unmet? {
            Unmet::PriorityStarved => (!standing.is_same()).then_some(with_others),
            Unmet::Parked if standing.part == Part::Parked => {
                // Where nothing is free there is nothing to be told of domains but that.
                let is_nothing_free = self.menus.get(standing.menu).free == 0;
                is_nothing_free.then_some(with_others).or(outlook.map(Calm::InView))
            }
            _ => None,
        }
    }

    fn tell_row(&mut self, row: RowIx, unmet: Option<Unmet>, unmet_since: Option<ShardTime>, outlook: Option<Glimpse>) {
        let candidates = outlook.map(|outlook| Arc::clone(self.outlooks.candidates(outlook)));
        let standing = self.standing(row);
        let is_idle = standing.bootstraps + standing.provisions + standing.victims == 0;
        // What is free where is told of those that are short and must lie in one domain.
        let depends_on_free = || standing.is_same() && standing.is_short() && self.menus.get(standing.menu).free > 0;
        let is_told_all = || candidates.is_some() || !depends_on_free();
        let told = (is_idle && is_told_all()).then(|| Told {
            short: standing.short.clone(),
            claimed: standing.claimed(),
            domain: self.chosen(row),
            unmet,
            unmet_since,
            hopeless_since: standing.mark.hopeless_since,
            candidates: candidates.clone(),
        });
        if told.is_some() && told == standing.told {
            return;
        }
        let finding = self.finding(row, unmet, unmet_since, candidates.as_deref());
        // Where both are known to be all that was told, they differ.
        let is_news = told.is_some() && self.standing(row).told.is_some();
        self.put_verdict(row, finding, is_news);
        self.standing_mut(row).told = told;
    }

    /// Puts what was found about a row in the place of what was found before, in the same verdict where nobody else has that.
    fn put_verdict(&mut self, row: RowIx, finding: Verdict, is_news: bool) {
        let at = self.rows.rank(row) as usize;
        let is_named = std::mem::replace(&mut self.standings[row.at()].is_named, true);
        if is_named && !is_news && self.verdicts[at].finds_the_same(&finding) {
            return;
        }
        let asked = self.rows.get(row);
        let verdict = Arc::make_mut(self.verdicts.get_mut(at).expect("each row has a verdict"));
        let (rows, aggregate) = (std::mem::take(&mut verdict.rows), std::mem::take(&mut verdict.aggregate));
        let (rows, aggregate) = match is_named {
            true => (rows, aggregate),
            false => (asked.members.iter().map(|(key, _)| *key).collect(), asked.aggregate.clone()),
        };
        *verdict = Verdict { key: asked.key, rows, aggregate, ..finding };
    }

    /// The value of its `Same` key that was chosen for a row.
    fn chosen(&self, row: RowIx) -> Option<Sym> {
        let standing = self.standing(row);
        let domain = standing.domain.filter(|_| standing.is_same())?;
        self.menus.get(standing.menu).domains[domain].value
    }

    /// The verdict on a row, without the rows of demand that it stands for and what they ask.
    fn finding(
        &mut self,
        row: RowIx,
        unmet: Option<Unmet>,
        unmet_since: Option<ShardTime>,
        candidates: Option<&[Candidate]>,
    ) -> Verdict {
        let candidates = match candidates {
            Some(shared) => shared.to_vec(),
            None if self.standing(row).is_short() && self.standing(row).is_same() => self.candidates(row),
            None => Vec::new(),
        };
        let standing = self.standing(row);
        Verdict {
            residual: standing.yard.as_resources(&standing.short),
            claimed: standing.claimed(),
            bootstraps: standing.bootstraps,
            provisions: standing.provisions,
            victims: standing.victims,
            freed: if standing.victims > 0 { standing.yard.as_resources(&standing.freed) } else { Resources::none() },
            domain: self.chosen(row),
            unmet,
            unmet_since,
            hopeless_since: standing.mark.hopeless_since,
            candidates,
            ..Verdict::blank(self.row(row).key)
        }
    }

    /// Whether what serves or is joining covers the row.
    pub(crate) fn is_bound_cover(&self, row: RowIx) -> bool {
        if let Some(is_covered) = self.is_bound_cover_even(row) {
            return is_covered;
        }
        self.is_covered_in(row, &[State::Configured, State::Configuring])
    }

    /// Whether its machines in these states cover a row.
    pub(crate) fn is_covered_in(&self, row: RowIx, states: &[State]) -> bool {
        let standing = self.standing(row);
        let acquires = standing.bootstraps + standing.provisions + standing.victims > 0;
        let is_in = |(class, _): &(ClassIx, u32)| states.contains(&self.supply.stock(*class).class.state);
        if !standing.is_short() && !acquires && standing.claims.iter().all(is_in) {
            // What it lacks was reckoned from these very machines.
            return true;
        }
        covers(&self.covered_by(row, states), standing.yard.want())
    }

    /// How much of a row its machines in these states cover.
    pub(crate) fn covered_by(&self, row: RowIx, states: &[State]) -> Amounts {
        let standing = self.standing(row);
        let mut covered: Amounts = standing.yard.none();
        for (class, count) in &standing.claims {
            if states.contains(&self.supply.stock(*class).class.state) {
                let (_, machine) = self.measure(row, *class).expect("what was claimed will do");
                add(&mut covered, &machine, u64::from(*count));
            }
        }
        covered
    }

    fn unmet(&self, row: RowIx) -> Option<Unmet> {
        let standing = self.standing(row);
        if is_covered(&standing.short) {
            return (!self.is_bound_cover(row)).then_some(Unmet::InFlight);
        }
        if standing.part == Part::Parked || standing.part == Part::Retreating {
            return Some(Unmet::Parked);
        }
        let menu = self.menus.get(standing.menu);
        let helps = menu.domains.iter().flat_map(|domain| &domain.lots);
        if !helps.into_iter().any(|lot| useful(&standing.short, &lot.measure(&standing.yard)) > 0) {
            return Some(Unmet::NoMatchingSupply);
        }
        if self.is_held_by_topology(row) {
            return Some(Unmet::TopologyUnsatisfiable);
        }
        if standing.victims > 0 {
            return Some(Unmet::PreemptionExhausted);
        }
        Some(if self.is_held_by_others(row) { Unmet::PriorityStarved } else { Unmet::NoMatchingSupply })
    }

    /// Whether somebody else has, or gets in this plan, a machine that would do for a row.
    fn is_held_by_others(&self, row: RowIx) -> bool {
        let standing = self.standing(row);
        let menu = self.menus.get(standing.menu);
        let given = menu.offered - menu.free;
        let own = standing.claimed() + standing.bootstraps + standing.provisions;
        u64::from(menu.held) + given > u64::from(own)
    }

    /// Whether free machines would do for a short row if only they lay in other domains.
    fn is_held_by_topology(&self, row: RowIx) -> bool {
        let standing = self.standing(row);
        if standing.kind == Kind::Plain {
            return false;
        }
        let menu = self.menus.get(standing.menu);
        if menu.free == 0 {
            return false;
        }
        let mut free: Amounts = standing.yard.none();
        for lot in menu.domains.iter().filter(|domain| domain.free > 0).flat_map(|domain| &domain.lots) {
            add(&mut free, &lot.measure(&standing.yard), lot.free.iter().copied().map(u64::from).sum());
        }
        if standing.kind == Kind::Gang { covers(&free, &standing.short) } else { useful(&standing.short, &free) > 0 }
    }

    /// The domains that would cover most of a row with what is free and what it holds, best first.
    pub(crate) fn candidates(&mut self, row: RowIx) -> Vec<Candidate> {
        let menu = self.menus.get_mut(self.standings[row.at()].menu);
        let mut domains: Vec<usize> = menu.hosts().iter().collect();
        // Domains come by value: of those that have nothing the first will do.
        let empty = (0..menu.domains.len()).filter(|at| menu.domains[*at].free == 0);
        domains.extend(empty.take(MAX_CANDIDATES + 1));
        let standing = self.standing(row);
        domains.extend(standing.domain.filter(|own| !domains.contains(own)));
        let menu = self.menus.get(standing.menu);
        let mut found = Vec::new();
        for at in domains {
            let domain = &menu.domains[at];
            let Some(value) = domain.value else { continue };
            let is_own = standing.domain == Some(at);
            let mut have: Amounts = standing.yard.none();
            for lot in domain.lots.iter().filter(|lot| lot.free != [0; 2]) {
                add(&mut have, &lot.measure(&standing.yard), lot.free.iter().copied().map(u64::from).sum());
            }
            if is_own {
                let all = [State::Configured, State::Configuring, State::Creating, State::Draining];
                add(&mut have, &self.covered_by(row, &all), 1);
            }
            found.push(Candidate {
                domain: value,
                coverage_per_mille: standing.yard.per_mille(&have),
                is_enough: covers(&have, standing.yard.want()),
            });
        }
        found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.coverage_per_mille), candidate.domain));
        found.truncate(MAX_CANDIDATES);
        found
    }
}

/// Since when something has been so: since before, or since now.
pub(crate) fn since(before: Option<ShardTime>, is_so: bool, now: ShardTime) -> Option<ShardTime> {
    is_so.then(|| before.unwrap_or(now))
}
