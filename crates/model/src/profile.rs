//! Profiles: what a need asks of every machine, and of all of them together.
//!
//! A profile is pure identity: two needs ask the same exactly if their profiles are equal. It is canonical once built:
//! values and requirements sorted, duplicates gone.

use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::ids::Sym;
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// How a requirement reads a machine's attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// Present, and one of the values.
    In,
    /// Absent, or none of the values.
    NotIn,
    /// Present.
    Exists,
    /// Absent.
    DoesNotExist,
    /// Present (and one of the values, if there are any), and the same on every machine of the need.
    Same,
}

/// One condition on every machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// The attribute.
    pub key: Sym,
    /// How it is read.
    pub operator: Operator,
    /// Sorted, distinct.
    pub values: Vec<Sym>,
}

/// A hard spread over the values of a topology key. Soft spread is dropped at the edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spread {
    /// The topology key.
    pub key: Sym,
    /// Most that any two domains may differ by, in machines; at least 1.
    pub max_skew: u32,
}

/// What a need asks: conditions, spread, priority and the two penalties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile {
    requirements: Vec<Requirement>,
    spread: Option<Spread>,
    /// Higher first.
    pub priority: i32,
    /// What an interruption of the workload costs.
    pub interruption: Bucket,
    /// What taking its machine away costs.
    pub reclamation: Bucket,
}

impl Profile {
    /// Builds the canonical form. Of several hard spreads the first counts (the predecessor's rule).
    pub fn new(
        mut requirements: Vec<Requirement>,
        spread: Option<Spread>,
        priority: i32,
        interruption: Bucket,
        reclamation: Bucket,
    ) -> Self {
        for requirement in &mut requirements {
            requirement.values.sort_unstable();
            requirement.values.dedup();
        }
        requirements.sort_unstable();
        requirements.dedup();
        let spread = spread.map(|s| Spread { key: s.key, max_skew: s.max_skew.max(1) });
        Self { requirements, spread, priority, interruption, reclamation }
    }

    /// The conditions, canonical.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The key that all machines must agree on, if there is one. A profile with `Same` ignores its spread.
    pub fn same_key(&self) -> Option<Sym> {
        self.requirements.iter().find(|r| r.operator == Operator::Same).map(|r| r.key)
    }

    /// The spread that counts.
    pub fn spread(&self) -> Option<&Spread> {
        self.spread.as_ref().filter(|_| self.same_key().is_none())
    }

    /// The same profile without its `Same` requirement: what a folded gang asks.
    pub fn without_same(&self) -> Self {
        let requirements = self.requirements.iter().filter(|r| r.operator != Operator::Same).cloned().collect();
        Self { requirements, ..self.clone() }
    }

    /// Whether a machine of this shape meets every condition that concerns one machine.
    pub fn admits(&self, shape: &Shape, words: &Vocabulary) -> bool {
        self.refused_by(shape, words).is_none()
    }

    /// The first condition, in canonical order, that a machine of this shape does not meet.
    pub fn refused_by(&self, shape: &Shape, words: &Vocabulary) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| {
            let have = words.attribute(shape, requirement.key);
            let listed = have.is_some_and(|value| requirement.values.binary_search(&value).is_ok());
            let meets = match requirement.operator {
                Operator::In => listed,
                Operator::NotIn => !listed,
                Operator::Exists => have.is_some(),
                Operator::DoesNotExist => have.is_none(),
                Operator::Same => have.is_some() && (requirement.values.is_empty() || listed),
            };
            !meets
        })
    }

    /// Precedence for conflicts: priority, then the interruption bucket, then the reclamation bucket.
    pub fn precedence(&self) -> (i32, Bucket, Bucket) {
        (self.priority, self.interruption, self.reclamation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_the_same_in_whatever_order_it_is_written() {
        let value = Sym::from_index;
        let none_of = |values: &[usize]| Requirement {
            key: value(9),
            operator: Operator::NotIn,
            values: values.iter().map(|v| value(*v)).collect(),
        };
        let profile = |requirements| Profile::new(requirements, None, 0, Bucket::ZERO, Bucket::ZERO);
        let one = profile(vec![none_of(&[1, 2]), none_of(&[3])]);
        let other = profile(vec![none_of(&[3]), none_of(&[2, 1, 2]), none_of(&[3])]);
        assert_eq!(one, other);
    }
}
