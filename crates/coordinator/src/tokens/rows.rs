//! What a token of the book is good for, in a word.

use std::fmt;

use super::{Moment, Token};

/// What a token is good for at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It lets agents in.
    Open,
    /// All its uses are used.
    UsedUp,
    /// Its time is up.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl fmt::Display for TokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::UsedUp => "used up",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl Token {
    /// How many agents it has let in.
    pub fn used(&self) -> u64 {
        self.admitted.len() as u64
    }

    /// What it is good for at this moment.
    pub fn state(&self, now: Moment) -> TokenState {
        if self.revoked.is_some() {
            TokenState::Revoked
        } else if self.expires.is_over_since(now, 0) {
            TokenState::Expired
        } else if self.used() >= self.asked.uses {
            TokenState::UsedUp
        } else {
            TokenState::Open
        }
    }
}
