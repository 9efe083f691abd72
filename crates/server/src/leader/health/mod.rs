//! Health at the leader: what agents report goes through the policy, and what comes of it into the log.
//!
//! The leader watches each machine of which anything was heard (`argosy_health::Watch`). Whenever what must survive has changed, the
//! machine's record is committed; a report is acknowledged only then, so that a new leader, which takes the records up where the log
//! has them, forgets nothing. Numbers stay here: they are soft, and so is what only they say.
//!
//! Architecture invariant: conditions are evaluated here and nowhere else; the fold is told what came of them.

mod agents;
mod run;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_desk::health::Desk;
use argosy_desk::silence::{Sign, Silence, heard_again};
use argosy_failpoint::{Planted, planted};
use argosy_health::record::Mark;
use argosy_health::{Event, Facts, Input, Verdict};
use tokio::sync::{Notify, watch};

use super::commit::Committer;
pub(super) use run::run;
pub use wire::{event, readings};

/// An event of an agent's journal.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Its number in the journal.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The shard has no such machine.
    #[error("ARG-1010: this shard has no machine of that id; report to the shard that owns its domain")]
    UnknownMachine,
    /// The leadership is over, or the shard is stepped by hand.
    #[error("ARG-1011: nobody takes reports of health here at the moment; report again to the leader")]
    NotNow,
}

/// The health of a shard's machines during one leadership.
pub struct HealthDesk {
    committer: Arc<Committer>,
    desk: Mutex<Desk>,
    silence: Mutex<Silence>,
    /// Something waits to be committed.
    wanted: Notify,
    /// How many reports are in the log.
    logged: watch::Sender<u64>,
    running: bool,
}

impl HealthDesk {
    pub(super) fn new(committer: Arc<Committer>, running: bool) -> Arc<Self> {
        let (logged, desk, silence) = (watch::channel(0).0, Mutex::default(), Mutex::default());
        Arc::new(Self { committer, desk, silence, wanted: Notify::new(), logged, running })
    }

    /// Takes events of a machine's agent; returns once everything in them that has to survive is committed.
    ///
    /// # Errors
    /// See [`ReportError`]; after one, report the same again: what was taken before is known by its number.
    pub async fn report(&self, machine: &str, journal: &str, events: Vec<Reported>) -> Result<(), ReportError> {
        let now = self.committer.clock().now();
        let ticket = {
            let view = self.committer.view();
            let mut desk = self.desk();
            let ward = desk.ward(&view.state, machine, now).ok_or(ReportError::UnknownMachine)?;
            for Reported { sequence, event } in events {
                let mark = Mark { journal: journal.to_owned(), sequence };
                ward.watch.take_recorded(now, mark, event);
            }
            desk.touched(machine)
        };
        self.committed(ticket).await
    }

    /// Takes readings of a machine. Nothing of them survives but what they turn into a finding.
    ///
    /// # Errors
    /// The machine is not known.
    pub fn read(&self, machine: &str, readings: Vec<Event>) -> Result<(), ReportError> {
        let now = self.committer.clock().now();
        let view = self.committer.view();
        let mut desk = self.desk();
        let ward = desk.ward(&view.state, machine, now).ok_or(ReportError::UnknownMachine)?;
        for reading in readings {
            ward.watch.take(now, Input::Reading(reading));
        }
        if desk.touched(machine).is_some() {
            self.wanted.notify_one();
        }
        Ok(())
    }

    /// Says what a machine is.
    ///
    /// # Errors
    /// The machine is not known.
    pub fn describe(&self, machine: &str, facts: Facts) -> Result<(), ReportError> {
        let now = self.committer.clock().now();
        let view = self.committer.view();
        let mut desk = self.desk();
        desk.facts(&view.state, machine, now, facts).ok_or(ReportError::UnknownMachine)?;
        if desk.touched(machine).is_some() {
            self.wanted.notify_one();
        }
        Ok(())
    }

    /// A machine's agent gave a sign of life, whatever it was.
    pub fn heard(&self, machine: &str) {
        let now = self.committer.clock().now();
        let view = self.committer.view();
        let sign = self.silence().heard(&view.state, machine, now);
        match sign {
            Sign::Expected | Sign::Unknown => {}
            // Who waits for the next silence does not know of this one yet.
            Sign::First => self.wanted.notify_one(),
            Sign::Again => {
                tracing::info!(shard = self.committer.shard(), machine, "an agent that was silent is heard again");
                let mut desk = self.desk();
                if let Some(ward) = desk.ward(&view.state, machine, now) {
                    ward.watch.take(now, Input::Event(heard_again()));
                }
                desk.touched(machine);
                self.wanted.notify_one();
            }
        }
    }

    /// An operator says that whatever was found at a machine is dealt with; returns once that is committed.
    ///
    /// # Errors
    /// See [`ReportError`].
    pub async fn clear(&self, machine: &str) -> Result<(), ReportError> {
        let now = self.committer.clock().now();
        let ticket = {
            let view = self.committer.view();
            let mut desk = self.desk();
            let ward = desk.ward(&view.state, machine, now).ok_or(ReportError::UnknownMachine)?;
            ward.watch.take(now, Input::Clear);
            desk.touched(machine)
        };
        self.silence().excuse(machine, now);
        self.committed(ticket).await
    }

    /// How far a machine's journal is in the log.
    #[must_use]
    pub fn acknowledged(&self, machine: &str, journal: &str) -> u64 {
        let view = self.committer.view();
        let mut desk = self.desk();
        let now = self.committer.clock().now();
        let mark = desk.ward(&view.state, machine, now).map(|ward| ward.logged.mark.clone());
        mark.filter(|mark| mark.journal == journal).map_or(0, |mark| mark.sequence)
    }

    /// What is said of a machine, with what only this leader knows; `None` if nothing was heard since it leads.
    #[must_use]
    pub fn verdict(&self, machine: &str) -> Option<Verdict> {
        self.desk().find(machine).map(|ward| ward.watch.verdict())
    }

    /// Waits until a report is in the log; one without a ticket has nothing that must be.
    async fn committed(&self, ticket: Option<u64>) -> Result<(), ReportError> {
        let Some(ticket) = ticket.filter(|_| !planted(Planted::EventUncommitted)) else { return Ok(()) };
        if !self.running {
            return Err(ReportError::NotNow);
        }
        self.wanted.notify_one();
        let mut logged = self.logged.subscribe();
        let until = logged.wait_for(|logged| *logged >= ticket);
        tokio::select! {
            reached = until => reached.map(drop).map_err(|_| ReportError::NotNow),
            () = self.ended() => Err(ReportError::NotNow),
        }
    }

    /// Returns when this node no longer leads in this term.
    async fn ended(&self) {
        let mut leadership = self.committer.replica().group().leadership();
        let term = self.committer.term();
        // An error means that the group has shut down, which ends it too.
        let _ = leadership.wait_for(|now| !now.ready || now.term != term).await;
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // A panic while it was held leaves a watch at worst a report behind, which its agent sends again.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never taken while the desk is held.
    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
