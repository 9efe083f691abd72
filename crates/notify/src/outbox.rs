//! The outbox: transitions that some sink has not been told yet, and how far each sink is.
//!
//! It lies in the state of a shard. With no sink nothing is kept, and nothing is paid. With sinks it is bounded: of more than
//! [`MAX_KEPT`] transitions the oldest go, and every sink that had not been told counts them as lost and tells its receiver so.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::ShardTime;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::file::SinkFile;
use crate::sink::Sink;
use crate::transition::{Transition, text};

/// Most transitions that are kept.
pub const MAX_KEPT: usize = 100_000;
/// Most sinks that one confirmation may speak of.
const MAX_PROGRESS: usize = 64;

/// Names a transition for ever: the log index of its entry, and its place among the transitions of that entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Log index of the entry.
    pub index: u64,
    /// Its place.
    pub ordinal: u32,
}

impl Key {
    /// The first place behind it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { index: self.index, ordinal: self.ordinal + 1 }
    }

    /// The first place of an entry.
    #[must_use]
    pub const fn first_of(index: u64) -> Self {
        Self { index, ordinal: 0 }
    }
}

/// What has become of a sink's transitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Taken by the receiver.
    pub delivered: u64,
    /// Given up: the receiver turned them down too often.
    pub dead: u64,
    /// Gone from a full outbox before they could be told.
    pub lost: u64,
}

/// The last message that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Which.
    pub key: Key,
    /// When.
    pub at: ShardTime,
    /// What the receiver said.
    pub why: String,
}

/// A sink, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// It.
    pub sink: Arc<Sink>,
    /// Everything before this has been dealt with.
    pub cursor: Key,
    /// How.
    pub counts: Counts,
    /// The last message that was given up.
    pub dead_letter: Option<Box<DeadLetter>>,
}

/// How far a sink has come, as its leader found out. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The sink's name.
    pub sink: String,
    /// Log index of the file that the leader went by.
    pub revision: u64,
    /// Everything before this has been dealt with.
    pub through: Key,
    /// So many of it were taken.
    pub delivered: u32,
    /// So many of it were given up.
    pub dead: u32,
    /// The last that was, and what the receiver said.
    pub dead_letter: Option<(Key, String)>,
}

/// One transition that a sink is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub key: Key,
    /// It.
    pub transition: Arc<Transition>,
}

/// The outbox of a shard. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    revision: u64,
    sinks: OrdMap<String, Kept>,
    transitions: OrdMap<Key, Arc<Transition>>,
    below_min: OrdSet<Arc<str>>,
}

/// One part of it in a snapshot. Append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// When the sinks were set.
    Revision(u64),
    /// A sink.
    Sink(Kept),
    /// A transition.
    Transition(Key, Arc<Transition>),
    /// A pool that has fewer machines that work than its least size.
    BelowMin(Arc<str>),
}

impl Outbox {
    /// Whether there is nobody to tell.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Log index at which the sinks were set; 0 if they never were.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The sinks, by name.
    pub fn sinks(&self) -> impl ExactSizeIterator<Item = &Kept> + '_ {
        self.sinks.values()
    }

    /// The sink of this name.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&Kept> {
        self.sinks.get(name)
    }

    /// Transitions that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transitions.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty()
    }

    /// All sinks as a file.
    #[must_use]
    pub fn file(&self) -> SinkFile {
        SinkFile { sinks: self.sinks.values().map(|kept| (*kept.sink).clone()).collect(), ..SinkFile::default() }
    }

    /// What a sink is to be told from `from` on, in order.
    pub fn pending<'a>(&'a self, sink: &'a Sink, from: Key) -> impl Iterator<Item = Delivery> + 'a {
        let behind = self.transitions.range(from..);
        let wanted = behind.filter(|(_, transition)| sink.wants(transition));
        wanted.map(|(key, transition)| Delivery { key: *key, transition: Arc::clone(transition) })
    }

    /// Whether a sink has still to be told that a machine began to leave in the entry at `index`.
    #[must_use]
    pub fn owes_drain(&self, kept: &Kept, index: u64, machine: &str) -> bool {
        let from = kept.cursor.max(Key::first_of(index));
        let of_entry = self.transitions.range(from..Key::first_of(index + 1));
        of_entry.into_iter().any(|(_, transition)| transition.is_drain_of(machine) && kept.sink.wants(transition))
    }

    /// Whether a transition is kept from `from` on and before `to`.
    #[must_use]
    pub fn has_between(&self, from: Key, to: Key) -> bool {
        from < to && self.transitions.range(from..to).next().is_some()
    }

    /// Puts sinks in force as of the entry at `index`. One that was there goes on where it is; a new one is told what happens from now on.
    pub fn set(&mut self, file: SinkFile, index: u64) {
        let begin = Key::first_of(index);
        let kept = |sink: Sink| {
            let known = self.sinks.get(&sink.name).cloned();
            let fresh = || Kept { sink: Arc::default(), cursor: begin, counts: Counts::default(), dead_letter: None };
            (sink.name.clone(), Kept { sink: Arc::new(sink), ..known.unwrap_or_else(fresh) })
        };
        self.sinks = file.sinks.into_iter().map(kept).collect();
        self.revision = index;
        if self.sinks.is_empty() {
            self.below_min.clear();
        }
        self.trim();
    }

    /// Keeps a transition of the entry at `index`, if a sink wants it.
    pub fn record(&mut self, index: u64, transition: Transition) {
        if !self.sinks.values().any(|kept| kept.sink.wants(&transition)) {
            return;
        }
        let last = self.transitions.get_max().map(|(key, _)| *key);
        let key = last.filter(|last| last.index == index).map_or(Key::first_of(index), Key::next);
        self.transitions.insert(key, Arc::new(transition));
        if self.transitions.len() > MAX_KEPT {
            self.drop_oldest();
        }
    }

    /// Moves cursors on. What names no sink of the file it went by, or does not move a cursor on, is ignored.
    pub fn confirm(&mut self, all: &[Progress], now: ShardTime) {
        for progress in all.iter().take(MAX_PROGRESS) {
            let Some(kept) = self.sinks.get_mut(&progress.sink) else { continue };
            if progress.revision != self.revision || progress.through <= kept.cursor {
                continue;
            }
            kept.cursor = progress.through;
            kept.counts.delivered += u64::from(progress.delivered);
            kept.counts.dead += u64::from(progress.dead);
            if let Some((key, why)) = &progress.dead_letter {
                kept.dead_letter = Some(Box::new(DeadLetter { key: *key, at: now, why: text(why).to_string() }));
            }
        }
        self.trim();
    }

    /// Notes whether a pool has its least size, and says whether that is news.
    pub fn note_min(&mut self, pool: &str, below: bool) -> bool {
        match below {
            true => self.below_min.insert(Arc::from(pool)).is_none(),
            false => self.below_min.remove(pool).is_some(),
        }
    }

    /// Forgets a pool.
    pub fn forget_pool(&mut self, pool: &str) {
        self.below_min.remove(pool);
    }

    /// Drops what every sink has been told.
    fn trim(&mut self) {
        let Some(done) = self.sinks.values().map(|kept| kept.cursor).min() else {
            self.transitions.clear();
            return;
        };
        while let Some((key, _)) = self.transitions.get_min().filter(|(key, _)| *key < done) {
            let key = *key;
            self.transitions.remove(&key);
        }
    }

    fn drop_oldest(&mut self) {
        let Some((key, transition)) = self.transitions.get_min().cloned() else { return };
        self.transitions.remove(&key);
        let behind: Vec<String> =
            self.sinks.values().filter(|kept| kept.cursor <= key).map(|kept| kept.sink.name.clone()).collect();
        for name in behind {
            let kept = self.sinks.get_mut(&name).expect("it was just read");
            kept.cursor = key.next();
            kept.counts.lost += u64::from(kept.sink.wants(&transition));
        }
    }

    /// Everything in it, in one order; nothing of one that was never used.
    pub fn parts(&self) -> impl Iterator<Item = Stored> + '_ {
        let revision = (self.revision > 0).then_some(Stored::Revision(self.revision));
        let sinks = self.sinks.values().cloned().map(Stored::Sink);
        let transitions = self.transitions.iter().map(|(key, kept)| Stored::Transition(*key, Arc::clone(kept)));
        let below = self.below_min.iter().cloned().map(Stored::BelowMin);
        revision.into_iter().chain(sinks).chain(transitions).chain(below)
    }

    /// Puts a part back.
    pub fn restore(&mut self, part: Stored) {
        match part {
            Stored::Revision(revision) => self.revision = revision,
            Stored::Sink(kept) => drop(self.sinks.insert(kept.sink.name.clone(), kept)),
            Stored::Transition(key, transition) => drop(self.transitions.insert(key, transition)),
            Stored::BelowMin(pool) => drop(self.below_min.insert(pool)),
        }
    }

    /// How many transitions each sink has still to be told, by name.
    #[must_use]
    pub fn backlog(&self) -> BTreeMap<&str, usize> {
        let of = |kept: &Kept| self.pending(&kept.sink, kept.cursor).count();
        self.sinks.iter().map(|(name, kept)| (name.as_str(), of(kept))).collect()
    }
}
