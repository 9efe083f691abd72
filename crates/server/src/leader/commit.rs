//! The one way into the log: commands of one leadership, stamped with its term and its clock.
//!
//! A command that another term's leader must not carry out is refused by the fold, for the envelope says in which term
//! it was proposed.

use std::sync::Arc;

use argosy_failpoint::{Failpoint, fires};
use argosy_raft::{ProposeError, Read, ReadError};
use argosy_shard::{Command, Envelope, Rejection, Response};
use tokio::time::Instant;

use super::clock::Clock;
use crate::metrics::names;
use crate::replica::{Replica, View};

/// A command that is in the log, and what the fold said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its log index.
    pub index: u64,
    /// The fold's answer.
    pub response: Response,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// It is not in the log, or nobody knows whether it is.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// This node could not confirm that it leads.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is in the log, and the fold refused it; nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The fold's answer is of another release.
    #[error("ARG-0616: the answer to a command cannot be read; run one release on every node of the shard")]
    Unreadable,
}

/// Commits the commands of one leadership.
pub struct Committer {
    replica: Replica,
    term: u64,
    clock: Clock,
}

impl Committer {
    /// The way into the log for the leadership of `term`.
    pub(crate) fn new(replica: Replica, term: u64, clock: Clock) -> Arc<Self> {
        Arc::new(Self { replica, term, clock })
    }

    /// The shard.
    #[must_use]
    pub fn shard(&self) -> &str {
        self.replica.name()
    }

    /// The term of the leadership.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The newest committed view.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.replica.view()
    }

    pub(crate) fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Proposes a command at the present moment and waits until it is folded in here.
    ///
    /// An error is no end of the leadership: Raft may lose sight of its majority for a moment and go on in the same term. What was to be
    /// committed is the caller's to propose again, or to find out anew.
    ///
    /// # Errors
    /// When it did not get into the log, or the fold refused it. See [`CommitError`].
    pub async fn commit(&self, command: Command) -> Result<Committed, CommitError> {
        let (name, began) = (command.name(), Instant::now());
        let envelope = Envelope { at: self.clock.now(), proposed_in_term: self.term, command };
        let shard = self.replica.name().to_owned();
        metrics::counter!(names::ENTRIES, "shard" => shard.clone(), "command" => name).increment(1);
        if fires(Failpoint::CommandTurnedAway) {
            return Err(ProposeError::NotLeader { leader: None }.into());
        }
        let committed = self.replica.group().propose(envelope.encode()).await?;
        if fires(Failpoint::CommandUnanswered) {
            return Err(ProposeError::OutcomeUnknown { leader: None }.into());
        }
        metrics::histogram!(names::COMMIT_SECONDS, "shard" => shard, "command" => name).record(began.elapsed());
        match Response::decode(&committed.response) {
            Some(Response::Rejected(rejection)) => Err(rejection.into()),
            Some(response) => Ok(Committed { index: committed.index, response }),
            None => Err(CommitError::Unreadable),
        }
    }

    /// Confirms that this node still leads, and so that its view holds everything that was acknowledged before.
    ///
    /// # Errors
    /// When it does not lead, or cannot know.
    pub async fn confirm(&self, read: Read) -> Result<(), CommitError> {
        self.replica.group().read_barrier(read).await?;
        Ok(())
    }

    /// Whether this node still leads in this term, as far as it knows.
    #[must_use]
    pub fn still_leads(&self) -> bool {
        let leadership = self.replica.leadership();
        leadership.ready && leadership.term == self.term
    }
}
