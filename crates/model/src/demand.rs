//! Demand: what every cluster says it needs, in order of precedence.
//!
//! A cluster's contribution is replaced as a whole, never merged; the log carries it as a delta against the last
//! accepted one. Next to each need stands its mark: what decide must remember of it between cycles, as moments, never
//! as counters.

use std::cmp::Reverse;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::ids::{ClusterIx, GroupIx, ProfileIx};
use crate::journal::{Edition, Journal};
use crate::resources::Resources;
use crate::time::ShardTime;
use crate::vocabulary::Vocabulary;

/// What tells one need from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeedKey {
    /// Whose it is.
    pub cluster: ClusterIx,
    /// What it asks.
    pub profile: ProfileIx,
    /// The gang, if it is one.
    pub group: Option<GroupIx>,
    /// Zero; for a row that decide folds out of small gangs, a hash of one gang's aggregate.
    pub fold: u64,
}

/// One row of demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What tells it from others.
    pub key: NeedKey,
    /// The vector sum to be covered.
    pub aggregate: Resources,
    /// The largest indivisible piece: every machine must hold at least one.
    pub min_unit: Resources,
    /// When the shard first heard of it.
    pub arrival: ShardTime,
    /// Rises with every change of the row; plans carry it.
    pub version: u32,
}

/// What decide remembers of a need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NeedMark {
    /// Since when it is short.
    pub unmet_since: Option<ShardTime>,
    /// Since when it is short, acquires nothing, and no domain could host it: it parks when this is old enough.
    pub hopeless_since: Option<ShardTime>,
    /// When a parked need was last allowed a try.
    pub probed_at: Option<ShardTime>,
    /// Since when its gang is being put together.
    pub assembling_since: Option<ShardTime>,
    /// Whether its gang has been whole: from then on a loss makes it degraded, not unassembled.
    pub was_whole: bool,
    /// Until when a gang that could not be put together in time leaves the field to others.
    pub retreat_until: Option<ShardTime>,
}

/// What the shard knows of a cluster's reporting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reporting {
    /// Whether it has ever reported: until then nothing of its is reclaimed.
    pub heard: bool,
    /// How many reports in a row looked like an accident and were held back.
    pub quarantined: u8,
    /// Rows in its last accepted roll-up.
    pub rows: u32,
}

/// One write to the demand: what of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DemandChange {
    /// A row came, changed or went.
    Need(NeedKey),
    /// What decide remembers of a row changed.
    Mark(NeedKey),
    /// What is known of a cluster's reporting changed.
    Reporting(ClusterIx),
}

type Precedence = (Reverse<i32>, ShardTime, NeedKey);

/// Which part of all rows may be written between two looks of whoever follows the demand: more of them are listed anew sooner than
/// followed.
const FOLLOWED: usize = 2;

/// The demand on a shard. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    needs: OrdMap<NeedKey, Need>,
    order: OrdSet<Precedence>,
    marks: OrdMap<NeedKey, NeedMark>,
    clusters: Column<Reporting>,
    changes: Journal<DemandChange>,
}

impl Demand {
    /// A need by its key.
    pub fn get(&self, key: &NeedKey) -> Option<&Need> {
        self.needs.get(key)
    }

    /// All needs: priority descending, then arrival, then key.
    pub fn by_precedence(&self) -> impl Iterator<Item = &Need> {
        self.order.iter().map(|(_, _, key)| &self.needs[key])
    }

    /// All needs of one cluster, by key.
    pub fn of_cluster(&self, cluster: ClusterIx) -> impl Iterator<Item = &Need> {
        self.needs.range(first_key(cluster)..).take_while(move |(key, _)| key.cluster == cluster).map(|(_, need)| need)
    }

    /// All needs, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Need> {
        self.needs.values()
    }

    /// How many needs there are.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Whether nobody needs anything.
    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// Puts a row in, or in the place of the row with its key. A row that stays keeps its arrival; every change raises
    /// the version.
    pub fn put(&mut self, key: NeedKey, aggregate: Resources, min_unit: Resources, now: ShardTime, words: &Vocabulary) {
        let priority = words.profile_of(key.profile).priority;
        let (arrival, version) = match self.needs.get(&key) {
            Some(old) if old.aggregate == aggregate && old.min_unit == min_unit => return,
            Some(old) => (old.arrival, old.version.wrapping_add(1)),
            None => (now, 0),
        };
        self.order.insert((Reverse(priority), arrival, key));
        let content = (DemandChange::Need(key), &aggregate, &min_unit, arrival, version, words.stamp());
        self.changes.write(DemandChange::Need(key), &content);
        self.needs.insert(key, Need { key, aggregate, min_unit, arrival, version });
        self.changes.reach(self.needs.len() / FOLLOWED);
    }

    /// Takes a row out, with its mark.
    pub fn withdraw(&mut self, key: &NeedKey, words: &Vocabulary) -> Option<Need> {
        let need = self.needs.remove(key)?;
        let priority = words.profile_of(key.profile).priority;
        let was_ordered = self.order.remove(&(Reverse(priority), need.arrival, *key)).is_some();
        assert!(was_ordered, "a need stands in the order exactly while it stands in the table");
        self.marks.remove(key);
        self.changes.write(DemandChange::Need(*key), &DemandChange::Need(*key));
        Some(need)
    }

    /// What decide remembers of a need; the default if nothing.
    pub fn mark(&self, key: &NeedKey) -> NeedMark {
        self.marks.get(key).copied().unwrap_or_default()
    }

    /// Remembers something of a need; the default forgets it.
    pub fn set_mark(&mut self, key: NeedKey, mark: NeedMark) {
        self.changes.write(DemandChange::Mark(key), &(DemandChange::Mark(key), mark));
        if mark == NeedMark::default() {
            self.marks.remove(&key);
        } else {
            self.marks.insert(key, mark);
        }
    }

    /// How many needs something is remembered of.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// All marks, by key.
    pub fn marks(&self) -> impl Iterator<Item = (&NeedKey, &NeedMark)> {
        self.marks.iter()
    }

    /// What is known of a cluster's reporting.
    pub fn reporting(&self, cluster: ClusterIx) -> Reporting {
        self.clusters.get(cluster.index()).copied().unwrap_or_default()
    }

    /// Notes something about a cluster's reporting.
    pub fn set_reporting(&mut self, cluster: ClusterIx, reporting: Reporting) {
        self.changes.write(DemandChange::Reporting(cluster), &(DemandChange::Reporting(cluster), reporting));
        self.clusters.put(cluster.index(), reporting);
    }

    /// What the writes to this demand have come to.
    pub fn edition(&self) -> Edition {
        self.changes.edition()
    }

    /// The writes since `edition`, oldest first; `None` if they are not known any more, or this demand never had that edition.
    pub fn changes_since(&self, edition: Edition) -> Option<impl Iterator<Item = &DemandChange>> {
        self.changes.since(edition)
    }

    /// All clusters that have reported.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterIx, &Reporting)> {
        self.clusters.iter().map(|(cluster, reporting)| (ClusterIx::from_index(cluster), reporting))
    }

    /// Builds demand from stored parts. `None` if a need refers to a profile that is not in `words`, or stands twice.
    pub fn restore(
        needs: impl IntoIterator<Item = Need>,
        marks: impl IntoIterator<Item = (NeedKey, NeedMark)>,
        clusters: impl IntoIterator<Item = (ClusterIx, Reporting)>,
        words: &Vocabulary,
    ) -> Option<Self> {
        let mut demand = Self::default();
        for (cluster, reporting) in clusters {
            demand.set_reporting(cluster, reporting);
        }
        for need in needs {
            if !words.has_profile(need.key.profile) {
                return None;
            }
            let priority = words.profile_of(need.key.profile).priority;
            demand.order.insert((Reverse(priority), need.arrival, need.key));
            let content = (&need.aggregate, &need.min_unit, need.arrival, need.version, words.stamp());
            demand.changes.write(DemandChange::Need(need.key), &(need.key, content));
            if demand.needs.insert(need.key, need).is_some() {
                return None;
            }
            demand.changes.reach(demand.needs.len() / FOLLOWED);
        }
        for (key, mark) in marks {
            demand.set_mark(key, mark);
        }
        Some(demand)
    }
}

/// The least key that a need of `cluster` can have.
fn first_key(cluster: ClusterIx) -> NeedKey {
    NeedKey { cluster, profile: ProfileIx::from_index(0), group: None, fold: 0 }
}
