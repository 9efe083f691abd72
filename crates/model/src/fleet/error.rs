//! Why the fleet refuses a write.

use thiserror::Error;

use crate::lifecycle::{Cause, State};
use crate::machine::Invariant;

/// A write that would break a rule of the fleet. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FleetError {
    /// No machine in the slot.
    #[error("no machine in slot {slot}")]
    Unknown {
        /// The slot.
        slot: usize,
    },
    /// The id is taken.
    #[error("machine '{id}' is known already")]
    Known {
        /// The id.
        id: String,
    },
    /// The id is empty or too long.
    #[error("a machine id has 1 to 1024 bytes, not {bytes}")]
    BadId {
        /// Its length.
        bytes: usize,
    },
    /// The lifecycle has no such edge.
    #[error("machine '{id}': no edge from {from:?} to {to:?} by cause {cause:?}")]
    IllegalEdge {
        /// The machine.
        id: String,
        /// Its state.
        from: State,
        /// The state it was to have.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// The record breaks a rule of its state.
    #[error("machine '{id}': {rule}")]
    Invariant {
        /// The machine.
        id: String,
        /// The rule.
        rule: Invariant,
    },
    /// A bound machine would pass from one cluster to another without being idle between.
    #[error("machine '{id}' would change clusters without going through Idle")]
    ChangesHands {
        /// The machine.
        id: String,
    },
    /// A stored machine does not fit the rest of its snapshot.
    #[error("the stored machine in slot {slot} does not fit its snapshot")]
    BadSnapshot {
        /// The slot.
        slot: usize,
    },
}
