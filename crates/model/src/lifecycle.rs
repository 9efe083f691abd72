//! The lifecycle table: which state may follow which, and why.
//!
//! | from | to | cause |
//! |---|---|---|
//! | Speculative | Creating | decided |
//! | Idle | Configuring, Deleting | decided |
//! | Configured | Draining | decided |
//! | Creating | Idle | provider |
//! | Configuring | Configured | provider |
//! | Draining | Idle | provider |
//! | Deleting | Speculative | provider |
//! | any transitional | Failed | provider |
//! | Creating | Speculative | refused: nothing was executed |
//! | Configuring, Deleting | Idle | refused |
//! | Draining | Configured | refused |
//! | any with hardware, Creating | Speculative, Failed | lost: the host vanished or was interrupted |
//! | Failed | Speculative, Idle, Configured | recovered: the provider has it well again |
//! | any two states joined by provider or decided edges | | skipped: a poll missed what lay between |
//!
//! Writing the state a machine already has is always legal. `Configured` to `Configured` of another cluster is not: a
//! machine changes hands through `Idle` only.

use serde::{Deserialize, Serialize};

/// Where a machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// A slot that could become a machine.
    Speculative,
    /// Being bought or booted.
    Creating,
    /// Hardware, bound to nobody.
    Idle,
    /// Joining a cluster.
    Configuring,
    /// Serving a cluster.
    Configured,
    /// Leaving a cluster.
    Draining,
    /// Being given back.
    Deleting,
    /// Broken; `last_error` says how. Left only when the provider reports it well.
    Failed,
}

/// Why a machine changes state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A committed plan.
    Decided,
    /// The provider finished, or failed, what it was told.
    Provider,
    /// The provider turned the call down and did nothing, or the shard gave up before it called.
    Refused,
    /// The host vanished or was interrupted.
    Lost,
    /// A failed machine is well again.
    Recovered,
    /// The provider reports a state further along the same road: a poll missed what lay between.
    Skipped,
}

impl State {
    /// Every state, in the order of life.
    pub const ALL: [Self; 8] = [
        Self::Speculative,
        Self::Creating,
        Self::Idle,
        Self::Configuring,
        Self::Configured,
        Self::Draining,
        Self::Deleting,
        Self::Failed,
    ];

    /// The state with this wire number (1 to 8).
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        self as i32 + 1
    }

    /// Its name, as people and metrics know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Speculative => "Speculative",
            Self::Creating => "Creating",
            Self::Idle => "Idle",
            Self::Configuring => "Configuring",
            Self::Configured => "Configured",
            Self::Draining => "Draining",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
        }
    }

    /// Whether the provider is working on it.
    pub fn is_transitional(self) -> bool {
        matches!(self, Self::Creating | Self::Configuring | Self::Draining | Self::Deleting)
    }

    /// Whether a machine in this state serves a cluster, or is on its way in or out.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::Configuring | Self::Configured | Self::Draining)
    }

    /// Where this state leads by itself or by decision, failures left aside.
    fn next(self) -> &'static [State] {
        match self {
            Self::Speculative => &[Self::Creating],
            Self::Creating | Self::Draining => &[Self::Idle],
            Self::Idle => &[Self::Configuring, Self::Deleting],
            Self::Configuring => &[Self::Configured],
            Self::Configured => &[Self::Draining],
            Self::Deleting => &[Self::Speculative],
            Self::Failed => &[],
        }
    }
}

/// Whether a machine may go from `from` to `to` for this reason.
pub fn is_legal(from: State, to: State, cause: Cause) -> bool {
    use State::{Configured, Configuring, Creating, Deleting, Draining, Failed, Idle, Speculative};
    if from == to {
        return true;
    }
    let provider_step = from.is_transitional() && from.next().contains(&to);
    match cause {
        Cause::Decided => !from.is_transitional() && from.next().contains(&to),
        Cause::Provider => provider_step || (from.is_transitional() && to == Failed),
        Cause::Refused => {
            matches!((from, to), (Creating, Speculative) | (Configuring | Deleting, Idle) | (Draining, Configured))
        }
        Cause::Lost => !matches!(from, Speculative | Failed) && matches!(to, Speculative | Failed),
        Cause::Recovered => from == Failed && matches!(to, Speculative | Idle | Configured),
        Cause::Skipped => from != Failed && to != Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the legal edges of a cause between different states.
    fn edges(cause: Cause) -> Vec<(State, State)> {
        let all = State::ALL.iter().flat_map(|from| State::ALL.iter().map(move |to| (*from, *to)));
        all.filter(|(from, to)| from != to && is_legal(*from, *to, cause)).collect()
    }

    #[test]
    fn decisions_start_from_stable_states_only() {
        use State::{Configured, Configuring, Creating, Deleting, Draining, Idle, Speculative};
        let want = [(Speculative, Creating), (Idle, Configuring), (Idle, Deleting), (Configured, Draining)];
        assert_eq!(edges(Cause::Decided), want);
    }

    #[test]
    fn a_provider_finishes_or_fails_what_it_was_told() {
        assert_eq!(edges(Cause::Provider).len(), 4 + 4);
        assert!(edges(Cause::Provider).iter().all(|(from, _)| from.is_transitional()));
    }

    #[test]
    fn a_refusal_leads_back_to_where_the_decision_started() {
        for (from, to) in edges(Cause::Refused) {
            assert!(is_legal(to, from, Cause::Decided), "{from:?} {to:?}");
        }
        assert_eq!(edges(Cause::Refused).len(), 4);
    }

    #[test]
    fn failed_is_left_by_recovery_only() {
        for cause in [Cause::Decided, Cause::Provider, Cause::Refused, Cause::Lost, Cause::Skipped] {
            assert!(edges(cause).iter().all(|(from, _)| *from != State::Failed), "{cause:?}");
        }
        assert_eq!(edges(Cause::Recovered).len(), 3);
    }

    #[test]
    fn a_host_can_die_in_every_state_that_has_one() {
        for from in [State::Idle, State::Configuring, State::Configured, State::Draining, State::Deleting] {
            assert!(is_legal(from, State::Speculative, Cause::Lost) && is_legal(from, State::Failed, Cause::Lost));
        }
    }

    #[test]
    fn wire_numbers_are_those_of_the_protocol() {
        assert_eq!(State::from_number(0), None);
        assert_eq!(State::from_number(9), None);
        assert!(State::ALL.iter().all(|s| State::from_number(s.number()) == Some(*s)));
        assert_eq!((State::Speculative.number(), State::Failed.number()), (1, 8));
    }
}
