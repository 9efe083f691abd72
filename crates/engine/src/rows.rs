//! Rows: demand as the phases see it. Small gangs that each fit on one machine are folded into plain rows.
//!
//! A gang folds if some shape in the fleet (in any state but Failed) meets its profile and holds its whole aggregate: its
//! members then share a machine, and with it every topology domain. It does not while a machine is its own, bound or on its
//! way: a gang that serves on several machines is not put on one because a larger shape has come. Gangs of one cluster, profile and aggregate become
//! one row that is measured in whole gangs. The row keeps the order of precedence by its earliest gang.

use std::cmp::Reverse;
use std::sync::Arc;

use argosy_model::{Claim, Demand, Need, NeedKey, Profile, ProfileIx, Resources, ShardTime, Vocabulary};
use smallvec::{SmallVec, smallvec};

use crate::catalogue::Catalogue;
use crate::hash::Lookup;
use crate::yardstick::Yardstick;

/// Handle of a row. Which row comes first the order of precedence says, not the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowIx(u32);

impl RowIx {
    pub(crate) fn from_index(at: usize) -> Self {
        Self(u32::try_from(at).expect("fewer than 2^32 needs"))
    }

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// One row of demand.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What tells it from others.
    pub(crate) key: NeedKey,
    /// What it asks of machines.
    pub(crate) profile: Arc<Profile>,
    /// What it asks in all.
    pub(crate) aggregate: Resources,
    /// What every machine must hold.
    pub(crate) min_unit: Resources,
    /// Since when it is known.
    pub(crate) arrival: ShardTime,
    /// The rows of demand it stands for, with their versions, in order of precedence. None once it is gone.
    pub(crate) members: SmallVec<[(NeedKey, u32); 1]>,
}

/// What decides which row comes first; the least does.
pub(crate) type Precedence = (Reverse<i32>, ShardTime, NeedKey);

impl Row {
    fn plain(need: &Need, profile: &Arc<Profile>) -> Self {
        Self {
            key: need.key,
            profile: Arc::clone(profile),
            aggregate: need.aggregate.clone(),
            min_unit: need.min_unit.clone(),
            arrival: need.arrival,
            members: smallvec![(need.key, need.version)],
        }
    }

    /// A row that will stand for gangs with this aggregate.
    fn folded(key: NeedKey, profile: &Arc<Profile>) -> Self {
        Self {
            key,
            profile: Arc::clone(profile),
            aggregate: Resources::none(),
            min_unit: Resources::none(),
            arrival: ShardTime(u64::MAX),
            members: SmallVec::new(),
        }
    }

    /// Adds up a folded row's gangs anew.
    fn add_up(&mut self, demand: &Demand) {
        let needs = self.members.iter().map(|(key, _)| demand.get(key).expect("a gang that is there"));
        let mut needs: Vec<&Need> = needs.collect();
        needs.sort_unstable_by_key(|need| (need.arrival, need.key));
        self.aggregate = Resources::none();
        needs.iter().for_each(|need| self.aggregate.add(&need.aggregate));
        if let Some(first) = needs.first() {
            (self.arrival, self.min_unit) = (first.arrival, first.aggregate.clone());
        }
        self.members = needs.iter().map(|need| (need.key, need.version)).collect();
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

    pub(crate) fn precedence(&self) -> Precedence {
        (Reverse(self.profile.priority), self.arrival, self.key)
    }
}

/// What the machines of a need are claimed under.
pub(crate) fn claim_of(key: &NeedKey) -> Claim {
    Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group }
}

/// All demand in order of precedence, small gangs folded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    vacant: Vec<RowIx>,
    order: Vec<RowIx>,
    /// By row: its position in the order.
    rank: Vec<u32>,
    /// The row that stands for a need, and the row with a fold's key.
    by_key: Lookup<NeedKey, RowIx>,
    folds: Lookup<(ProfileIx, Resources), Option<ProfileIx>>,
    /// Whether some gang would fold if only its plain profile were known.
    pub(crate) is_profile_missing: bool,
}

impl Rows {
    /// All rows, in order of precedence.
    pub(crate) fn order(&self) -> &[RowIx] {
        &self.order
    }

    /// A row's position in the order of precedence.
    pub(crate) fn rank(&self, row: RowIx) -> u32 {
        self.rank[row.at()]
    }

    pub(crate) fn get(&self, row: RowIx) -> &Row {
        &self.rows[row.at()]
    }

    /// Whether a handle stands for no row any more.
    pub(crate) fn is_gone(&self, ix: RowIx) -> bool {
        self.order.get(self.rank[ix.at()] as usize) != Some(&ix)
    }

    /// How many handles have been given out.
    pub(crate) fn handles(&self) -> usize {
        self.rows.len()
    }

    /// The row with this key; for a gang that is folded, the row that stands for it.
    pub(crate) fn find(&self, key: &NeedKey) -> Option<RowIx> {
        self.by_key.get(key).copied()
    }

    /// The key of the row that is to stand for a need; `owns` if some machine is its own.
    pub(crate) fn place(&mut self, need: &Need, owns: bool, catalogue: &mut Catalogue, words: &Vocabulary) -> NeedKey {
        if owns || words.profile_of(need.key.profile).same_key().is_none() {
            return need.key;
        }
        let plain = match self.folds.get(&(need.key.profile, need.aggregate.clone())) {
            Some(known) => *known,
            None => {
                let plain = self.folds_into(need, catalogue, words);
                self.folds.insert((need.key.profile, need.aggregate.clone()), plain);
                plain
            }
        };
        let folded = |plain| NeedKey { profile: plain, group: None, fold: fold_hash(&need.aggregate), ..need.key };
        plain.map_or(need.key, folded)
    }

    /// The profile of the plain row that a gang folds into, if it folds.
    fn folds_into(&mut self, need: &Need, catalogue: &mut Catalogue, words: &Vocabulary) -> Option<ProfileIx> {
        if need.aggregate.is_zero() {
            return None;
        }
        let Some(plain) = words.find_profile(&words.profile_of(need.key.profile).without_same()) else {
            self.is_profile_missing = true;
            return None;
        };
        let (_, shapes) = catalogue.admitted(need.key.profile, words);
        shapes.iter().any(|ix| catalogue.shape(*ix).resources.covers(&need.aggregate)).then_some(plain)
    }

    /// Takes in a need under the key of its row. A folded row must be added up before it is used.
    pub(crate) fn put(&mut self, need: &Need, key: NeedKey, words: &Vocabulary) -> RowIx {
        let profile = words.profile_of(key.profile);
        let ix = match self.by_key.get(&key) {
            Some(known) => *known,
            None => self.take_handle(key, Row::folded(key, profile)),
        };
        if key == need.key {
            self.rows[ix.at()] = Row::plain(need, profile);
        } else {
            self.rows[ix.at()].members.push((need.key, need.version));
            self.by_key.insert(need.key, ix);
        }
        ix
    }

    fn take_handle(&mut self, key: NeedKey, row: Row) -> RowIx {
        let ix = match self.vacant.pop() {
            Some(ix) => {
                self.rows[ix.at()] = row;
                ix
            }
            None => {
                self.rows.push(row);
                RowIx::from_index(self.rows.len() - 1)
            }
        };
        self.by_key.insert(key, ix);
        ix
    }

    /// Puts a plain row's need in the place of what it was.
    pub(crate) fn replace(&mut self, ix: RowIx, need: &Need) {
        let row = &mut self.rows[ix.at()];
        assert!(row.key == need.key, "a plain row stands for its own need");
        *row = Row::plain(need, &Arc::clone(&row.profile));
    }

    /// Takes a need out of the row that stands for it.
    pub(crate) fn withdraw(&mut self, key: &NeedKey) {
        if let Some(ix) = self.by_key.remove(key) {
            self.rows[ix.at()].members.retain(|(member, _)| member != key);
        }
    }

    /// Adds up a row's gangs, if it is folded.
    pub(crate) fn add_up(&mut self, ix: RowIx, demand: &Demand) {
        let row = &mut self.rows[ix.at()];
        if row.key.fold != 0 {
            row.add_up(demand);
        }
    }

    /// Lets go of rows that stand for nothing any more.
    pub(crate) fn release(&mut self, gone: &[RowIx]) {
        for ix in gone {
            let key = self.rows[ix.at()].key;
            if self.by_key.get(&key) == Some(ix) {
                self.by_key.remove(&key);
            }
            self.vacant.push(*ix);
        }
    }

    /// Puts all rows in order, from nothing.
    pub(crate) fn sort(&mut self) {
        let numbered = (0..).map(RowIx).zip(&self.rows).filter(|(_, row)| !row.members.is_empty());
        let mut keyed: Vec<(Precedence, RowIx)> = numbered.map(|(ix, row)| (row.precedence(), ix)).collect();
        keyed.sort_unstable();
        self.order = keyed.into_iter().map(|(_, ix)| ix).collect();
        self.number();
    }

    /// Puts rows in order that came or have another place now, and takes `gone` ones out. All of `moved` are taken out first.
    pub(crate) fn reorder(&mut self, gone: &[RowIx], moved: &[RowIx]) {
        let mut out = vec![false; self.rows.len()];
        gone.iter().chain(moved).for_each(|ix| out[ix.at()] = true);
        let mut came: Vec<(Precedence, RowIx)> = moved.iter().map(|ix| (self.get(*ix).precedence(), *ix)).collect();
        came.sort_unstable();
        let mut stay = std::mem::take(&mut self.order);
        stay.retain(|ix| !out[ix.at()]);
        let mut order = Vec::with_capacity(stay.len() + came.len());
        let mut done = 0;
        for (precedence, ix) in came {
            let before = done + stay[done..].partition_point(|other| self.get(*other).precedence() < precedence);
            order.extend_from_slice(&stay[done..before]);
            order.push(ix);
            done = before;
        }
        order.extend_from_slice(&stay[done..]);
        self.order = order;
        self.number();
    }

    fn number(&mut self) {
        self.rank.resize(self.rows.len(), 0);
        for (rank, ix) in (0..).zip(&self.order) {
            self.rank[ix.at()] = rank;
        }
    }
}

/// What tells folded rows of one profile apart: FNV-1a over one gang's aggregate, never zero.
fn fold_hash(aggregate: &Resources) -> u64 {
    let words = aggregate.iter().flat_map(|(dim, amount)| [dim.index() as u64, amount]);
    let hash = words
        .flat_map(u64::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
}
