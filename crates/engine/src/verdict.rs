//! Verdicts: what the cycle found about each need, and why one stays short.

use argosy_model::{Resources, ShardTime, State};

use crate::cycle::Cycle;
use crate::plan::{Candidate, Matching, Unmet, Verdict};
use crate::rows::RowIx;
use crate::standing::Part;
use crate::supply::Free;
use crate::yardstick::{Amounts, add, covers, is_covered, useful};

/// Most domains that a verdict names as candidates.
const MAX_CANDIDATES: usize = 16;

impl Cycle<'_> {
    /// A verdict on every row, in order of precedence.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.row_ixs().map(|row| self.verdict(row)).collect()
    }

    fn verdict(&self, row: RowIx) -> Verdict {
        let (asked, standing) = (self.row(row), self.standing(row));
        let unmet = self.unmet(row);
        let since = self.mark(row).unmet_since;
        let value = |domain: usize| self.menus.get(standing.menu).domains[domain].value;
        let (is_short, lacks) = (unmet.is_some(), standing.is_short());
        Verdict {
            key: asked.key,
            rows: asked.members.iter().map(|(key, _)| *key).collect(),
            aggregate: asked.aggregate.clone(),
            residual: standing.yard.as_resources(&standing.short),
            claimed: standing.claimed(),
            bootstraps: standing.bootstraps,
            provisions: standing.provisions,
            victims: standing.victims,
            freed: if standing.victims > 0 { standing.yard.as_resources(&standing.freed) } else { Resources::none() },
            domain: standing.domain.filter(|_| asked.is_same()).and_then(value),
            unmet,
            unmet_since: if is_short { Some(since.unwrap_or(self.view.now)) } else { None },
            hopeless_since: self.mark(row).hopeless_since,
            matching: if lacks { self.matching(row) } else { Matching::default() },
            candidates: if lacks && asked.is_same() { self.candidates(row) } else { Vec::new() },
        }
    }

    /// Whether what serves or is joining covers the row.
    pub(crate) fn is_bound_cover(&self, row: RowIx) -> bool {
        covers(&self.covered_by(row, &[State::Configured, State::Configuring]), self.standing(row).yard.want())
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
        let mut held = 0;
        for (shape, _) in self.menus.get(standing.menu).shapes() {
            held += self.held[shape.index()];
            held += [Free::Idle, Free::Speculative]
                .map(|kind| self.total(shape, kind) - self.supply.free_left(shape, kind))
                .iter()
                .sum::<u32>();
        }
        held > standing.claimed() + standing.bootstraps + standing.provisions
    }

    /// Whether free machines would do for a short row if only they lay in other domains.
    fn is_held_by_topology(&self, row: RowIx) -> bool {
        let (asked, standing) = (self.row(row), self.standing(row));
        if !asked.is_same() && asked.profile.spread().is_none() {
            return false;
        }
        let mut free: Amounts = standing.yard.none();
        for (shape, _) in self.menus.get(standing.menu).shapes() {
            let machine = standing.yard.measure(&self.catalogue.shape(shape).resources);
            let left = [Free::Idle, Free::Speculative].map(|kind| u64::from(self.supply.free_left(shape, kind)));
            add(&mut free, &machine, left[0] + left[1]);
        }
        if asked.is_atomic() { covers(&free, &standing.short) } else { useful(&standing.short, &free) > 0 }
    }

    /// How many machines would do, whoever has them.
    fn matching(&self, row: RowIx) -> Matching {
        let mut matching = Matching::default();
        let standing = self.standing(row);
        for (shape, _) in self.menus.get(standing.menu).shapes() {
            matching.idle += self.total(shape, Free::Idle);
            matching.speculative += self.total(shape, Free::Speculative);
            matching.configured += self.configured.get(shape.index()).copied().unwrap_or(0);
        }
        matching
    }

    fn total(&self, shape: argosy_model::ShapeIx, kind: Free) -> u32 {
        let class = self.supply.free(shape, kind);
        class.map_or(0, |class| u32::try_from(self.supply.stock(class).members.len()).unwrap_or(u32::MAX))
    }

    /// The domains that would cover most of a row with what is free and what it holds, best first.
    fn candidates(&self, row: RowIx) -> Vec<Candidate> {
        let standing = self.standing(row);
        let mut found = Vec::new();
        for (at, domain) in self.menus.get(standing.menu).domains.iter().enumerate() {
            let Some(value) = domain.value else { continue };
            let mut have: Amounts = standing.yard.none();
            for lot in &domain.lots {
                let machine = lot.measure(&standing.yard);
                let free = lot.shapes.iter().flat_map(|shape| {
                    [Free::Idle, Free::Speculative].map(|kind| u64::from(self.supply.free_left(*shape, kind)))
                });
                add(&mut have, &machine, free.sum());
            }
            if standing.domain == Some(at) {
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
