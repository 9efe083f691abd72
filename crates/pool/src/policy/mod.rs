//! Autoscaler policies: from a look at a pool to the size it wants.
//!
//! A policy that cannot see says so and wants what is there: it never takes "no metric" for "no load". Bounds, steps,
//! cooldowns and headroom are not its business; [`crate::decide`] applies them to every policy alike.

mod composite;
mod predictive;
mod queue;
mod reactive;
mod reason;
mod scheduled;

use serde::{Deserialize, Serialize};

pub use composite::{Composite, Mode};
pub use predictive::Predictive;
pub use queue::Queue;
pub use reactive::Reactive;
pub use reason::{Metric, Reason};
pub use scheduled::{Scheduled, Window};

use crate::specification::Bounds;
use crate::{Fault, Reading};

/// How deep policies may be nested.
pub const MAX_DEPTH: usize = 4;

/// An autoscaler policy. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Keeps utilisation within a band.
    Reactive(Reactive),
    /// Follows the jobs that wait.
    Queue(Queue),
    /// Other bounds at other times.
    Scheduled(Scheduled),
    /// Follows where utilisation is heading.
    Predictive(Predictive),
    /// Several policies as one.
    Composite(Composite),
}

/// What a policy wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many machines, before bounds.
    pub size: u32,
    /// Why.
    pub reason: Reason,
    /// It could not see what it goes by: nothing may shrink for its sake.
    pub blind: bool,
    /// The bounds of the moment: the pool's own, or those of a window.
    pub bounds: Bounds,
}

impl Wish {
    fn new(size: u32, reason: Reason, bounds: Bounds) -> Self {
        Self { size, reason, blind: false, bounds }
    }

    fn blind(size: u32, metric: Metric, bounds: Bounds) -> Self {
        Self { size, reason: Reason::Unknown { metric }, blind: true, bounds }
    }
}

impl Policy {
    /// The size that it wants for a pool of `size` machines.
    #[must_use]
    pub fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        match self {
            Self::Reactive(policy) => policy.wish(now, size, bounds),
            Self::Queue(policy) => policy.wish(now, size, bounds),
            Self::Scheduled(policy) => policy.wish(now, size, bounds),
            Self::Predictive(policy) => policy.wish(now, size, bounds),
            Self::Composite(policy) => policy.wish(now, size, bounds),
        }
    }

    /// Says what in it makes no sense.
    ///
    /// # Errors
    /// [`Fault`], with the path of the value inside the policy.
    pub fn check(&self, bounds: Bounds) -> Result<(), Fault> {
        self.check_below(bounds, MAX_DEPTH)
    }

    fn check_below(&self, bounds: Bounds, depth: usize) -> Result<(), Fault> {
        let Some(below) = depth.checked_sub(1) else {
            return Err(Fault::new("autoscaler", format!("policies are nested more than {MAX_DEPTH} deep")));
        };
        match self {
            Self::Reactive(policy) => policy.check(),
            Self::Queue(policy) => policy.check(),
            Self::Scheduled(policy) => {
                policy.check(bounds)?;
                fallback(policy.fallback.as_deref(), bounds, below)
            }
            Self::Predictive(policy) => {
                policy.check()?;
                fallback(policy.fallback.as_deref(), bounds, below)
            }
            Self::Composite(policy) => {
                policy.check()?;
                policy.policies.iter().try_for_each(|member| member.check_below(bounds, below))
            }
        }
    }
}

fn fallback(policy: Option<&Policy>, bounds: Bounds, depth: usize) -> Result<(), Fault> {
    policy.map_or(Ok(()), |policy| policy.check_below(bounds, depth))
}
