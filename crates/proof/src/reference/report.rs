//! Verdicts: what the cycle found about each row, and why one stays short.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use argosy_engine::{Candidate, Matching, Unmet, Verdict, View};
use argosy_model::{Resources, State, Sym};

use super::Cycle;
use super::measure::{self, Amounts, covers, helps};
use super::rows::Part;
use crate::plant::{self, Plant};

/// Bound or on its way.
const HELD: [State; 4] = [State::Creating, State::Configuring, State::Configured, State::Draining];

/// For each row, how many machines would do for it, whoever has them.
pub(crate) fn would_do(view: &View<'_>) -> Vec<Matching> {
    let cycle = Cycle::new(*view);
    (0..cycle.rows.len()).map(|row| cycle.matching(row)).collect()
}

impl Cycle<'_> {
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = (0..self.rows.len()).map(|row| self.verdict(row)).collect();
        if plant::is(Plant::ClustersMerged) {
            verdicts.dedup_by_key(|verdict| verdict.key.profile);
        }
        verdicts
    }

    fn verdict(&self, row: usize) -> Verdict {
        let asked = &self.rows[row];
        let unmet = self.unmet(row);
        let freed = if asked.victims > 0 { asked.measure.resources(&asked.freed) } else { Resources::none() };
        Verdict {
            key: asked.key,
            rows: asked.members.iter().map(|(key, _)| *key).collect(),
            aggregate: asked.aggregate.clone(),
            residual: asked.measure.resources(&asked.short),
            claimed: self.claimed(row),
            bootstraps: asked.bootstraps,
            provisions: asked.provisions,
            victims: asked.victims,
            freed,
            domain: asked.domain,
            unmet,
            unmet_since: unmet.map(|_| match asked.mark.unmet_since {
                Some(since) if !plant::is(Plant::AgeRestarts) => since,
                _ => self.view.now,
            }),
            hopeless_since: asked.mark.hopeless_since,
            candidates: if asked.is_short() && asked.is_same() { self.candidates(row) } else { Vec::new() },
        }
    }

    fn unmet(&self, row: usize) -> Option<Unmet> {
        let asked = &self.rows[row];
        if !asked.is_short() {
            if plant::is(Plant::CoveredIsStarved) {
                return Some(Unmet::PriorityStarved);
            }
            let bound = self.covered_in(row, &[State::Configured, State::Configuring]);
            return (!covers(&bound, &asked.measure.want)).then_some(Unmet::InFlight);
        }
        if matches!(asked.part, Part::Parked | Part::Retreating) {
            return Some(Unmet::Parked);
        }
        if !self.fits[row].iter().flatten().any(|fit| helps(&asked.short, &fit.amounts)) {
            return Some(Unmet::NoMatchingSupply);
        }
        if self.is_held_by_topology(row) {
            return Some(Unmet::TopologyUnsatisfiable);
        }
        if asked.victims > 0 {
            return Some(Unmet::PreemptionExhausted);
        }
        Some(if self.is_held_by_others(row) { Unmet::PriorityStarved } else { Unmet::NoMatchingSupply })
    }

    /// Whether free machines would do for a short row if only they lay in other domains: all it lacks for a gang, some
    /// of it for others.
    fn is_held_by_topology(&self, row: usize) -> bool {
        let asked = &self.rows[row];
        if !asked.is_same() && asked.profile.spread().is_none() {
            return false;
        }
        let mut free = asked.measure.none();
        for (at, pile) in self.piles.iter().enumerate().filter(|(_, pile)| pile.is_free()) {
            if let Some(fit) = self.fit(row, at) {
                measure::add(&mut free, &fit.amounts, u64::from(pile.left));
            }
        }
        if asked.is_gang() { covers(&free, &asked.short) } else { helps(&asked.short, &free) }
    }

    /// Whether somebody else has, or gets in this plan, a machine that would do for a row.
    fn is_held_by_others(&self, row: usize) -> bool {
        let asked = &self.rows[row];
        let mut held = 0;
        for (at, pile) in self.piles.iter().enumerate().filter(|(at, _)| self.fit(row, *at).is_some()) {
            if HELD.contains(&pile.class.state) {
                held += count(&pile.machines);
            } else if pile.is_free() {
                held += count(&self.piles[at].machines) - pile.left;
            }
        }
        held > self.claimed(row) + asked.bootstraps + asked.provisions
    }

    fn matching(&self, row: usize) -> Matching {
        let mut matching = Matching::default();
        for (_, pile) in self.piles.iter().enumerate().filter(|(at, _)| self.fit(row, *at).is_some()) {
            match pile.class.state {
                State::Idle if pile.is_free() => matching.idle += count(&pile.machines),
                State::Speculative if pile.is_free() => matching.speculative += count(&pile.machines),
                State::Configured => matching.configured += count(&pile.machines),
                _ => {}
            }
        }
        matching
    }

    /// The sixteen domains that would cover most with what is free and, in its own, what the row holds.
    fn candidates(&self, row: usize) -> Vec<Candidate> {
        let asked = &self.rows[row];
        let places: BTreeSet<Sym> = self.fits[row].iter().flatten().filter_map(|fit| fit.place).collect();
        let candidate = |domain: Sym| {
            let mut have: Amounts = asked.measure.none();
            for (at, pile) in self.piles.iter().enumerate().filter(|(_, pile)| pile.is_free()) {
                if let Some(fit) = self.fit(row, at).filter(|fit| fit.place == Some(domain)) {
                    measure::add(&mut have, &fit.amounts, u64::from(pile.left));
                }
            }
            if asked.domain == Some(domain) {
                measure::add(&mut have, &self.covered_in(row, &HELD), 1);
            }
            let is_enough = covers(&have, &asked.measure.want);
            Candidate { domain, coverage_per_mille: asked.measure.per_mille(&have), is_enough }
        };
        let mut found: Vec<Candidate> = places.into_iter().map(candidate).collect();
        found.sort_by_key(|candidate| (Reverse(candidate.coverage_per_mille), candidate.domain));
        found.truncate(16);
        found
    }
}

fn count<T>(machines: &[T]) -> u32 {
    u32::try_from(machines.len()).expect("slots are 32 bits wide")
}
