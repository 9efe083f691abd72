//! What clients asked and were told, by key, and whether any order of one-at-a-time operations explains it.

mod linearize;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use linearize::{Verdict, check};

/// What an operation does to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets it.
    Write(i64),
    /// Reads it; the value once it is known.
    Read(Option<i64>),
}

/// One operation on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who.
    pub client: u64,
    /// What.
    pub action: Action,
    /// When it was asked.
    pub asked: Duration,
    /// When it was answered; `None` if nobody knows what became of it.
    pub answered: Option<Duration>,
}

/// A time in which a shard answered nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The shard.
    pub shard: String,
    /// The last answer before.
    pub from: Duration,
    /// The first answer after.
    pub to: Duration,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Write(value) => write!(f, "client {} writes {value}", self.client)?,
            Action::Read(Some(value)) => write!(f, "client {} reads {value}", self.client)?,
            Action::Read(None) => write!(f, "client {} reads", self.client)?,
        }
        write!(f, " from {} ms", self.asked.as_millis())?;
        match self.answered {
            Some(answered) => write!(f, " to {} ms", answered.as_millis()),
            None => f.write_str(", never answered"),
        }
    }
}

/// A name for an operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(usize);

/// Everything that clients asked, in the order in which they began to.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<(String, Operation)>,
    values: i64,
}

impl History {
    /// A value that no write has had before.
    pub fn fresh_value(&mut self) -> i64 {
        self.values += 1;
        self.values
    }

    /// An operation is asked for.
    pub fn begin(&mut self, client: u64, key: &str, action: Action, at: Duration) -> Token {
        self.operations.push((key.to_owned(), Operation { client, action, asked: at, answered: None }));
        Token(self.operations.len() - 1)
    }

    /// It has ended: with what was seen, or without anybody knowing what became of it.
    pub fn end(&mut self, token: Token, seen: Option<Action>, at: Duration) {
        if let (Some((_, operation)), Some(action)) = (self.operations.get_mut(token.0), seen) {
            operation.action = action;
            operation.answered = Some(at);
        }
    }

    /// The operations that say something, by key: a read that was not answered says nothing.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<String, Vec<Operation>> {
        let mut keys: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for (key, operation) in &self.operations {
            if operation.action != Action::Read(None) {
                keys.entry(key.clone()).or_default().push(operation.clone());
            }
        }
        keys
    }

    /// Times longer than `longest` in which nothing that was asked of a shard was answered: the shard, the last answer before and the
    /// first one after. A shard is what a key begins with, up to its first stroke.
    #[must_use]
    pub fn gaps(&self, longest: Duration) -> Vec<Gap> {
        let mut shards: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for (key, operation) in &self.operations {
            let shard = key.split('/').next().unwrap_or_default();
            shards.entry(shard).or_default().extend(operation.answered);
        }
        let mut gaps = Vec::new();
        for (shard, mut answers) in shards {
            answers.sort_unstable();
            let apart = answers.windows(2).filter(|pair| pair[1] - pair[0] > longest);
            gaps.extend(apart.map(|pair| Gap { shard: shard.to_owned(), from: pair[0], to: pair[1] }));
        }
        gaps
    }

    /// How many operations were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.operations.iter().filter(|(_, operation)| operation.answered.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_time_without_answers_from_one_shard() {
        let s = Duration::from_secs;
        let mut history = History::default();
        for (key, asked, answered) in [
            ("a/cap", 1, Some(2)),
            ("a/guard", 2, Some(3)),
            ("a/cap", 4, None),
            ("a/cap", 6, Some(8)),
            ("b/cap", 1, Some(5)),
        ] {
            let token = history.begin(1, key, Action::Write(1), s(asked));
            history.end(token, answered.map(|_| Action::Write(1)), s(answered.unwrap_or(9)));
        }
        assert_eq!(history.gaps(s(1)), [Gap { shard: "a".to_owned(), from: s(3), to: s(8) }]);
        assert_eq!(history.gaps(s(5)), []);
    }
}
