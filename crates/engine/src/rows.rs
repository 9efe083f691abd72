//! Rows: demand as the phases see it. Small gangs that each fit on one machine are folded into plain rows.
//!
//! A gang folds if some shape in the fleet (in any state but Failed) meets its profile and holds its whole aggregate: its
//! members then share a machine, and with it every topology domain. Gangs of one cluster, profile and aggregate become
//! one row that is measured in whole gangs. The row keeps the order of precedence by its earliest gang.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use argosy_model::{Claim, Need, NeedKey, Profile, ProfileIx, Resources, ShardTime};
use smallvec::{SmallVec, smallvec};

use crate::View;
use crate::catalogue::Catalogue;
use crate::yardstick::Yardstick;

/// Position of a row in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowIx(pub(crate) u32);

impl RowIx {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// One row of demand.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    /// What tells it from others.
    pub(crate) key: NeedKey,
    /// What it asks of machines.
    pub(crate) profile: &'a Profile,
    /// What it asks in all.
    pub(crate) aggregate: Resources,
    /// What every machine must hold.
    pub(crate) min_unit: Resources,
    /// Since when it is known.
    pub(crate) arrival: ShardTime,
    /// The rows of demand it stands for, with their versions.
    pub(crate) members: SmallVec<[(NeedKey, u32); 1]>,
}

impl<'a> Row<'a> {
    fn plain(need: &Need, profile: &'a Profile) -> Self {
        Self {
            key: need.key,
            profile,
            aggregate: need.aggregate.clone(),
            min_unit: need.min_unit.clone(),
            arrival: need.arrival,
            members: smallvec![(need.key, need.version)],
        }
    }

    /// What its machines are claimed under.
    pub(crate) fn claim(&self) -> Claim {
        claim_of(&self.key)
    }

    /// Whether its machines must share a topology domain.
    pub(crate) fn is_same(&self) -> bool {
        self.profile.same_key().is_some()
    }

    /// Whether it is held whole or not at all: a gang. A row with `Same` and no group tolerates partial fill; rows of
    /// the stock protocol cannot say more than that (docs/adr/0041-gangs-are-atomic.md).
    pub(crate) fn is_atomic(&self) -> bool {
        self.is_same() && self.key.group.is_some()
    }

    /// In what it is measured.
    pub(crate) fn yardstick(&self) -> Yardstick {
        if self.is_same() || self.key.fold != 0 {
            Yardstick::pieces(&self.aggregate, &self.min_unit)
        } else {
            Yardstick::resources(&self.aggregate)
        }
    }

    fn precedence(&self) -> (Reverse<i32>, ShardTime, NeedKey) {
        (Reverse(self.profile.priority), self.arrival, self.key)
    }
}

/// What the machines of a need are claimed under.
pub(crate) fn claim_of(key: &NeedKey) -> Claim {
    Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group }
}

/// All demand in order of precedence, small gangs folded.
pub(crate) fn normalise<'a>(view: &View<'a>, catalogue: &mut Catalogue<'a>) -> Vec<Row<'a>> {
    let words = &view.fleet.words;
    let mut rows = Vec::with_capacity(view.demand.len());
    let mut folded: BTreeMap<NeedKey, Row<'a>> = BTreeMap::new();
    let mut memo: BTreeMap<(ProfileIx, &Resources), Option<ProfileIx>> = BTreeMap::new();
    for need in view.demand.by_precedence() {
        let profile = words.profile_of(need.key.profile);
        let plain = match profile.same_key() {
            None => None,
            Some(_) => *memo
                .entry((need.key.profile, &need.aggregate))
                .or_insert_with(|| folds_into(view, catalogue, need.key.profile, &need.aggregate)),
        };
        match plain {
            None => rows.push(Row::plain(need, profile)),
            Some(plain) => {
                let key = NeedKey { profile: plain, group: None, fold: fold_hash(&need.aggregate), ..need.key };
                let row = folded.entry(key).or_insert_with(|| Row {
                    key,
                    profile: words.profile_of(plain),
                    aggregate: Resources::none(),
                    min_unit: need.aggregate.clone(),
                    arrival: need.arrival,
                    members: SmallVec::new(),
                });
                row.aggregate.add(&need.aggregate);
                row.arrival = row.arrival.min(need.arrival);
                row.members.push((need.key, need.version));
            }
        }
    }
    if !folded.is_empty() {
        rows.extend(folded.into_values());
        rows.sort_by_cached_key(Row::precedence);
    }
    rows
}

/// The profile of the plain row that a gang folds into, if it folds.
fn folds_into(
    view: &View<'_>,
    catalogue: &mut Catalogue<'_>,
    profile: ProfileIx,
    aggregate: &Resources,
) -> Option<ProfileIx> {
    if aggregate.is_zero() {
        return None;
    }
    let plain = view.fleet.words.find_profile(&view.fleet.words.profile_of(profile).without_same())?;
    let (_, shapes) = catalogue.admitted(profile);
    shapes.iter().any(|ix| catalogue.shape(*ix).resources.covers(aggregate)).then_some(plain)
}

/// What tells folded rows of one profile apart: FNV-1a over one gang's aggregate, never zero.
fn fold_hash(aggregate: &Resources) -> u64 {
    let words = aggregate.iter().flat_map(|(dim, amount)| [dim.index() as u64, amount]);
    let hash = words
        .flat_map(u64::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
}
