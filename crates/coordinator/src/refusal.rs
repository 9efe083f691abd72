//! Why a command changed nothing. Each sentence says what to do.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tokens::TokenRefusal;

/// On what grounds a command was refused: what the wire's status codes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grounds {
    /// It makes no sense.
    Invalid,
    /// It is about something that is not there.
    NotFound,
    /// Somebody else has it.
    AlreadyExists,
    /// It would leave something hanging.
    InUse,
    /// Whoever asks has not shown that he may.
    Unproven,
    /// Whoever asks may not.
    Denied,
}

/// What a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Noun {
    /// A node.
    Node,
    /// A shard.
    Shard,
    /// A cluster.
    Cluster,
    /// A topology domain.
    Domain,
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Shard => "shard",
            Self::Cluster => "cluster",
            Self::Domain => "domain",
        })
    }
}

/// Why a command changed nothing. The same on every replica.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Not a command.
    #[error("ARG-0450: an entry is no command of this release; update the node that proposed it")]
    Malformed,
    /// Another format.
    #[error("ARG-0451: an entry has format {found}, this release reads format {known}; run the release that wrote it")]
    UnknownFormat {
        /// Its format.
        found: u8,
        /// The one that this release reads.
        known: u8,
    },
    /// Somebody else has it.
    #[error("ARG-0452: {noun} '{id}' belongs to '{holder}'; take it from there first")]
    Held {
        /// What it is about.
        noun: Noun,
        /// Its id.
        id: String,
        /// Who has it.
        holder: String,
    },
    /// Not there.
    #[error("ARG-0453: there is no {noun} '{id}' in the directory; list what there is")]
    Unknown {
        /// What it is about.
        noun: Noun,
        /// Its id.
        id: String,
    },
    /// Something still refers to it.
    #[error("ARG-0454: {noun} '{id}' is in use by '{user}'; move that away first")]
    InUse {
        /// What it is about.
        noun: Noun,
        /// Its id.
        id: String,
        /// What refers to it.
        user: String,
    },
    /// It makes no sense.
    #[error("ARG-0455: {why}; correct it and send it again")]
    Invalid {
        /// What makes no sense.
        why: String,
    },
    /// A shard that takes nothing new.
    #[error("ARG-0456: shard '{id}' is closed and takes no new cluster or domain; choose another, or open it")]
    Closed {
        /// The shard.
        id: String,
    },
    /// The book of join tokens says no.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
}

impl Refusal {
    /// On what grounds.
    pub fn grounds(&self) -> Grounds {
        match self {
            Self::Malformed | Self::UnknownFormat { .. } | Self::Invalid { .. } => Grounds::Invalid,
            Self::Held { .. } => Grounds::AlreadyExists,
            Self::Unknown { .. } => Grounds::NotFound,
            Self::InUse { .. } | Self::Closed { .. } => Grounds::InUse,
            Self::Token(refusal) => refusal.grounds(),
        }
    }
}
