//! The four transitions and the states that they join.

use argosy_model::State;
use serde::{Deserialize, Serialize};

/// A transition that can be asked for. The order is that in which providers count them, so it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A slot becomes a host.
    Create,
    /// A host joins a cluster.
    Configure,
    /// A host leaves its cluster.
    Drain,
    /// A host is given back.
    Delete,
}

impl Kind {
    /// The state while it runs.
    #[must_use]
    pub fn during(self) -> State {
        match self {
            Self::Create => State::Creating,
            Self::Configure => State::Configuring,
            Self::Drain => State::Draining,
            Self::Delete => State::Deleting,
        }
    }

    /// The only state from which it starts.
    #[must_use]
    pub fn from(self) -> State {
        match self {
            Self::Create => State::Speculative,
            Self::Configure | Self::Delete => State::Idle,
            Self::Drain => State::Configured,
        }
    }

    /// The state when it is done.
    #[must_use]
    pub fn to(self) -> State {
        match self {
            Self::Create | Self::Drain => State::Idle,
            Self::Configure => State::Configured,
            Self::Delete => State::Speculative,
        }
    }

    /// Its name, in operation ids and for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Configure => "configure",
            Self::Drain => "drain",
            Self::Delete => "delete",
        }
    }
}
