//! Trials: whether a scenario satisfies a need, by the engine's own decision on a copy.

use std::collections::BTreeSet;

use argosy_model::NeedKey;

use crate::explain::{Explainer, Search};
use crate::plan::Decision;
use crate::rows::RowIx;
use crate::whatif::{Altered, Scenario};
use crate::{Engine, View};

/// Runs the engine, up to a limit.
pub(super) struct Trials<'e> {
    explainer: &'e Explainer,
    row: RowIx,
    /// With the memory of the state as it is, so that a trial looks at what a scenario changes; made for the first one.
    engine: Option<Engine>,
    search: Search,
}

impl<'e> Trials<'e> {
    pub(super) fn of(explainer: &'e Explainer, row: RowIx, limit: u32) -> Self {
        Self { explainer, row, engine: None, search: Search { runs: 0, limit, is_cut_short: false } }
    }

    pub(super) fn search(&self) -> Search {
        self.search
    }

    pub(super) fn is_spent(&self) -> bool {
        self.search.runs >= self.search.limit
    }

    /// Whether nothing has been left out so far for want of runs.
    pub(super) fn was_run(&self) -> bool {
        !self.search.is_cut_short
    }

    /// Whether nothing would be missing. A scenario that cannot be applied satisfies nothing.
    pub(super) fn satisfies(&mut self, scenario: &Scenario) -> bool {
        if self.is_spent() {
            self.search.is_cut_short = true;
            return false;
        }
        // A move covers nobody who is short.
        let view = View { consolidation: None, ..self.explainer.view() };
        let mut altered = Altered::of(&view);
        if altered.apply(scenario).is_err() {
            return false;
        }
        self.search.runs += 1;
        let engine = self.engine.get_or_insert_with(|| {
            let mut engine = Engine::new();
            engine.decide(&view);
            engine
        });
        let decision = engine.clone().decide(&altered.view());
        let policy = altered.view().policy;
        // Whoever lifts a rail wants the plan carried out; any other change is about the plan alone.
        let goes_ahead = !(policy.kill_switch || policy.dry_run || decision.left_out > 0);
        (goes_ahead || scenario.lift_rails.is_empty()) && self.are_covered(&altered, &decision)
    }

    /// Whether nothing is missing of the needs that the row stands for, or of what they have become.
    fn are_covered(&self, altered: &Altered, decision: &Decision) -> bool {
        let asked = self.explainer.cycle.row(self.row);
        let demand = &self.explainer.cycle.view.demand;
        let members: BTreeSet<NeedKey> = asked.members.iter().map(|(key, _)| *key).collect();
        let view = altered.view();
        let needs = view.demand.of_cluster(asked.key.cluster).map(|need| need.key);
        let watched: BTreeSet<NeedKey> =
            needs.filter(|key| members.contains(key) || demand.get(key).is_none()).collect();
        watched.len() == members.len()
            && !decision.shortfalls().any(|verdict| verdict.rows.iter().any(|key| watched.contains(key)))
    }
}
