//! Explain: why a cycle decided as it did, need by need and machine by machine.
//!
//! An [`Explainer`] runs the engine on a view and reads the tables that the cycle leaves behind: the same code decides and
//! explains, so the two cannot disagree. It counts classes and never walks over machines, so that explaining one need of a
//! fleet of a million costs about what deciding once from nothing does. What would satisfy a need is tried out, by running the
//! engine on a copy; what was not seen to satisfy it is not told.
//!
//! Architecture invariant: nothing here writes, and decide knows nothing of it. The fields of what is returned are documented
//! in docs/reference/explain.md, and a golden test pins their names.

mod filter;
mod machine;
mod need;
mod plan;
mod remedy;
mod search;
mod sieve;
mod text;
mod words;

use argosy_model::{MachineIx, NeedKey};

pub use self::filter::Filter;
pub use self::machine::{CouldServe, MachineAction, MachineExplanation, Role, ShortNeed, Stay};
pub use self::need::{
    Ahead, Binding, Claimant, DomainCoverage, GivenMachines, MAX_CLAIMANTS, NeedExplanation, Removed,
};
pub use self::plan::{Acted, Cost, MAX_LINES, PlanDiff, PlanExplanation, PlanLine, Rail};
pub use self::remedy::{Remedy, RemedyKind, Search};
pub(crate) use self::text::{by_reason, dollars};
pub(crate) use self::words::line;
pub use self::words::{Amounts, NeedRef};
use crate::cycle::Cycle;
use crate::plan::{Decision, Verdict};
use crate::rows::RowIx;
use crate::{Policy, View};

/// A cycle that can be asked why.
#[derive(Debug)]
pub struct Explainer {
    cycle: Box<Cycle>,
    takings: sieve::Takings,
    decision: Decision,
}

impl Explainer {
    /// Decides on a view, and keeps what it takes to explain that.
    pub fn of(view: &View<'_>) -> Self {
        let mut cycle = Box::new(Cycle::new(view));
        let decision = cycle.run_open();
        let takings = sieve::Takings::of(&cycle);
        Self { cycle, takings, decision }
    }

    /// What was decided: the same that [`crate::decide`] decides.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The view that it was decided on.
    pub fn view(&self) -> View<'_> {
        let seen = &self.cycle.view;
        View {
            fleet: &seen.fleet,
            demand: &seen.demand,
            policy: &seen.policy,
            consolidation: seen.consolidation.as_ref(),
            caps: &seen.caps,
            now: seen.now,
        }
    }

    /// Explains a need; `None` if there is no such need. Of gangs that were folded into one row it explains the row.
    pub fn need(&self, key: &NeedKey) -> Option<NeedExplanation> {
        self.cycle.rows.find(key).map(|row| self.explain_row(row))
    }

    /// Explains a need, and tries out what would satisfy it, running the engine at most `runs` times.
    pub fn need_with_remedies(&self, key: &NeedKey, runs: u32) -> Option<NeedExplanation> {
        let row = self.cycle.rows.find(key)?;
        let mut explanation = self.explain_row(row);
        let (remedies, search) = search::remedies(self, row, &explanation, runs);
        explanation.remedies = remedies;
        explanation.search = Some(search);
        Some(explanation)
    }

    /// Explains a machine; `None` if the slot is free.
    pub fn machine(&self, ix: MachineIx) -> Option<MachineExplanation> {
        self.cycle.view.fleet.get(ix).map(|machine| self.explain_machine(ix, machine))
    }

    /// Explains the plan.
    pub fn plan(&self) -> PlanExplanation {
        PlanExplanation::of(&self.view(), &self.decision)
    }

    fn policy(&self) -> &Policy {
        &self.cycle.view.policy
    }

    fn verdict(&self, row: RowIx) -> &Verdict {
        &self.decision.verdicts[self.cycle.rows.rank(row) as usize]
    }

    fn name(&self, row: RowIx) -> NeedRef {
        let asked = self.cycle.row(row);
        NeedRef::of(&self.view(), &asked.key, asked.arrival.0)
    }
}
