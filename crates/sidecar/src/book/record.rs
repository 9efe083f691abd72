//! One machine in the book.

use std::collections::BTreeMap;

use argosy_model::State;
use argosy_provider::contract::{Ask, Kind, Marks};
use serde::{Deserialize, Serialize};

use crate::backend::{Host, Offer, Row};

/// How far a transition has come. Append-only: it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Accepted; the backend has not been told, or has said that nothing began.
    Accepted,
    /// The backend may have been told. From here on it is asked.
    Begun,
    /// The site has shown what the transition makes.
    Shown,
}

/// A transition under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    /// The caller's operation.
    pub(crate) operation: String,
    pub(crate) user_data: Vec<u8>,
    pub(crate) grace_s: u32,
    pub(crate) stage: Stage,
}

/// Whose a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) cluster: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Why a machine is FAILED.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) text: String,
    pub(crate) cause: Cause,
}

/// Who says that a machine has failed, and so who ends it. Append-only: it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// A transition failed; it is over after a while.
    Transition,
    /// The site says so itself, and will say when it is over.
    Site,
    /// The breaker of its lane holds it back.
    Breaker,
}

/// A machine: stored whole whenever it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// The transition that was accepted last.
    pub(crate) last: Option<Kind>,
    /// Transitions accepted, by kind.
    pub(crate) rounds: [u32; 4],
    /// `None` for an id that is only known from calls: it has marks and nothing else.
    pub(crate) offer: Option<Offer>,
    pub(crate) host: Option<Host>,
    pub(crate) binding: Option<Binding>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) job: Option<Job>,
    /// Not in the inventory.
    pub(crate) gone: bool,
    pub(crate) marks: Marks,
    /// When it last changed, in the order of changes of this run.
    #[serde(skip)]
    pub(crate) revision: u64,
    /// How many inventories in a row have missed its host, or the machine itself.
    #[serde(skip)]
    pub(crate) missed: u8,
}

impl Record {
    /// An id that somebody called by.
    pub(crate) fn stranger() -> Self {
        Self {
            state: State::Speculative,
            last: None,
            rounds: [0; 4],
            offer: None,
            host: None,
            binding: None,
            trouble: None,
            job: None,
            gone: true,
            marks: Marks::default(),
            revision: 0,
            missed: 0,
        }
    }

    /// A machine appears, or appears again, as the inventory shows it.
    pub(crate) fn appear(&mut self, row: Row) {
        let host = row.host.is_some();
        self.gone = false;
        self.offer = Some(row.offer);
        self.host = row.host;
        self.trouble = row.failed.map(|text| Trouble { text, cause: Cause::Site });
        if host {
            (self.last, self.rounds[Kind::Create as usize]) = (Some(Kind::Create), self.rounds[0].max(1));
        }
        self.rest();
    }

    /// The machine leaves the inventory, or loses its host.
    pub(crate) fn vanish(&mut self, gone: bool) {
        (self.host, self.binding, self.trouble, self.gone, self.missed) = (None, None, None, gone, 0);
        self.rest();
    }

    /// Where a machine is on which nothing is under way: it follows from what it has.
    pub(crate) fn rest(&mut self) {
        self.state = match (&self.trouble, &self.host, &self.binding) {
            (Some(_), ..) => State::Failed,
            (None, None, _) => State::Speculative,
            (None, Some(_), None) => State::Idle,
            (None, Some(_), Some(_)) => State::Configured,
        };
    }

    /// Whether the machine is already on its way to, or at, what is asked for, through the transition that was accepted last.
    pub(crate) fn is_repeat(&self, ask: &Ask) -> bool {
        let kind = ask.kind();
        let same_holder = match ask {
            Ask::Configure { cluster, .. } => self.binding.as_ref().is_some_and(|binding| binding.cluster == *cluster),
            Ask::Create | Ask::Drain { .. } | Ask::Delete => true,
        };
        // A host stays created through the bindings that follow, so a late repeat of its Create is still one.
        let stands = self.last == Some(kind) || (kind == Kind::Create && self.host.is_some());
        stands && same_holder && (self.state == kind.during() || self.state == kind.to())
    }
}
