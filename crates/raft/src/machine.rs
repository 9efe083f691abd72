//! The seam to whatever is replicated: a fold over committed commands, and its frozen copies.
//!
//! This crate carries commands and snapshots as bytes and knows nothing of what they mean.

use std::io;

/// The deterministic fold that every replica of a group runs.
///
/// Rules for an implementation:
/// - The same commands at the same indexes give the same state and the same responses, on every replica and at every time: no clock,
///   no randomness, no I/O.
/// - Nothing that a command holds may panic. If one does, the group stops on this replica with `ARG-0301`, and stays stopped.
/// - Everything that [`restore`](Self::restore) needs is in what [`FrozenState::write`] wrote.
pub trait StateMachine: Send + 'static {
    /// Folds the committed command at `index`, proposed in `term`, and returns the response for its proposer.
    ///
    /// Indexes only rise, with gaps where the log holds entries of its own (a new leader's first entry, changes of membership).
    fn apply(&mut self, index: u64, term: u64, command: &[u8]) -> Vec<u8>;

    /// Called after every applied batch, after [`restore`](Self::restore), and after entries that carry no command: everything up to
    /// `applied` (of `term`) is folded in, so the owner may publish a view for its readers.
    ///
    /// Proposers of the batch get their responses after this call, so whoever proposed reads its own write.
    fn publish(&mut self, applied: u64, term: u64);

    /// A copy of the state as it is now, cheap to take, which later commands do not change.
    fn freeze(&self) -> Box<dyn FrozenState>;

    /// Replaces the state by the one that a [`FrozenState`] wrote, on this replica or on another one.
    ///
    /// # Errors
    /// Says why the input is no state of this machine. The state must then be as it was before.
    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError>;
}

/// A frozen state on its way to a snapshot. It is written on a thread that may block.
pub trait FrozenState: Send {
    /// Writes the whole state. Equal states must write equal bytes.
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Why a snapshot could not become the state.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The bytes could not be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The bytes are no state that this version of the machine understands.
    #[error("{0}")]
    Format(String),
}
