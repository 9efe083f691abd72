//! One thing that happened, as the fold saw it.

use std::sync::Arc;

use argosy_model::{ShardTime, State};
use serde::{Deserialize, Serialize};

use crate::topic::Topic;

/// Longest text in a transition, in bytes.
const MAX_TEXT: usize = 1_024;

/// Where a machine is, and whom it serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The cluster that it serves, or served until now.
    pub cluster: Option<Arc<str>>,
    /// The pool that it serves, or served until now.
    pub pool: Option<Arc<str>>,
    /// Its zone.
    pub zone: Option<Arc<str>>,
    /// Its rack, behind its zone.
    pub rack: Option<Arc<str>>,
}

/// What a transition happened to. Append-only: it lies in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A machine.
    Machine {
        /// Its id.
        id: Arc<str>,
        /// Where it is.
        site: Site,
    },
    /// A pool, by its name.
    Pool(Arc<str>),
    /// A domain of breakers, in words; all of them if it is empty.
    Domain(Arc<str>),
}

/// What happened. Append-only: it lies in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A machine is there that was not known.
    Found {
        /// Its state.
        state: State,
    },
    /// A machine is gone for good.
    Gone {
        /// The state it was in.
        from: State,
    },
    /// Its lifecycle went on.
    State {
        /// Before.
        from: State,
        /// Now.
        to: State,
        /// Why, where that is known: the provider's words about a failure, what a repair is for.
        reason: Option<Arc<str>>,
    },
    /// Its provider will take it away soon.
    Notice,
    /// Its health is judged otherwise.
    Verdict {
        /// healthy, unknown, degraded or unhealthy.
        health: Arc<str>,
        /// What is to be done about it.
        class: Arc<str>,
        /// The rule and its evidence.
        reason: Arc<str>,
        /// Whether it must not be supply.
        unfit: bool,
    },
    /// Somebody closed it for new work, or opened it again.
    Cordon {
        /// Closed.
        on: bool,
        /// Who.
        actor: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// Somebody said by hand how it is.
    Marked {
        /// Unhealthy.
        unhealthy: bool,
        /// Who.
        actor: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// Its repair began, went on, or ended.
    Repair {
        /// What is done.
        class: Arc<str>,
        /// Where it is now, or how it ended.
        step: Arc<str>,
    },
    /// It was given back, and another machine does its work.
    Replaced {
        /// What was to be done.
        class: Arc<str>,
    },
    /// A breaker opened.
    Tripped {
        /// Machines that were found unfit.
        found: u32,
        /// Machines of the domain.
        of: u32,
    },
    /// Somebody closed breakers.
    Reset {
        /// Who.
        actor: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// A pool is to have another size.
    Sized {
        /// Before.
        from: u32,
        /// Now.
        to: u32,
        /// Why.
        reason: Arc<str>,
    },
    /// A pool has fewer machines that work than its least size, or has them again.
    Min {
        /// Fewer.
        below: bool,
        /// Machines that work.
        ready: u32,
        /// Its least size.
        min: u32,
    },
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Shard time of the entry.
    pub at: ShardTime,
    /// To what.
    pub subject: Subject,
    /// What.
    pub what: What,
}

impl Transition {
    /// What it is about, as sinks choose by it.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match &self.what {
            What::Found { .. } => Topic::MachineFound,
            What::Gone { .. } => Topic::MachineGone,
            What::State { .. } => Topic::MachineState,
            What::Notice => Topic::MachineNotice,
            What::Verdict { .. } => Topic::MachineVerdict,
            What::Cordon { on: true, .. } => Topic::MachineCordoned,
            What::Cordon { on: false, .. } => Topic::MachineUncordoned,
            What::Marked { .. } => Topic::MachineMarked,
            What::Repair { .. } => Topic::MachineRepair,
            What::Replaced { .. } => Topic::MachineReplaced,
            What::Tripped { .. } => Topic::BreakerTripped,
            What::Reset { .. } => Topic::BreakerReset,
            What::Sized { .. } => Topic::PoolSized,
            What::Min { below: true, .. } => Topic::PoolBelowMin,
            What::Min { below: false, .. } => Topic::PoolAtMin,
        }
    }

    /// The pool that it concerns, if it concerns one.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        match &self.subject {
            Subject::Machine { site, .. } => site.pool.as_deref(),
            Subject::Pool(name) => Some(name),
            Subject::Domain(_) => None,
        }
    }

    /// What must stay in order: transitions of one name are told one after the other.
    #[must_use]
    pub fn lane(&self) -> &str {
        match &self.subject {
            Subject::Machine { id, .. } => id,
            Subject::Pool(name) => name,
            Subject::Domain(name) => name,
        }
    }

    /// Whether it says that a machine has begun to leave.
    #[must_use]
    pub fn is_drain_of(&self, machine: &str) -> bool {
        let leaves = matches!(self.what, What::State { to: State::Draining, .. });
        leaves && matches!(&self.subject, Subject::Machine { id, .. } if **id == *machine)
    }
}

/// Text as it is kept: cut to a sane length.
#[must_use]
pub fn text(text: &str) -> Arc<str> {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    Arc::from(&text[..end.unwrap_or(0)])
}
