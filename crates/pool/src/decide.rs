//! The one place where a policy's wish becomes a target: headroom, bounds, steps, cooldowns, in this order.
//!
//! - A pool outside its bounds goes to the nearer one at once; neither a step nor a cooldown holds it up.
//! - What a policy that cannot see wants never shrinks a pool.
//! - A pool without a policy goes to its fixed size at once: a person has asked for it.

use argosy_model::ShardTime;
use serde::{Deserialize, Serialize};

use crate::policy::{Reason, Wish};
use crate::specification::{Bounds, Specification};
use crate::{Reading, Standing};

/// What keeps a pool from going where its policy wants it. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It grew or shrank a moment ago.
    Cooldown {
        /// When it may move.
        until: ShardTime,
    },
    /// One step at a time.
    Step,
    /// A bound.
    Bound,
    /// The policy cannot see, and would shrink it.
    Blind,
}

impl Held {
    /// In words, at a moment.
    #[must_use]
    pub fn text(self, now: ShardTime) -> String {
        match self {
            Self::Cooldown { until } => format!("it rests for another {} s", until.since(now).as_secs()),
            Self::Step => "one step at a time".to_owned(),
            Self::Bound => "a bound".to_owned(),
            Self::Blind => "its policy cannot see, and a pool does not shrink unseen".to_owned(),
        }
    }
}

/// Where a pool is to go, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Machines that it is to have from now on.
    pub target: u32,
    /// Machines that the policy wants, headroom included.
    pub wanted: u32,
    /// Why it wants them.
    pub reason: Reason,
    /// Why `target` is not `wanted`, if it is not.
    pub held: Option<Held>,
}

/// Decides where a pool is to go.
#[must_use]
pub fn decide(pool: &Specification, standing: &Standing, now: &Reading<'_>) -> Decision {
    let (wish, headroom) = wish(pool, standing, now);
    let wanted = wish.size.saturating_add(headroom);
    let decision = |target: u32, held: Option<Held>| Decision { target, wanted, reason: wish.reason.clone(), held };
    let bounded = wanted.clamp(wish.bounds.min, wish.bounds.max);
    let bound = (bounded != wanted).then_some(Held::Bound);
    let nearest = standing.target.clamp(wish.bounds.min, wish.bounds.max);
    if pool.autoscaler.is_none() {
        return decision(bounded, bound);
    }
    if nearest != standing.target {
        return decision(nearest, (nearest != wanted).then_some(Held::Bound));
    }
    if bounded == standing.target {
        return decision(bounded, bound);
    }
    if bounded < standing.target && wish.blind {
        return decision(standing.target, Some(Held::Blind));
    }
    if let Some(until) = resting_until(pool, standing, bounded > standing.target).filter(|until| *until > now.at) {
        return decision(standing.target, Some(Held::Cooldown { until }));
    }
    let highest = standing.target.saturating_add(pool.steps.up);
    let lowest = standing.target.saturating_sub(pool.steps.down);
    let stepped = bounded.clamp(lowest, highest);
    decision(stepped, if stepped == bounded { bound } else { Some(Held::Step) })
}

/// What the policy wants, without headroom, and the headroom.
fn wish(pool: &Specification, standing: &Standing, now: &Reading<'_>) -> (Wish, u32) {
    let bounds = pool.bounds();
    match &pool.autoscaler {
        None => {
            let size = pool.replicas.unwrap_or(pool.min);
            (Wish { size, reason: Reason::Fixed, blind: false, bounds }, pool.headroom)
        }
        Some(policy) => {
            let size = standing.target.saturating_sub(pool.headroom).max(bounds.min).min(bounds.max);
            (policy.wish(now, size, bounds), pool.headroom)
        }
    }
}

/// The end of the rest after the last move, in the direction it wants to go.
fn resting_until(pool: &Specification, standing: &Standing, up: bool) -> Option<ShardTime> {
    let (last, rest) = match up {
        true => (standing.raised_at, pool.cooldown.up),
        false => (standing.raised_at.max(standing.lowered_at), pool.cooldown.down),
    };
    last.map(|last| last.plus(rest.0))
}

/// The target that a pool begins with: what its bounds and its fixed size say, before anything was seen.
#[must_use]
pub fn first_target(pool: &Specification) -> u32 {
    let Bounds { min, max } = pool.bounds();
    pool.replicas.unwrap_or(min).saturating_add(pool.headroom).clamp(min, max)
}
