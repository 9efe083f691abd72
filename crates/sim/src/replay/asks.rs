//! What every cluster asks for, kept row by row: a moment costs what it changes, and the roll-ups of the clusters that it touches.

use std::collections::BTreeMap;

use argosy_model::Operator;
use argosy_shard::{NeedRow, RequirementRow};
use argosy_trace::Trace;
use argosy_trace::demand::Demand;
use argosy_workload::amounts::Amounts;
use argosy_workload::rollup::{Profile, Test, bucket};

/// Tasks of one kind and size that ask now, by size.
type Live = BTreeMap<u32, u64>;

/// The demand of all clusters.
#[derive(Debug)]
pub(super) struct Asks {
    /// Every profile as a row without amounts, in the order of profiles.
    blanks: Vec<NeedRow>,
    sizes: Vec<Amounts>,
    /// Profile and size of every task of the trace.
    of_task: Vec<(u32, u32)>,
    /// Of each cluster, what it asks for by profile.
    clusters: Vec<BTreeMap<u32, Live>>,
    /// The same as rows, in the same order.
    rows: Vec<Vec<NeedRow>>,
}

impl Asks {
    /// Nothing is asked for yet.
    pub(super) fn new(trace: &Trace, clusters: usize) -> Self {
        let demand = Demand::new(trace);
        let each: Vec<(Profile, Amounts)> = trace.tasks.iter().map(|task| demand.of(task)).collect();
        let mut profiles: BTreeMap<&Profile, u32> = each.iter().map(|(profile, _)| (profile, 0)).collect();
        let mut sizes: BTreeMap<&Amounts, u32> = each.iter().map(|(_, size)| (size, 0)).collect();
        (0..).zip(profiles.values_mut()).for_each(|(number, at)| *at = number);
        (0..).zip(sizes.values_mut()).for_each(|(number, at)| *at = number);
        Self {
            of_task: each.iter().map(|(profile, size)| (profiles[profile], sizes[size])).collect(),
            blanks: profiles.keys().map(|profile| blank(profile)).collect(),
            sizes: sizes.into_keys().cloned().collect(),
            clusters: vec![BTreeMap::new(); clusters],
            rows: vec![Vec::new(); clusters],
        }
    }

    /// Which row of its cluster a task is part of.
    pub(super) fn profile_of(&self, task: u32) -> u32 {
        self.of_task[task as usize].0
    }

    /// The rows that there may be, without amounts.
    pub(super) fn blanks(&self) -> &[NeedRow] {
        &self.blanks
    }

    /// A task begins to ask, or ceases.
    pub(super) fn happen(&mut self, cluster: usize, task: u32, arrives: bool) {
        let (profile, size) = self.of_task[task as usize];
        let live = self.clusters[cluster].entry(profile).or_default();
        let count = live.entry(size).or_default();
        if arrives {
            *count += 1;
        } else {
            *count -= 1;
            if *count == 0 {
                live.remove(&size);
            }
        }
    }

    /// The complete demand of a cluster, in which these rows have changed.
    pub(super) fn rows(&mut self, cluster: usize, changed: impl IntoIterator<Item = u32>) -> &[NeedRow] {
        for profile in changed {
            let live = &self.clusters[cluster][&profile];
            let row = (!live.is_empty()).then(|| self.row(profile, live));
            let at = self.clusters[cluster].range(..profile).count();
            let was_there = self.rows[cluster].get(at).is_some_and(|row| is_of(row, &self.blanks[profile as usize]));
            let rows = &mut self.rows[cluster];
            match (row, was_there) {
                (Some(row), true) => rows[at] = row,
                (Some(row), false) => rows.insert(at, row),
                (None, true) => drop(rows.remove(at)),
                (None, false) => {}
            }
            if self.clusters[cluster][&profile].is_empty() {
                self.clusters[cluster].remove(&profile);
            }
        }
        &self.rows[cluster]
    }

    fn row(&self, profile: u32, live: &Live) -> NeedRow {
        let (mut aggregate, mut min_unit) = (Amounts::default(), Amounts::default());
        for (size, count) in live {
            aggregate.add_times(&self.sizes[*size as usize], *count);
            min_unit.raise_to(&self.sizes[*size as usize]);
        }
        let list = |amounts: &Amounts| amounts.iter().map(|(dim, amount)| (dim.to_owned(), amount)).collect();
        NeedRow { aggregate: list(&aggregate), min_unit: list(&min_unit), ..self.blanks[profile as usize].clone() }
    }
}

fn is_of(row: &NeedRow, blank: &NeedRow) -> bool {
    row.priority == blank.priority
        && row.interruption == blank.interruption
        && row.reclamation == blank.reclamation
        && row.requirements == blank.requirements
}

fn blank(profile: &Profile) -> NeedRow {
    let requirement = |requirement: &argosy_workload::rollup::Requirement| {
        let (operator, values) = match &requirement.test {
            Test::In(values) => (Operator::In, values.clone()),
            Test::Exists => (Operator::Exists, Vec::new()),
            Test::DoesNotExist => (Operator::DoesNotExist, Vec::new()),
            Test::Same => (Operator::Same, Vec::new()),
        };
        RequirementRow { key: requirement.key.clone(), operator, values }
    };
    NeedRow {
        requirements: profile.requirements.iter().map(requirement).collect(),
        priority: profile.priority,
        interruption: bucket(profile.interruption_penalty_dollars),
        reclamation: bucket(profile.reclamation_penalty_dollars),
        ..NeedRow::default()
    }
}

#[cfg(test)]
mod tests {
    use argosy_trace::synth::{self, SynthSpec};
    use argosy_workload::dice::Dice;
    use argosy_workload::rollup::Aggregation;

    use super::*;

    /// Priority, number of shapes, and amounts of a row.
    type Told = (i32, usize, Vec<(String, u64)>);

    /// The rows that adding everything up anew would give, by what they ask.
    fn anew(trace: &Trace, live: &[u32]) -> Vec<Told> {
        let demand = Demand::new(trace);
        let mut sums = Aggregation::default();
        for task in live {
            let (profile, size) = demand.of(&trace.tasks[*task as usize]);
            sums.add(&profile, &size, 1);
        }
        let needs = sums.finish("c", 0).needs;
        let mut rows: Vec<_> = needs
            .iter()
            .map(|need| {
                let amounts = need.aggregate_resources.iter().map(|(k, v)| (k.as_str(), v.as_str()));
                let amounts = Amounts::parse(amounts).unwrap();
                let amounts = amounts.iter().map(|(dim, amount)| (dim.to_owned(), amount)).collect();
                (need.priority, need.requirements[0].values.len(), amounts)
            })
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn rows_that_are_kept_are_those_that_adding_up_anew_would_give() {
        let trace = synth::trace(&SynthSpec { nodes: 60, tasks: 200, seed: 9 }, &synth::shipped_marginals().unwrap());
        let mut asks = Asks::new(&trace, 1);
        let mut dice = Dice::new(3, "asks");
        let mut live: Vec<u32> = Vec::new();
        for _ in 0..300 {
            let task = u32::try_from(dice.below(200)).unwrap();
            let arrives = !live.contains(&task);
            if arrives {
                live.push(task)
            } else {
                live.retain(|known| *known != task)
            }
            asks.happen(0, task, arrives);
            let profile = asks.profile_of(task);
            let kept = asks.rows(0, [profile]);
            let mut kept: Vec<_> = kept
                .iter()
                .map(|row| (row.priority, row.requirements[0].values.len(), row.aggregate.clone()))
                .collect();
            kept.sort();
            assert_eq!(kept, anew(&trace, &live));
        }
    }
}
