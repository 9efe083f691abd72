//! One row of a roll-up as plain data, and the rules that it must keep before it may become a need.

use argosy_model::quantity::{self, QuantityError, Rounding};
use argosy_model::{Bucket, Operator, Vocabulary};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A requirement in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequirementRow {
    /// The attribute.
    pub key: String,
    /// How it is read.
    pub operator: Operator,
    /// The values, in any order.
    pub values: Vec<String>,
}

/// A hard spread in words. Soft spread is dropped at the edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpreadRow {
    /// The topology key.
    pub key: String,
    /// Most that any two domains may differ by, in machines; 0 counts as 1.
    pub max_skew: u32,
}

/// What a cluster asks in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedRow {
    /// Conditions on every machine.
    pub requirements: Vec<RequirementRow>,
    /// The first hard spread, if there is one.
    pub spread: Option<SpreadRow>,
    /// Higher first.
    pub priority: i32,
    /// What an interruption of the workload costs.
    pub interruption: Bucket,
    /// What taking its machine away costs.
    pub reclamation: Bucket,
    /// The gang; counts only beside a `Same` requirement.
    pub group: Option<String>,
    /// The vector sum to be covered, by dimension: see [`amounts`].
    pub aggregate: Vec<(String, u64)>,
    /// The largest indivisible piece.
    pub min_unit: Vec<(String, u64)>,
}

/// Longest string that a row may hold, in bytes; Kubernetes' own limits are below it.
pub const MAX_TEXT_BYTES: usize = 512;
/// Most requirements, dimensions, or values of one requirement, that a row may hold.
pub const MAX_ITEMS: usize = 256;
/// Most rows that a cluster may report.
pub const MAX_ROWS: usize = 200_000;

/// Which rule a row breaks. The roll-up is refused whole, and the last good demand stays.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum RowError {
    /// A string is too long, or a key or dimension has no name.
    #[error("a name is empty or longer than {MAX_TEXT_BYTES} bytes")]
    Text,
    /// A list is too long.
    #[error("a list has more than {MAX_ITEMS} items")]
    Items,
    /// An amount beyond 2^63 - 1.
    #[error("an amount is above 2^63 - 1")]
    Amount,
    /// More than one `Same`.
    #[error("there is more than one Same requirement")]
    Same,
}

/// Reads Kubernetes quantity strings into the amounts of a row, rounding up so that demand is never understated.
pub fn amounts<'a>(
    quantities: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, u64)>, QuantityError> {
    let read = |(dim, text): (&str, &str)| {
        quantity::parse(text, Vocabulary::per_unit(dim), Rounding::Up).map(|amount| (dim.to_owned(), amount))
    };
    quantities.into_iter().map(read).collect()
}

impl NeedRow {
    /// Checks the row against the limits.
    pub fn check(&self) -> Result<(), RowError> {
        let name = |text: &str| !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
        let dims = || self.aggregate.iter().chain(&self.min_unit);
        let named = self.requirements.iter().all(|r| name(&r.key))
            && self.spread.iter().all(|s| name(&s.key))
            && dims().all(|(dim, _)| name(dim));
        let values = || self.requirements.iter().flat_map(|r| &r.values).chain(&self.group);
        if !named || values().any(|value| value.len() > MAX_TEXT_BYTES) {
            return Err(RowError::Text);
        }
        let lists = [self.requirements.len(), self.aggregate.len(), self.min_unit.len()];
        if lists.iter().any(|n| *n > MAX_ITEMS) || self.requirements.iter().any(|r| r.values.len() > MAX_ITEMS) {
            return Err(RowError::Items);
        }
        if dims().any(|(_, amount)| *amount > i64::MAX as u64) {
            return Err(RowError::Amount);
        }
        if self.requirements.iter().filter(|r| r.operator == Operator::Same).count() > 1 {
            return Err(RowError::Same);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(requirements: &[(&str, Operator)]) -> NeedRow {
        let requirement = |(key, operator): &(&str, Operator)| RequirementRow {
            key: (*key).to_owned(),
            operator: *operator,
            values: vec![],
        };
        NeedRow { requirements: requirements.iter().map(requirement).collect(), ..NeedRow::default() }
    }

    #[test]
    fn a_row_beyond_the_limits_is_refused() {
        assert_eq!(row(&[("zone", Operator::Exists)]).check(), Ok(()));
        assert_eq!(row(&[("", Operator::Exists)]).check(), Err(RowError::Text));
        assert_eq!(row(&[("a", Operator::Same), ("b", Operator::Same)]).check(), Err(RowError::Same));
        assert_eq!(row(&vec![("a", Operator::Exists); MAX_ITEMS + 1]).check(), Err(RowError::Items));
        let huge = NeedRow { aggregate: vec![("cpu".to_owned(), u64::MAX)], ..NeedRow::default() };
        assert_eq!(huge.check(), Err(RowError::Amount));
        let long = NeedRow { group: Some("g".repeat(MAX_TEXT_BYTES + 1)), ..NeedRow::default() };
        assert_eq!(long.check(), Err(RowError::Text));
    }

    #[test]
    fn demand_is_rounded_up() {
        let read = amounts([("cpu", "1n"), ("memory", "1500m")]);
        assert_eq!(read, Ok(vec![("cpu".to_owned(), 1), ("memory".to_owned(), 2)]));
    }
}
