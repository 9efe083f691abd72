//! What-if: the same engine on a copy of the state, with changes made to the copy.
//!
//! A [`Scenario`] says what to change, in the words of the fleet. It is applied to copies of fleet and demand, which share
//! their structure with the state that they are of; the engine decides on both, goes on until both are at rest, and an
//! [`Outcome`] sets the two side by side.
//! The state itself is read and nothing else: there is nothing here that could write it.

mod apply;
mod error;
mod needs;
mod outcome;
mod rest;
mod scenario;
mod text;

pub use argosy_model::Operator;

pub use self::error::ScenarioError;
use self::outcome::Course;
pub use self::outcome::{MAX_NEEDS, NeedTurn, Outcome, PlanSize, Side};
pub use self::rest::MAX_CYCLES;
pub use self::scenario::{
    AddMachines, AddNeed, ChangeNeed, Condition, Consolidate, Domain, FreeState, MAX_MACHINES, NeedSelector, Scenario,
    SpreadOver,
};
use crate::explain::Rail;
use crate::{Engine, View};

/// Decides on a view with and without the changes of a scenario.
pub fn what_if(view: &View<'_>, scenario: &Scenario) -> Result<Outcome, ScenarioError> {
    let mut changed = Altered::of(view);
    changed.apply(scenario)?;
    let mut engine = Engine::new();
    let before = Course::run(Altered::of(view), &mut engine.clone());
    let after = Course::run(changed, &mut engine);
    Ok(Outcome::of(&before, &after))
}

/// A copy of a state that may be altered.
#[derive(Clone, Debug)]
pub struct Altered {
    fleet: argosy_model::Fleet,
    demand: argosy_model::Demand,
    policy: crate::Policy,
    consolidation: Option<crate::Consolidation>,
    caps: Vec<crate::Cap>,
    now: argosy_model::ShardTime,
}

impl Altered {
    /// A copy of what a view shows.
    pub fn of(view: &View<'_>) -> Self {
        Self {
            fleet: view.fleet.clone(),
            demand: view.demand.clone(),
            policy: view.policy.clone(),
            consolidation: view.consolidation.cloned(),
            caps: view.caps.to_vec(),
            now: view.now,
        }
    }

    /// What the engine sees of the copy.
    pub fn view(&self) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.policy,
            consolidation: self.consolidation.as_ref(),
            caps: &self.caps,
            now: self.now,
        }
    }

    fn lift(&mut self, rail: Rail) -> Result<(), ScenarioError> {
        match rail {
            Rail::KillSwitch => self.policy.kill_switch = false,
            Rail::DryRun => self.policy.dry_run = false,
            Rail::PlanSize => self.policy.max_actions = u32::MAX,
            Rail::ReclaimCap => self.policy.reclaim_cap_ppm = None,
            Rail::Quarantine => return Err(ScenarioError::RailStays { rail }),
        }
        Ok(())
    }
}
