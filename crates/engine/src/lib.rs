//! Decide: the phases over an indexed view of the fleet, the plan linter, explain and what-if.
//!
//! [`decide`] maps committed state to a plan: pure, deterministic, no I/O, no clock, no randomness. It knows no Raft and
//! no gRPC. The same state gives the same plan to the byte, on every machine and at any thread count. An [`Engine`] gives
//! the same plan too, and remembers enough of the last cycle to look only at what has changed.

mod accounts;
mod acquire;
mod agenda;
mod ahead;
mod amend;
mod bits;
mod caps;
mod catalogue;
mod claims;
mod consolidate;
pub mod consolidation;
mod contention;
mod cost;
mod credit;
mod cycle;
mod displace;
mod domain;
mod draft;
mod engine;
pub mod explain;
mod finish;
mod follow;
mod gang;
mod hash;
mod holding;
mod hosts;
pub mod lint;
mod marks;
mod menu;
mod menus;
mod moments;
mod naming;
mod outlook;
pub mod plan;
pub mod policy;
mod preempt;
mod prey;
mod pulse;
mod reach;
mod reclaim;
mod rows;
mod spread;
mod standing;
mod stock;
mod supply;
mod truncate;
mod turns;
mod verdict;
pub mod whatif;
mod would_do;
mod yardstick;

pub use caps::Cap;
pub use consolidation::Consolidation;
pub use engine::Engine;
pub use explain::Explainer;
pub use lint::{Finding, Rule, lint};
pub use plan::{
    Action, ActionKind, Assignment, Candidate, Decision, Matching, Plan, Reason, Shortfall, Unit, Unmet, Verdict,
};
pub use policy::Policy;
pub use would_do::WouldDo;

use std::sync::Arc;

use argosy_model::{Demand, Fleet, ShardTime};

/// What decide looks at: committed state, and the moment of the cycle.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The machines.
    pub fleet: &'a Fleet,
    /// The demand, with what is remembered of it.
    pub demand: &'a Demand,
    /// Limits, holds and weights.
    pub policy: &'a Policy,
    /// What consolidation is allowed; `None` switches it off.
    pub consolidation: Option<&'a Consolidation>,
    /// How many machines more may be bought of some shapes together; empty where nothing limits that.
    pub caps: &'a [Cap],
    /// Shard time of the cycle; the plan that is committed carries it.
    pub now: ShardTime,
}

/// Decides what to do, from nothing but the view. Kill switch and dry run change nothing here: the same plan is computed, and the shard withholds it.
pub fn decide(view: &View<'_>) -> Decision {
    Arc::unwrap_or_clone(Engine::new().decide(view))
}
