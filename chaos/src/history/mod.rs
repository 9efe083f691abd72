//! What clients asked and were told, by key, and whether any order of one-at-a-time operations explains it.

mod linearize;

use std::collections::BTreeMap;
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

    /// How many operations were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.operations.iter().filter(|(_, operation)| operation.answered.is_some()).count()
    }
}
