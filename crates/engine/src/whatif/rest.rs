//! Rest: what a state comes to when cycle follows cycle and every call succeeds at once.
//!
//! One plan is not the whole story: whoever loses a machine to it is short only in the cycle after. So the engine goes on
//! deciding on the copy until it wants nothing more, or a number of cycles has passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::fleet::Aside;
use argosy_model::{Cause, Duration, Machine, State};

use super::Altered;
use crate::Engine;
use crate::plan::{Action, ActionKind, Assignment, Decision};

/// Most cycles that are gone through.
pub const MAX_CYCLES: u32 = 16;
/// From one to the next.
const CYCLE: Duration = Duration::from_secs(10);

/// How a state came to rest.
pub(super) struct Rest {
    /// Cycles until the engine wanted nothing more.
    pub(super) cycles: u32,
    pub(super) is_at_rest: bool,
    /// By kind.
    pub(super) actions: BTreeMap<String, u32>,
    /// Machines that were acquired for needs that move.
    pub(super) moves: u32,
    /// The last decision.
    pub(super) decision: Arc<Decision>,
}

impl Altered {
    /// Carries out decision after decision, beginning with one on the state as it is.
    pub(super) fn settle(&mut self, engine: &mut Engine, first: &Arc<Decision>) -> Rest {
        let (actions, decision) = (BTreeMap::new(), Arc::clone(first));
        let mut rest = Rest { cycles: 0, is_at_rest: false, actions, moves: 0, decision };
        loop {
            rest.is_at_rest = rest.decision.plan.units.is_empty();
            if rest.is_at_rest || rest.cycles == MAX_CYCLES {
                return rest;
            }
            if let Some(rules) = &mut self.consolidation {
                rest.moves += rules.spend(&rest.decision.plan, &self.fleet);
            }
            for action in rest.decision.plan.actions() {
                *rest.actions.entry(action.kind.name().to_owned()).or_default() += 1;
                self.carry_out(action);
            }
            for (key, mark) in &rest.decision.plan.marks {
                self.demand.set_mark(*key, *mark);
            }
            rest.cycles += 1;
            self.now = self.now.plus(CYCLE);
            rest.decision = engine.decide(&self.view());
        }
    }

    /// What idle machines cost for an hour that go back when their hold is over, millionths of a dollar.
    pub(super) fn price_on_hold(&self) -> u64 {
        let shape = |ix| self.fleet.words.shape_of(self.fleet.machine(ix).shape);
        let idle = self.fleet.elastic_idle().map(|(_, ix)| shape(ix));
        let goes = idle.filter(|shape| self.policy.is_hold_over(shape.capacity_type, Duration::NEVER));
        goes.map(|shape| shape.price.0).fold(0, u64::saturating_add)
    }

    /// Does what an action asks, all the way: what lies between is skipped.
    fn carry_out(&mut self, action: &Action) {
        let machine = self.fleet.machine(action.machine);
        if matches!(action.kind, ActionKind::Provision(_)) {
            for cap in self.caps.iter_mut().filter(|cap| cap.is_over(machine.shape)) {
                *cap = cap.with_left(cap.left().saturating_sub(1));
            }
        }
        let next = match &action.kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => {
                bound(machine.moved(State::Configured, self.now), assignment)
            }
            ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => machine.moved(State::Idle, self.now),
            ActionKind::Release => machine.moved(State::Speculative, self.now),
        };
        self.fleet.put(action.machine, next, Aside::default(), Cause::Skipped).expect("decide plans legal steps");
    }
}

fn bound(machine: Machine, assignment: &Assignment) -> Machine {
    Machine {
        claim: Some(assignment.claim),
        assigned_priority: assignment.priority,
        assigned_interruption: assignment.interruption,
        assigned_reclamation: assignment.reclamation,
        ..machine
    }
}
