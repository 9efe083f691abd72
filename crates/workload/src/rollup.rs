//! How demand becomes a roll-up: the aggregation of spec/wire-and-system.md section 1.2.
//!
//! Demand with equal requirements, priority, spread, penalty buckets and group is one need: resources add up, the
//! smallest unit is the largest amount of every dimension. The result is the complete demand of a cluster, and its bytes
//! depend on the demand alone, not on the order in which it was added.

use std::collections::BTreeMap;

use argosy_model::{Bucket, MicroUsd};
use argosy_proto::bigfleet::v1alpha1::{
    CapacityNeed, ClusterCapacityNeeds, NodeSelectorRequirement, TopologySpread, node_selector_requirement,
    topology_spread,
};

use crate::amounts::Amounts;

/// What a machine must be for a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// The test on its value.
    pub test: Test,
}

/// A test on a label's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    /// Is one of these.
    In(Vec<String>),
    /// Is there.
    Exists,
    /// Is not there.
    DoesNotExist,
    /// Is the same on every machine of the need. Only an operator may ask for it, and only for a gang.
    Same,
}

/// A spread constraint that binds. One that does not is left out of a roll-up by the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spread {
    /// The label key whose values are spread over.
    pub topology_key: String,
    /// Largest difference between two domains.
    pub max_skew: u32,
}

/// Everything that decides which need a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile {
    /// All must hold.
    pub requirements: Vec<Requirement>,
    /// Higher goes first.
    pub priority: i32,
    /// Spread constraints.
    pub spread: Vec<Spread>,
    /// What an interruption costs, in dollars.
    pub interruption_penalty_dollars: u64,
    /// What a machine is worth to it, in dollars.
    pub reclamation_penalty_dollars: u64,
    /// The gang; empty for what is none.
    pub group: String,
}

/// Collects the demand of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Aggregation {
    needs: BTreeMap<Profile, Sum>,
}

#[derive(Clone, Debug, Default)]
struct Sum {
    aggregate: Amounts,
    min_unit: Amounts,
}

impl Aggregation {
    /// Adds `pods` pods that each ask for `size`.
    pub fn add(&mut self, profile: &Profile, size: &Amounts, pods: u64) {
        if pods == 0 {
            return;
        }
        if !self.needs.contains_key(profile) {
            self.needs.insert(profile.clone(), Sum::default());
        }
        if let Some(sum) = self.needs.get_mut(profile) {
            sum.aggregate.add_times(size, pods);
            sum.min_unit.raise_to(size);
        }
    }

    /// The roll-up, needs in the order of their profiles.
    pub fn finish(self, cluster_id: &str, timestamp_unix_nanos: i64) -> ClusterCapacityNeeds {
        // Profiles that differ in dollars may share buckets; on the wire they are one need.
        let mut bucketed: BTreeMap<Profile, Sum> = BTreeMap::new();
        for (mut profile, sum) in self.needs {
            profile.interruption_penalty_dollars = canonical(profile.interruption_penalty_dollars);
            profile.reclamation_penalty_dollars = canonical(profile.reclamation_penalty_dollars);
            let need = bucketed.entry(profile).or_default();
            need.aggregate.add_times(&sum.aggregate, 1);
            need.min_unit.raise_to(&sum.min_unit);
        }
        ClusterCapacityNeeds {
            cluster_id: cluster_id.to_owned(),
            timestamp_unix_nanos,
            needs: bucketed.into_iter().map(|(profile, sum)| need(profile, &sum)).collect(),
        }
    }
}

/// The bucket that dollars round up to.
pub fn bucket(dollars: u64) -> Bucket {
    Bucket::covering(MicroUsd::from_usd(dollars))
}

/// One amount of dollars for every bucket. Whole dollars never meet the half-dollar bucket, so this loses nothing.
fn canonical(dollars: u64) -> u64 {
    bucket(dollars).upper_bound().0 / 1_000_000
}

fn need(profile: Profile, sum: &Sum) -> CapacityNeed {
    CapacityNeed {
        requirements: profile.requirements.into_iter().map(requirement).collect(),
        aggregate_resources: sum.aggregate.to_quantities(),
        priority: profile.priority,
        spread: profile.spread.into_iter().map(spread).collect(),
        interruption_penalty_bucket: i32::from(bucket(profile.interruption_penalty_dollars).number()),
        reclamation_penalty_bucket: i32::from(bucket(profile.reclamation_penalty_dollars).number()),
        min_unit: sum.min_unit.to_quantities(),
        group: profile.group,
    }
}

fn requirement(requirement: Requirement) -> NodeSelectorRequirement {
    use node_selector_requirement::Operator;
    let (operator, values) = match requirement.test {
        Test::In(values) => (Operator::In, values),
        Test::Exists => (Operator::Exists, Vec::new()),
        Test::DoesNotExist => (Operator::DoesNotExist, Vec::new()),
        Test::Same => (Operator::Same, Vec::new()),
    };
    NodeSelectorRequirement { key: requirement.key, operator: operator.into(), values }
}

fn spread(spread: Spread) -> TopologySpread {
    TopologySpread {
        topology_key: spread.topology_key,
        max_skew: i32::try_from(spread.max_skew).unwrap_or(i32::MAX),
        when_unsatisfiable: topology_spread::WhenUnsatisfiable::DoNotSchedule.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(priority: i32, interruption_penalty_dollars: u64) -> Profile {
        Profile {
            requirements: vec![Requirement { key: "zone".to_owned(), test: Test::Exists }],
            priority,
            spread: Vec::new(),
            interruption_penalty_dollars,
            reclamation_penalty_dollars: 0,
            group: String::new(),
        }
    }

    fn pod(cpu: &str, memory: &str) -> Amounts {
        Amounts::parse([("cpu", cpu), ("memory", memory)]).unwrap()
    }

    #[test]
    fn equal_keys_add_up_and_the_smallest_unit_is_the_largest_amount_of_every_dimension() {
        let mut aggregation = Aggregation::default();
        aggregation.add(&profile(1, 8), &pod("2", "1Gi"), 3);
        aggregation.add(&profile(1, 8), &pod("1", "4Gi"), 2);
        let needs = aggregation.finish("c", 0).needs;
        assert_eq!(needs.len(), 1);
        assert_eq!((needs[0].aggregate_resources["cpu"].as_str(), needs[0].min_unit["cpu"].as_str()), ("8", "2"));
        assert_eq!(
            (needs[0].aggregate_resources["memory"].as_str(), needs[0].min_unit["memory"].as_str()),
            ("11Gi", "4Gi")
        );
    }

    #[test]
    fn penalties_round_up_to_their_bucket_and_those_of_one_bucket_share_a_need() {
        let mut aggregation = Aggregation::default();
        for dollars in [513, 1_000, 1_024] {
            aggregation.add(&profile(1, dollars), &pod("1", "1Gi"), 1);
        }
        let needs = aggregation.finish("c", 0).needs;
        assert_eq!(needs.len(), 1);
        assert_eq!((needs[0].interruption_penalty_bucket, needs[0].reclamation_penalty_bucket), (13, 1));
        assert_eq!(needs[0].aggregate_resources["cpu"], "3");
    }

    #[test]
    fn the_order_of_adding_changes_no_byte() {
        let pods = [(profile(1, 8), "1"), (profile(2, 8), "2"), (profile(1, 64), "3")];
        let rollup = |order: [usize; 3]| {
            let mut aggregation = Aggregation::default();
            for at in order {
                aggregation.add(&pods[at].0, &pod(pods[at].1, "1Gi"), 1);
            }
            aggregation.finish("c", 0)
        };
        assert_eq!(rollup([0, 1, 2]), rollup([2, 1, 0]));
    }
}
