//! A roll-up of the wire as plain rows: parsed once, refused whole when a row cannot be read.
//!
//! Absence is withdrawal, so a row that cannot be understood must not be skipped: its need would count as withdrawn.

use argosy_model::quantity::QuantityError;
use argosy_model::{Bucket, Operator};
use argosy_proto::bigfleet::v1alpha1::node_selector_requirement::Operator as WireOperator;
use argosy_proto::bigfleet::v1alpha1::topology_spread::WhenUnsatisfiable;
use argosy_proto::bigfleet::v1alpha1::{CapacityNeed, ClusterCapacityNeeds, NodeSelectorRequirement, TopologySpread};
use argosy_shard::need_row::amounts;
use argosy_shard::{NeedRow, RequirementRow, SpreadRow};

/// Why a roll-up is refused. The last good demand stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowsError {
    /// More rows than this node takes.
    #[error(
        "ARG-0608: the roll-up has {rows} needs, this node takes {limit}; raise sessions.max_rollup_needs or aggregate the needs"
    )]
    TooMany {
        /// Its rows.
        rows: usize,
        /// The limit.
        limit: u32,
    },
    /// A row cannot be read.
    #[error(
        "ARG-0608: need {row} of the roll-up cannot be read: {why}; the last good demand stays until the operator sends a sound one"
    )]
    Unreadable {
        /// Its position, from 0.
        row: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads all rows, or none.
pub(super) fn read(rollup: &ClusterCapacityNeeds, limit: u32) -> Result<Vec<NeedRow>, RowsError> {
    let rows = rollup.needs.len();
    if rows > limit as usize {
        return Err(RowsError::TooMany { rows, limit });
    }
    let numbered = rollup.needs.iter().enumerate();
    numbered.map(|(row, need)| read_row(need).map_err(|why| RowsError::Unreadable { row, why })).collect()
}

fn read_row(need: &CapacityNeed) -> Result<NeedRow, String> {
    let requirements = need.requirements.iter().map(requirement).collect::<Result<_, _>>()?;
    let quantity = |error: QuantityError| error.to_string();
    let vector = |map: &std::collections::BTreeMap<String, String>| {
        amounts(map.iter().map(|(dim, text)| (dim.as_str(), text.as_str()))).map_err(quantity)
    };
    Ok(NeedRow {
        requirements,
        spread: spread(&need.spread)?,
        priority: need.priority,
        interruption: bucket("interruption", need.interruption_penalty_bucket)?,
        reclamation: bucket("reclamation", need.reclamation_penalty_bucket)?,
        group: (!need.group.is_empty()).then(|| need.group.clone()),
        aggregate: vector(&need.aggregate_resources)?,
        min_unit: vector(&need.min_unit)?,
    })
}

fn requirement(wire: &NodeSelectorRequirement) -> Result<RequirementRow, String> {
    let operator = match WireOperator::try_from(wire.operator) {
        Ok(WireOperator::In) => Operator::In,
        Ok(WireOperator::NotIn) => Operator::NotIn,
        Ok(WireOperator::Exists) => Operator::Exists,
        Ok(WireOperator::DoesNotExist) => Operator::DoesNotExist,
        Ok(WireOperator::Same) => Operator::Same,
        Ok(WireOperator::Unspecified) | Err(_) => {
            return Err(format!("operator {} is none of the protocol", wire.operator));
        }
    };
    Ok(RequirementRow { key: wire.key.clone(), operator, values: wire.values.clone() })
}

/// The first hard spread; soft ones are dropped.
fn spread(wire: &[TopologySpread]) -> Result<Option<SpreadRow>, String> {
    for spread in wire {
        match WhenUnsatisfiable::try_from(spread.when_unsatisfiable) {
            Ok(WhenUnsatisfiable::DoNotSchedule) => {
                let max_skew = u32::try_from(spread.max_skew).unwrap_or(0).max(1);
                return Ok(Some(SpreadRow { key: spread.topology_key.clone(), max_skew }));
            }
            Ok(WhenUnsatisfiable::ScheduleAnyway | WhenUnsatisfiable::Unspecified) => {}
            Err(_) => return Err(format!("whenUnsatisfiable {} is none of the protocol", spread.when_unsatisfiable)),
        }
    }
    Ok(None)
}

fn bucket(which: &str, number: i32) -> Result<Bucket, String> {
    Bucket::from_number(number).ok_or_else(|| format!("{which} penalty bucket {number} is none of the protocol"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need() -> CapacityNeed {
        CapacityNeed {
            aggregate_resources: [("cpu".to_owned(), "1500m".to_owned())].into(),
            min_unit: [("cpu".to_owned(), "1".to_owned())].into(),
            ..CapacityNeed::default()
        }
    }

    fn rollup(needs: Vec<CapacityNeed>) -> ClusterCapacityNeeds {
        ClusterCapacityNeeds { needs, ..ClusterCapacityNeeds::default() }
    }

    #[test]
    fn one_unreadable_row_refuses_the_whole_roll_up() {
        let operator = NodeSelectorRequirement { key: "k".to_owned(), operator: 9, values: vec![] };
        let bad = [
            CapacityNeed { interruption_penalty_bucket: 28, ..need() },
            CapacityNeed { reclamation_penalty_bucket: -1, ..need() },
            CapacityNeed { min_unit: [("cpu".to_owned(), "many".to_owned())].into(), ..need() },
            CapacityNeed { requirements: vec![operator], ..need() },
        ];
        for bad in bad {
            let refused = read(&rollup(vec![need(), bad]), 10);
            assert!(matches!(refused, Err(RowsError::Unreadable { row: 1, .. })), "{refused:?}");
        }
        assert_eq!(read(&rollup(vec![need(), need()]), 1), Err(RowsError::TooMany { rows: 2, limit: 1 }));
        assert_eq!(
            read(&rollup(vec![need()]), 1).map(|rows| rows[0].aggregate.clone()),
            Ok(vec![("cpu".to_owned(), 1500)])
        );
    }

    #[test]
    fn the_first_hard_spread_counts_and_soft_ones_are_dropped() {
        let spread = |key: &str, when, max_skew| TopologySpread {
            topology_key: key.to_owned(),
            max_skew,
            when_unsatisfiable: when as i32,
        };
        let spreads = vec![
            spread("soft", WhenUnsatisfiable::ScheduleAnyway, 1),
            spread("zone", WhenUnsatisfiable::DoNotSchedule, -3),
            spread("rack", WhenUnsatisfiable::DoNotSchedule, 1),
        ];
        let rows = read(&rollup(vec![CapacityNeed { spread: spreads, ..need() }]), 1).expect("sound");
        assert_eq!(rows[0].spread, Some(SpreadRow { key: "zone".to_owned(), max_skew: 1 }));
    }
}
