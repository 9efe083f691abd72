//! The book: every machine, and the rules of the contract over them. No I/O and no clock.
//!
//! A change marks its record; the desk writes marked records to disk before anybody hears of them.

mod breaker;
mod inventory;
mod listing;
mod mutate;
mod offering;
mod record;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use self::breaker::BreakerRules;
use self::breaker::Breakers;
pub(crate) use self::record::{Record, Stage};
pub(crate) use self::work::Next;
use argosy_provider::contract::Kind;

/// Rules that are fixed for a run.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Named in host references.
    pub(crate) provider: String,
    /// Lets the zero token pass.
    pub(crate) allow_unfenced: bool,
    /// Hosts can be given back.
    pub(crate) deletes: bool,
    /// When slots are held back.
    pub(crate) breaker: BreakerRules,
}

/// What a run begins with.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Of this book and no other: part of every key, so that a book that begins anew never uses a key again.
    pub(crate) book: String,
    pub(crate) records: BTreeMap<String, Record>,
}

/// The machines.
#[derive(Debug)]
pub(crate) struct Book {
    rules: Rules,
    name: String,
    records: BTreeMap<String, Record>,
    revision: u64,
    /// Of this run; a cursor of another one is not known.
    run: Uuid,
    changed: BTreeSet<String>,
    breakers: Breakers,
}

impl Book {
    pub(crate) fn new(rules: Rules, stored: Stored) -> Self {
        let mut book = Self {
            breakers: Breakers::new(rules.breaker),
            rules,
            name: stored.book,
            records: stored.records,
            revision: 0,
            run: Uuid::new_v4(),
            changed: BTreeSet::new(),
        };
        for record in book.records.values_mut() {
            book.revision += 1;
            record.revision = book.revision;
        }
        book
    }

    /// Changes a record, so that listings show it and the store keeps it.
    fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Record) -> T) -> Option<T> {
        let record = self.records.get_mut(id)?;
        let value = change(record);
        self.revision += 1;
        record.revision = self.revision;
        self.changed.insert(id.to_owned());
        Some(value)
    }

    /// What happened since the last call, for the store.
    pub(crate) fn take_changed(&mut self) -> Vec<(String, Record)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|id| self.records.get(&id).cloned().map(|record| (id, record))).collect()
    }

    /// Where the order of changes stands.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Names the transition of that kind that was accepted last; a new name for each that is accepted, in this book or any other.
    fn key(&self, id: &str, record: &Record, kind: Kind) -> String {
        format!("{}-{id}-{}-{}", kind.name(), record.rounds[kind as usize], self.name)
    }
}
