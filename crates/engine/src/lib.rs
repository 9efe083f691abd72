//! Decide: the three phases over an indexed view of the fleet, and the plan linter.
//!
//! [`decide`] maps committed state to a plan: pure, deterministic, no I/O, no clock, no randomness. It knows no Raft and
//! no gRPC. The same state gives the same plan to the byte, on every machine and at any thread count.

pub mod plan;
pub mod policy;

pub use plan::{Action, ActionKind, Assignment, Decision, Plan, Reason, Shortfall, Unit, Unmet, Verdict};
pub use policy::Policy;

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
    /// Shard time of the cycle; the plan that is committed carries it.
    pub now: ShardTime,
}
