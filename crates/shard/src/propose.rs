//! What a leader proposes: pure functions from the state and what has arrived to commands, or to nothing where nothing
//! would change. An unchanged roll-up or listing writes nothing to the log.

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::Plan;
use argosy_model::{NeedKey, Profile, Requirement, Resources, ShapeIx, ShardTime, Spread};

use crate::command::{Command, Observe, PlanEntry, RollUp};
use crate::judge::{self, Meaning, Record};
use crate::need_row::NeedRow;
use crate::observed::{Listing, Observed, ObservedShape};
use crate::rails;
use crate::response::DropReason;
use crate::shapes;
use crate::state::ShardState;

/// Most machines of one observation; more are split, so that an entry stays below a megabyte.
const MACHINES_PER_ENTRY: usize = 1_024;
/// Most bytes of one entry of a plan; a unit that is larger goes alone.
const PLAN_BYTES: usize = 1 << 20;

/// What a listing gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservationDiff {
    /// To be proposed, in this order; empty if nothing has changed.
    pub commands: Vec<Command>,
    /// Records that break a rule; the last good one is kept.
    pub screened: u32,
    /// Records of machines of other shards.
    pub foreign: u32,
}

/// What a rehearsal of a plan gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsed {
    /// What would hold: to be proposed unless it is empty.
    pub plan: Plan,
    /// What would be dropped, by position in the plan that was rehearsed.
    pub dropped: Vec<(u32, DropReason)>,
}

impl ShardState {
    /// The command that makes `rows` the demand of `cluster`; `None` if it is that already.
    ///
    /// The first report of a cluster is always written, even an empty one: it opens the gate. Rows of equal identity are
    /// added up, as the protocol's aggregation does.
    pub fn diff_rollup(&self, cluster: &str, rows: &[NeedRow]) -> Option<Command> {
        let known = self.fleet.words.find_cluster(cluster);
        let reporting = known.map(|cluster| self.demand.reporting(cluster)).unwrap_or_default();
        let rows = merged(rows);
        let mut stays = BTreeSet::new();
        let mut put = Vec::new();
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for row in rows {
            match known.and_then(|cluster| self.need_of(cluster, &row)) {
                Some((key, true)) => drop(stays.insert(key)),
                Some((key, false)) => {
                    stays.insert(key);
                    put.push(row);
                }
                None => put.push(row),
            }
        }
        let gone = known.into_iter().flat_map(|cluster| self.demand.of_cluster(cluster)).map(|need| need.key);
        let withdraw: Vec<NeedKey> = gone.filter(|key| !stays.contains(key)).collect();
        let emptied = rails::looks_emptied(&self.settings.policy, &reporting, count);
        let unchanged = put.is_empty() && withdraw.is_empty();
        if unchanged && reporting.heard && reporting.quarantined == 0 && !emptied {
            return None;
        }
        let base = known.map_or(0, |cluster| self.book(cluster).revision);
        Some(Command::RollUp(RollUp { cluster: cluster.to_owned(), base, rows: count, put, withdraw }))
    }

    /// The need that a row is, if the cluster has it, and whether its amounts are the same.
    fn need_of(&self, cluster: argosy_model::ClusterIx, row: &NeedRow) -> Option<(NeedKey, bool)> {
        let words = &self.fleet.words;
        let mut requirements = Vec::with_capacity(row.requirements.len());
        for requirement in &row.requirements {
            let values = requirement.values.iter().map(|v| words.find_symbol(v)).collect::<Option<_>>()?;
            let key = words.find_symbol(&requirement.key)?;
            requirements.push(Requirement { key, operator: requirement.operator, values });
        }
        let spread = match &row.spread {
            Some(spread) => Some(Spread { key: words.find_symbol(&spread.key)?, max_skew: spread.max_skew }),
            None => None,
        };
        let profile = Profile::new(requirements, spread, row.priority, row.interruption, row.reclamation);
        let is_gang = profile.same_key().is_some();
        let profile = words.find_profile(&profile)?;
        let group = match row.group.as_ref().filter(|group| is_gang && !group.is_empty()) {
            Some(group) => Some(words.find_group(group)?),
            None => None,
        };
        let need = self.demand.get(&NeedKey { cluster, profile, group, fold: 0 })?;
        let vector = |amounts: &[(String, u64)]| {
            let known = amounts.iter().filter(|(_, amount)| *amount > 0);
            let found = known.map(|(dim, amount)| words.find_dim(dim).map(|dim| (dim, *amount)));
            found.collect::<Option<Vec<_>>>().map(Resources::from_amounts)
        };
        let same = vector(&row.aggregate).as_ref() == Some(&need.aggregate)
            && vector(&row.min_unit).as_ref() == Some(&need.min_unit);
        Some((need.key, same))
    }

    /// The commands that fold in what a provider answered; none if the log knows it all.
    pub fn diff_observation(&self, listing: &Listing) -> ObservationDiff {
        let mut diff = ObservationDiff::default();
        let mut shapes_seen: BTreeMap<&ObservedShape, (bool, Option<ShapeIx>)> = BTreeMap::new();
        let mut news: Vec<&Observed> = Vec::new();
        for seen in &listing.machines {
            let find = || shapes::find(&seen.shape, &listing.provider, &self.fleet.words);
            let look = || (shapes::is_sane(&seen.shape), find());
            let (is_sane, handle) = *shapes_seen.entry(&seen.shape).or_insert_with(look);
            let (provider, shape, machine) = (listing.provider.as_str(), &seen.shape, &seen.machine);
            let known = self.fleet.find(&machine.id);
            let record = Record { provider, asked_at: listing.asked_at, shape, is_sane, handle, machine, known };
            match judge::judge(self, &record) {
                Meaning::Screened => diff.screened += 1,
                Meaning::Foreign => diff.foreign += 1,
                meaning if meaning.is_news() => news.push(seen),
                _ => {}
            }
        }
        let gone = self.gone_by(listing);
        for chunk in news.chunks(MACHINES_PER_ENTRY) {
            diff.commands.push(observation(listing, chunk, Vec::new()));
        }
        for chunk in gone.chunks(MACHINES_PER_ENTRY) {
            diff.commands.push(observation(listing, &[], chunk.to_vec()));
        }
        diff
    }

    /// Tries a plan before it is proposed: the same checks as the fold's, on a copy. What would be dropped is taken out,
    /// so that a rail that holds does not fill the log.
    pub fn rehearse(&self, plan: Plan, now: ShardTime) -> Rehearsed {
        let entry = PlanEntry { based_on: self.revision, units: plan.units, marks: plan.marks };
        let dropped = self.rehearsed(&entry, now).dropped;
        let out: BTreeSet<u32> = dropped.iter().map(|(at, _)| *at).collect();
        let units = (0..).zip(entry.units).filter(|(at, _)| !out.contains(at)).map(|(_, unit)| unit).collect();
        Rehearsed { plan: Plan { units, marks: entry.marks }, dropped }
    }
}

impl PlanEntry {
    /// Cuts a plan that was decided from `based_on` into entries of about a megabyte at most, between decision units. They
    /// are proposed in this order; what is to be remembered rides on the last. None if there is nothing to commit.
    pub fn cut(plan: Plan, based_on: u64) -> Vec<Self> {
        if plan.is_empty() {
            return Vec::new();
        }
        let mut entries = vec![Self { based_on, ..Self::default() }];
        let mut bytes = 0;
        for unit in plan.units {
            let size = postcard::experimental::serialized_size(&unit).unwrap_or(PLAN_BYTES);
            let last = entries.last_mut().expect("never empty");
            if bytes + size > PLAN_BYTES && !last.units.is_empty() {
                entries.push(Self { based_on, units: vec![unit], marks: Vec::new() });
                bytes = size;
            } else {
                last.units.push(unit);
                bytes += size;
            }
        }
        entries.last_mut().expect("never empty").marks = plan.marks;
        entries
    }
}

fn observation(listing: &Listing, news: &[&Observed], gone: Vec<String>) -> Command {
    let mut shapes: Vec<ObservedShape> = Vec::new();
    let mut positions: BTreeMap<&ObservedShape, u32> = BTreeMap::new();
    let mut machines = Vec::with_capacity(news.len());
    for seen in news {
        let at = *positions.entry(&seen.shape).or_insert_with(|| {
            shapes.push(seen.shape.clone());
            u32::try_from(shapes.len() - 1).expect("an entry holds few shapes")
        });
        machines.push((at, seen.machine.clone()));
    }
    let provider = listing.provider.clone();
    Command::Observe(Observe { provider, asked_at: listing.asked_at, shapes, machines, gone, unreadable: 0 })
}

/// Adds up rows of equal identity: aggregates are summed, of the indivisible pieces the larger counts by dimension.
fn merged(rows: &[NeedRow]) -> Vec<NeedRow> {
    let mut by_identity: BTreeMap<Identity, NeedRow> = BTreeMap::new();
    for row in rows {
        match by_identity.entry(Identity::of(row)) {
            std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(row.clone())),
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let sum = place.get_mut();
                fold_in(&mut sum.aggregate, &row.aggregate, u64::saturating_add);
                fold_in(&mut sum.min_unit, &row.min_unit, u64::max);
            }
        }
    }
    by_identity.into_values().collect()
}

fn fold_in(into: &mut Vec<(String, u64)>, amounts: &[(String, u64)], combine: fn(u64, u64) -> u64) {
    for (dim, amount) in amounts {
        match into.iter_mut().find(|(known, _)| known == dim) {
            Some((_, sum)) => *sum = combine(*sum, *amount),
            None => into.push((dim.clone(), *amount)),
        }
    }
}

/// What tells one row from another, in canonical form.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    requirements: Vec<crate::need_row::RequirementRow>,
    spread: Option<crate::need_row::SpreadRow>,
    terms: (i32, argosy_model::Bucket, argosy_model::Bucket),
    group: Option<String>,
}

impl Identity {
    fn of(row: &NeedRow) -> Self {
        let mut requirements = row.requirements.clone();
        for requirement in &mut requirements {
            requirement.values.sort_unstable();
            requirement.values.dedup();
        }
        requirements.sort_unstable();
        requirements.dedup();
        let is_gang = requirements.iter().any(|r| r.operator == argosy_model::Operator::Same);
        let spread = row.spread.clone().map(|s| crate::SpreadRow { max_skew: s.max_skew.max(1), ..s });
        let terms = (row.priority, row.interruption, row.reclamation);
        Self { requirements, spread, terms, group: row.group.clone().filter(|g| is_gang && !g.is_empty()) }
    }
}
