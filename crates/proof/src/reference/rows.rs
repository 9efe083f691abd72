//! Rows: demand in order of precedence, small gangs folded, and where each row stands in the cycle.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use argosy_engine::{Policy, View};
use argosy_model::fleet::Class;
use argosy_model::{
    Claim, Machine, NeedKey, NeedMark, Profile, Resources, Shape, ShapeIx, ShardTime, State, Sym, Vocabulary,
};

use super::Fit;
use super::measure::{Amounts, Measure};
use super::piles::attributed;
use crate::plant::{self, Plant};

/// Whether a row takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Seeking,
    Parked,
    Retreating,
    Evicted,
}

/// One row.
pub(super) struct Row<'a> {
    pub(super) key: NeedKey,
    pub(super) profile: &'a Profile,
    pub(super) aggregate: Resources,
    pub(super) min_unit: Resources,
    arrival: ShardTime,
    /// The needs that it stands for, with their versions.
    pub(super) members: Vec<(NeedKey, u32)>,
    pub(super) measure: Measure,
    pub(super) part: Part,
    pub(super) is_probing: bool,
    pub(super) mark: NeedMark,
    /// What it still lacks.
    pub(super) short: Amounts,
    /// Machines that it has or gets, by domain; kept only where it spreads.
    pub(super) counts: BTreeMap<Sym, u32>,
    /// The domain that it is confined to.
    pub(super) domain: Option<Sym>,
    /// Whether it has its own machines before all others.
    pub(super) is_held: bool,
    pub(super) holds_on: bool,
    pub(super) has_host: bool,
    /// Whether caps kept it from something that helps when it last acquired.
    pub(super) is_capped: bool,
    pub(super) bootstraps: u32,
    pub(super) provisions: u32,
    pub(super) victims: u32,
    pub(super) freed: Amounts,
}

impl<'a> Row<'a> {
    fn new(key: NeedKey, profile: &'a Profile, aggregate: Resources, min_unit: Resources, arrival: ShardTime) -> Self {
        let in_pieces = profile.same_key().is_some() || key.fold != 0 || plant::is(Plant::MachinesNotAmounts);
        let measure =
            if in_pieces { Measure::in_pieces(&aggregate, &min_unit) } else { Measure::in_resources(&aggregate) };
        Self {
            key,
            profile,
            aggregate,
            min_unit,
            arrival,
            members: Vec::new(),
            part: Part::Seeking,
            is_probing: false,
            mark: NeedMark::default(),
            short: measure.want.clone(),
            freed: measure.none(),
            measure,
            counts: BTreeMap::new(),
            domain: None,
            is_held: false,
            holds_on: false,
            has_host: false,
            is_capped: false,
            bootstraps: 0,
            provisions: 0,
            victims: 0,
        }
    }

    pub(super) fn is_same(&self) -> bool {
        self.profile.same_key().is_some()
    }

    /// A gang: held whole or not at all.
    pub(super) fn is_gang(&self) -> bool {
        self.is_same() && self.key.group.is_some()
    }

    pub(super) fn was_whole(&self) -> bool {
        self.is_gang() && self.mark.was_whole
    }

    pub(super) fn is_short(&self) -> bool {
        self.short.iter().any(|amount| *amount > 0)
    }

    pub(super) fn claim(&self) -> Claim {
        claim_of(&self.key)
    }

    /// What a machine of this shape is to the row; `None` if it will not do.
    pub(super) fn fit(&self, shape: &Shape, words: &Vocabulary) -> Option<Fit> {
        if !self.profile.admits(shape, words) || !shape.resources.covers(&self.min_unit) {
            return None;
        }
        let key = self.profile.same_key().or_else(|| self.profile.spread().map(|spread| spread.key));
        let place = match key {
            Some(key) => Some(words.attribute(shape, key)?),
            None => None,
        };
        Some(Fit { place, amounts: self.measure.of(&shape.resources) })
    }

    /// Takes up what is remembered of it.
    fn stand(&mut self, mark: NeedMark, policy: &Policy, now: ShardTime) {
        self.mark = mark;
        if self.is_gang() && mark.retreat_until.is_some_and(|until| now < until) {
            self.part = Part::Retreating;
            return;
        }
        let Some(hopeless) = mark.hopeless_since else { return };
        if now.since(hopeless) < policy.park_after || plant::is(Plant::NeverPark) {
            return;
        }
        let last_try = match mark.probed_at {
            Some(probed) => probed.max(hopeless),
            None => hopeless.plus(policy.park_after),
        };
        self.is_probing = now.since(last_try) >= policy.probe_every;
        self.part = if self.is_probing { Part::Seeking } else { Part::Parked };
    }
}

/// What machines are acquired under for a need.
pub(super) fn claim_of(key: &NeedKey) -> Claim {
    Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group }
}

/// All rows, by priority descending, then arrival, then key.
pub(super) fn list<'a>(view: &View<'a>, shapes: &[(ShapeIx, &Shape)]) -> Vec<Row<'a>> {
    let words = &view.fleet.words;
    let mut rows: BTreeMap<NeedKey, Row<'a>> = BTreeMap::new();
    for need in view.demand.by_precedence() {
        let profile = words.profile_of(need.key.profile);
        let fits_one = |shape: &Shape| profile.admits(shape, words) && shape.resources.covers(&need.aggregate);
        let folds = profile.same_key().is_some()
            && !need.aggregate.is_zero()
            && shapes.iter().any(|(ix, shape)| fits_one(shape) && counts_for_fold(view, *ix))
            && !has_own(view, &need.key)
            && !plant::is(Plant::NeverFold);
        let plain = if folds { words.find_profile(&profile.without_same()) } else { None };
        let Some(plain) = plain else {
            let row = Row::new(need.key, profile, need.aggregate.clone(), need.min_unit.clone(), need.arrival);
            rows.insert(need.key, Row { members: vec![(need.key, need.version)], ..row });
            continue;
        };
        let key = NeedKey { profile: plain, group: None, fold: fold_number(&need.aggregate), ..need.key };
        let (mut sum, mut arrival, mut members) = (Resources::none(), need.arrival, Vec::new());
        if let Some(folded) = rows.remove(&key) {
            (sum, arrival, members) = (folded.aggregate, folded.arrival.min(arrival), folded.members);
        }
        sum.add(&need.aggregate);
        members.push((need.key, need.version));
        let row = Row::new(key, words.profile_of(plain), sum, need.aggregate.clone(), arrival);
        rows.insert(key, Row { members, ..row });
    }
    let mut rows: Vec<Row<'a>> = rows.into_values().collect();
    let comes_last = |row: &Row<'_>| row.key.fold != 0 && plant::is(Plant::FoldedLast);
    rows.sort_by_key(|row| (Reverse(row.profile.priority), comes_last(row), row.arrival, row.key));
    for row in &mut rows {
        row.stand(view.demand.mark(&row.key), view.policy, view.now);
    }
    rows
}

/// Whether some machine is a need's own: then it does not fold, or what it has would no longer fit.
fn has_own(view: &View<'_>, key: &NeedKey) -> bool {
    let claim = Some(claim_of(key));
    let is_own = |(_, machine): (_, &Machine)| attributed(&Class::of(machine)) == claim;
    !plant::is(Plant::FoldsWhatServes) && view.fleet.iter().any(is_own)
}

/// Whether gangs may fold because of a shape. States must not matter, or a binding would fold and unfold them.
fn counts_for_fold(view: &View<'_>, shape: ShapeIx) -> bool {
    let is_free = |(_, machine): (_, &Machine)| {
        machine.shape == shape && matches!(machine.state, State::Idle | State::Speculative)
    };
    !plant::is(Plant::FoldByFree) || view.fleet.iter().any(is_free)
}

/// FNV-1a over the dimensions and amounts of one gang, as little-endian words; never zero.
fn fold_number(aggregate: &Resources) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (dim, amount) in aggregate.iter() {
        for byte in [dim.index() as u64, amount].into_iter().flat_map(u64::to_le_bytes) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash.max(1)
}
