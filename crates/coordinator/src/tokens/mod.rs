//! The book of join tokens: with what a machine that has no certificate yet may ask for one, and who has.
//!
//! A token lets node agents in, and nobody else: each under a name that its pattern allows, each name once, and so many of them.
//! The book holds the hash of a secret, never the secret. Its time comes with the commands, from the leader that proposes them
//! (`moment`). Nothing here signs anything: the book says whom a node may give a certificate.

mod judge;
mod moment;
mod rows;
mod text;

#[cfg(test)]
mod tests;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use judge::{Admission, Standing};
pub use moment::{Deadline, Moment};
pub use rows::TokenState;
pub use text::{BadToken, JoinToken, NoId, allows, is_id};

use crate::refusal::Grounds;

/// Most tokens in the book, those that are good for nothing any more included.
pub const MAX_TOKENS: usize = 1_000;
/// Most agents that all tokens of the book together may let in: what bounds the book.
pub const MAX_USES: u64 = 100_000;
/// Longest time that a token may be good for, seconds: a year.
pub const MAX_LIFETIME_S: u64 = 366 * 24 * 3_600;
/// How long an expired token is still known, seconds: long enough that whoever comes late is told why.
pub const KEEP_S: u64 = 7 * 24 * 3_600;

/// What is asked of a new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Which agents it lets in: a name, or the beginning of one and `*`.
    pub agents: String,
    /// How many.
    pub uses: u64,
    /// Whether a name may come again with another key, as when a machine is replaced under its id. Each time is a use.
    pub rejoin: bool,
    /// For how long it is good, seconds.
    pub lifetime_s: u64,
    /// Who made it.
    pub creator: String,
    /// Why.
    pub reason: String,
}

/// Who revoked a token, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, in the book's time, seconds since 1970.
    pub at_unix_s: u64,
}

/// A token of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// As it was asked for.
    pub asked: NewToken,
    /// When it was made, in the book's time, seconds since 1970.
    pub created_unix_s: u64,
    /// When it is no good any more.
    pub expires: Deadline,
    /// Set when it was revoked.
    pub revoked: Option<Revoked>,
    /// Whom it let in: the hash of a public key, and the agent that showed it. One use each.
    pub admitted: OrdMap<[u8; 32], String>,
    /// The agents of `admitted`: a fleet that joins with one token must not be read through for each that comes.
    pub names: OrdSet<String>,
}

/// The book. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBook {
    time_unix_s: u64,
    tokens: OrdMap<String, Token>,
}

/// Why the book turned something down. The same on every replica; each sentence says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum TokenRefusal {
    /// No such token, or another secret: who guesses is not told which.
    #[error("ARG-0715: this join token is not known; copy it again from `argosy token create`, or make another")]
    Unknown,
    /// Its time is up.
    #[error("ARG-0716: join token '{id}' has expired; make another with `argosy token create`")]
    Expired {
        /// The token.
        id: String,
    },
    /// All its uses are used.
    #[error(
        "ARG-0717: join token '{id}' has let in the {uses} agents it was made for; make another with `argosy token create`"
    )]
    UsedUp {
        /// The token.
        id: String,
        /// How many.
        uses: u64,
    },
    /// Somebody revoked it.
    #[error("ARG-0718: join token '{id}' was revoked; ask who runs the installation for another")]
    Revoked {
        /// The token.
        id: String,
    },
    /// The name is not one that it lets in.
    #[error(
        "ARG-0719: join token '{id}' lets in agents '{agents}', and '{agent}' is none; correct `agent_id`, or make a token for it"
    )]
    OutOfScope {
        /// The token.
        id: String,
        /// Whom it lets in.
        agents: String,
        /// Who came.
        agent: String,
    },
    /// One name, two keys; or one key, two names.
    #[error(
        "ARG-0720: join token '{id}' has let in '{agent}' with another key; a machine that was set up again needs a token of its own"
    )]
    OtherKey {
        /// The token.
        id: String,
        /// Whose name or key it is.
        agent: String,
    },
    /// A token that makes no sense, or for which there is no room.
    #[error("ARG-0724: {why}; no token was made")]
    Unfit {
        /// What is in the way.
        why: String,
    },
    /// An administrator named a token that is not in the book.
    #[error("ARG-0727: there is no join token '{id}' in the book; `argosy token list` shows those that there are")]
    Absent {
        /// The token.
        id: String,
    },
    /// Not the id of any token. Who gives a whole token in its place must not find it in a log.
    #[error(transparent)]
    NoId(#[from] NoId),
}

impl TokenRefusal {
    /// On what grounds.
    pub fn grounds(&self) -> Grounds {
        match self {
            Self::Unknown => Grounds::Unproven,
            Self::Expired { .. } | Self::UsedUp { .. } | Self::Revoked { .. } | Self::OutOfScope { .. } => {
                Grounds::Denied
            }
            Self::OtherKey { .. } => Grounds::AlreadyExists,
            Self::Unfit { .. } | Self::NoId(_) => Grounds::Invalid,
            Self::Absent { .. } => Grounds::NotFound,
        }
    }
}

impl TokenBook {
    /// A token.
    pub fn get(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// All tokens, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Token)> {
        self.tokens.iter().map(|(id, token)| (id.as_str(), token))
    }

    /// The moment of a command, or of a question, by the clock of whoever proposes or asks.
    pub fn moment(&self, at_unix_s: u64) -> Moment {
        Moment { book_unix_s: self.time_unix_s.max(at_unix_s), wall_unix_s: at_unix_s }
    }

    /// Adds a token. The same one again changes nothing.
    pub(crate) fn create(&mut self, id: String, asked: NewToken, at_unix_s: u64) -> Result<(), TokenRefusal> {
        let now = self.advance(at_unix_s);
        if self.tokens.get(&id).is_some_and(|known| known.asked == asked) {
            return Ok(());
        }
        self.check(&id, &asked)?;
        self.make_room(&asked, now)?;
        let token = Token {
            created_unix_s: now.book_unix_s,
            expires: Deadline::after(now, asked.lifetime_s),
            asked,
            revoked: None,
            admitted: OrdMap::new(),
            names: OrdSet::new(),
        };
        self.tokens.insert(id, token);
        Ok(())
    }

    fn check(&self, id: &str, asked: &NewToken) -> Result<(), TokenRefusal> {
        let unfit = |why: String| Err(TokenRefusal::Unfit { why });
        if !is_id(id) {
            return Err(NoId.into());
        }
        if self.tokens.contains_key(id) {
            return unfit(format!("there is a token '{id}' already"));
        }
        if !text::is_pattern(&asked.agents) {
            return unfit(format!(
                "'{}' is no name of an agent, nor the beginning of one and `*`",
                text::cut(&asked.agents)
            ));
        }
        if !(1..=MAX_LIFETIME_S).contains(&asked.lifetime_s) {
            return unfit(format!("a token is good for 1 s to {MAX_LIFETIME_S} s, not {} s", asked.lifetime_s));
        }
        if asked.creator.len() > text::MAX_NAME || asked.reason.len() > text::MAX_REASON {
            return unfit(format!("a reason has at most {} bytes", text::MAX_REASON));
        }
        Ok(())
    }

    /// What is good for nothing any more makes room before anybody is turned away, and only for one that fits then.
    fn make_room(&mut self, asked: &NewToken, now: Moment) -> Result<(), TokenRefusal> {
        let is_gone = |token: &Token| token.revoked.is_some() || token.expires.is_over_since(now, 0);
        let has_room = |left: &dyn Fn(&Token) -> bool| {
            let left = self.tokens.values().filter(|token| left(token));
            let (tokens, promised) =
                left.fold((0, 0_u64), |(tokens, uses), token| (tokens + 1, uses + token.asked.uses));
            tokens < MAX_TOKENS && promised.saturating_add(asked.uses) <= MAX_USES
        };
        if asked.uses == 0 || !has_room(&|token| !is_gone(token)) {
            let why = format!(
                "the book has room for {MAX_TOKENS} tokens that let in {MAX_USES} agents together, and each lets in one at least"
            );
            return Err(TokenRefusal::Unfit { why });
        }
        if !has_room(&|_| true) {
            self.forget(is_gone);
        }
        Ok(())
    }

    /// Revokes a token: it lets nobody in any more. Again changes nothing.
    pub(crate) fn revoke(&mut self, id: &str, by: String, reason: String, at_unix_s: u64) -> Result<(), TokenRefusal> {
        let at_unix_s = self.advance(at_unix_s).book_unix_s;
        if !is_id(id) {
            return Err(NoId.into());
        }
        let token = self.tokens.get_mut(id).ok_or_else(|| TokenRefusal::Absent { id: id.to_owned() })?;
        token.revoked.get_or_insert(Revoked { by, reason, at_unix_s });
        Ok(())
    }

    /// The book's time goes on, and tokens that expired long ago leave it.
    fn advance(&mut self, at_unix_s: u64) -> Moment {
        let now = self.moment(at_unix_s);
        self.time_unix_s = now.book_unix_s;
        self.forget(|token| token.expires.is_over_since(now, KEEP_S));
        now
    }

    fn forget(&mut self, is_gone: impl Fn(&Token) -> bool) {
        let gone: Vec<String> =
            self.tokens.iter().filter(|(_, token)| is_gone(token)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.tokens.remove(&id);
        }
    }
}
