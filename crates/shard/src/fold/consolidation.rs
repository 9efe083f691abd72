//! Consolidation: its policy, its schedules, and the moves that count against its budgets.

use argosy_engine::{ActionKind, Reason, Unit};
use argosy_pool::ConsolidationPolicy;

use super::Fold;
use crate::command::By;
use crate::consolidation::ConsolidationBook;
use crate::response::{DropReason, Rejection, Response};

impl Fold<'_> {
    pub(super) fn set_consolidation(
        &mut self,
        policy: Option<ConsolidationPolicy>,
        by: By,
    ) -> Result<Response, Rejection> {
        let policy = policy.unwrap_or_default();
        if let Some(fault) = policy.faults().first() {
            return Err(Rejection::Setting { why: fault.to_string().as_str().into() });
        }
        let act = format!("set consolidation {policy:?}");
        self.state.consolidation.set_policy(policy, self.index);
        Ok(self.audit(act, by))
    }

    /// What a leader says of the schedules of a policy that is no longer in force means nothing.
    pub(super) fn churn_schedules(&mut self, policy_at: u64, in_force: &[u16]) -> Response {
        if policy_at == self.state.consolidation.revision() {
            self.state.consolidation.set_in_force(in_force);
        }
        Response::Done
    }

    /// The book as it is with the moves of a unit; `None` if it moves nobody.
    pub(super) fn check_moves(&self, unit: &Unit) -> Result<Option<ConsolidationBook>, DropReason> {
        if unit.reason != Reason::Consolidate {
            return Ok(None);
        }
        let mut book = self.state.consolidation.clone();
        for action in &unit.actions {
            let (ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment)) = action.kind else {
                // A move makes; what it replaces goes once it is no longer needed.
                return Err(DropReason::Illegal);
            };
            book.spend(assignment.claim.cluster, 1, (&self.state.fleet, self.state.now))?;
        }
        Ok(Some(book))
    }
}
