//! What a repair waits for, for people to read.

use argosy_model::ShardTime;

use crate::class::Class;
use crate::place::Domain;

/// What a repair waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It may recover until then.
    Grace(ShardTime),
    /// More reports must find it so, or it must stand until then.
    Reports {
        /// So many have.
        seen: u32,
        /// So many must.
        of: u32,
        /// Or this moment must come.
        until: ShardTime,
    },
    /// Somebody has said that nothing is to be repaired automatically.
    Hold(ShardTime),
    /// Too many machines of this domain were found unfit at once.
    Breaker(Domain),
    /// As many machines of this domain as a budget allows are being repaired.
    Budget {
        /// Place of the budget in the policy, from 0.
        budget: usize,
        /// Where.
        domain: Domain,
        /// So many are.
        used: u32,
        /// So many may be.
        of: u32,
    },
    /// The kill switch or dry run is on.
    Standstill,
    /// The engine covers anew what it serves, and drains it.
    Drain {
        /// When that takes too long.
        deadline: ShardTime,
        /// Whether it does already.
        overdue: bool,
    },
    /// Its provider shows it failed.
    Provider,
    /// Its agent is at it until then at the latest.
    Agent(ShardTime),
    /// It must be seen to have helped until then.
    Proof(ShardTime),
    /// It must stay well until then.
    Soak(ShardTime),
    /// Its provider takes it back.
    Release,
    /// Somebody has to look at it.
    Hands(Class),
    /// Nothing: it goes on with the next decision.
    Nothing,
}

impl Wait {
    /// Its name in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Grace(_) => "grace",
            Self::Reports { .. } => "reports",
            Self::Hold(_) => "hold",
            Self::Breaker(_) => "breaker",
            Self::Budget { .. } => "budget",
            Self::Standstill => "standstill",
            Self::Drain { .. } => "drain",
            Self::Provider => "provider",
            Self::Agent(_) => "agent",
            Self::Proof(_) => "proof",
            Self::Soak(_) => "soak",
            Self::Release => "release",
            Self::Hands(_) => "hands",
            Self::Nothing => "nothing",
        }
    }

    /// In words, at a moment.
    #[must_use]
    pub fn text(&self, now: ShardTime) -> String {
        let left = |until: &ShardTime| format!("{} s", until.since(now).0.div_ceil(1_000));
        match self {
            Self::Grace(until) => format!("may recover for another {}", left(until)),
            Self::Reports { seen, of, until } => format!("{seen} of {of} reports; goes on anyway in {}", left(until)),
            Self::Hold(until) => format!("held by hand for another {}", left(until)),
            Self::Breaker(domain) => format!("the breaker of {domain} is open"),
            Self::Budget { budget, domain, used, of } => {
                format!("budget {budget}: {used} of {of} of {domain} are in repair")
            }
            Self::Standstill => "the kill switch or dry run is on".to_owned(),
            Self::Drain { deadline, overdue: false } => {
                format!("is covered anew and drained; overdue in {}", left(deadline))
            }
            Self::Drain { deadline, overdue: true } => {
                format!("is covered anew and drained; overdue for {} s", now.since(*deadline).as_secs())
            }
            Self::Provider => "its provider shows it failed".to_owned(),
            Self::Agent(until) => format!("its agent is at it; counts as failed in {}", left(until)),
            Self::Proof(until) => format!("must be seen well; counts as no help in {}", left(until)),
            Self::Soak(until) => format!("is well; supply again in {}", left(until)),
            Self::Release => "its provider takes it back".to_owned(),
            Self::Hands(Class::Replace) => "cannot be given back: somebody has to replace it".to_owned(),
            Self::Hands(_) => "somebody has to look at it".to_owned(),
            Self::Nothing => "goes on now".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::place::Scope;

    #[test]
    fn whatever_a_repair_waits_for_is_said_in_words_with_the_time_that_is_left() {
        let (now, later) = (ShardTime(10_000), ShardTime(13_500));
        let rack = || Domain { scope: Scope::Rack, name: Arc::from("z/r1") };
        let waits = [
            (Wait::Grace(later), "grace", "may recover for another 4 s"),
            (Wait::Reports { seen: 1, of: 2, until: later }, "reports", "1 of 2 reports; goes on anyway in 4 s"),
            (Wait::Hold(later), "hold", "held by hand for another 4 s"),
            (Wait::Breaker(rack()), "breaker", "the breaker of rack z/r1 is open"),
            (
                Wait::Budget { budget: 1, domain: rack(), used: 3, of: 3 },
                "budget",
                "budget 1: 3 of 3 of rack z/r1 are in repair",
            ),
            (Wait::Standstill, "standstill", "the kill switch or dry run is on"),
            (Wait::Drain { deadline: later, overdue: false }, "drain", "is covered anew and drained; overdue in 4 s"),
            (
                Wait::Drain { deadline: ShardTime(3_000), overdue: true },
                "drain",
                "is covered anew and drained; overdue for 7 s",
            ),
            (Wait::Provider, "provider", "its provider shows it failed"),
            (Wait::Agent(later), "agent", "its agent is at it; counts as failed in 4 s"),
            (Wait::Proof(later), "proof", "must be seen well; counts as no help in 4 s"),
            (Wait::Soak(later), "soak", "is well; supply again in 4 s"),
            (Wait::Release, "release", "its provider takes it back"),
            (Wait::Hands(Class::Replace), "hands", "cannot be given back: somebody has to replace it"),
            (Wait::Hands(Class::Quarantine), "hands", "somebody has to look at it"),
            (Wait::Nothing, "nothing", "goes on now"),
        ];
        for (wait, name, text) in waits {
            assert_eq!((wait.name(), wait.text(now).as_str()), (name, text));
        }
    }
}
