//! Rows of demand, put together piece by piece.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{Bucket, MicroUsd, Operator, Profile, Requirement, Spread, Vocabulary};
use argosy_shard::{NeedRow, RequirementRow, SpreadRow};
use argosy_workload::amounts::Amounts;

/// A row of demand in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(NeedRow);

impl Row {
    /// A row that asks for `pieces` times `piece` at a priority, without conditions or penalties.
    pub fn new(priority: i32, piece: &Amounts, pieces: u64) -> Self {
        let mut aggregate = Amounts::default();
        aggregate.add_times(piece, pieces);
        let list = |amounts: &Amounts| amounts.iter().map(|(dim, amount)| (dim.to_owned(), amount)).collect();
        Self(NeedRow { priority, aggregate: list(&aggregate), min_unit: list(piece), ..NeedRow::default() })
    }

    /// What an interruption and a reclamation cost, in dollars.
    #[must_use]
    pub fn penalties(mut self, interruption_dollars: u64, reclamation_dollars: u64) -> Self {
        let bucket = |dollars| match dollars {
            0 => Bucket::ZERO,
            dollars => Bucket::covering(MicroUsd::from_usd(dollars)),
        };
        (self.0.interruption, self.0.reclamation) = (bucket(interruption_dollars), bucket(reclamation_dollars));
        self
    }

    /// Pinned against reclamation.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.0.reclamation = Bucket::PINNED;
        self
    }

    /// Only on these instance types; on any, if none is named.
    #[must_use]
    pub fn on<S: AsRef<str>>(self, instance_types: &[S]) -> Self {
        self.within(INSTANCE_TYPE_KEY, instance_types)
    }

    /// Only in these zones; in any, if none is named.
    #[must_use]
    pub fn in_zones<S: AsRef<str>>(self, zones: &[S]) -> Self {
        self.within(ZONE_KEY, zones)
    }

    fn within<S: AsRef<str>>(mut self, key: &str, values: &[S]) -> Self {
        if !values.is_empty() {
            let values = values.iter().map(|value| value.as_ref().to_owned()).collect();
            self.0.requirements.push(RequirementRow { key: key.to_owned(), operator: Operator::In, values });
        }
        self
    }

    /// One gang, all in one rack.
    #[must_use]
    pub fn in_one_rack(self, gang: &str) -> Self {
        self.in_one(RACK_KEY, gang)
    }

    /// One gang, all in one zone.
    #[must_use]
    pub fn in_one_zone(self, gang: &str) -> Self {
        self.in_one(ZONE_KEY, gang)
    }

    fn in_one(mut self, key: &str, gang: &str) -> Self {
        let requirement = RequirementRow { key: key.to_owned(), operator: Operator::Same, values: Vec::new() };
        self.0.requirements.push(requirement);
        self.0.group = Some(gang.to_owned());
        self
    }

    /// Evenly over the zones.
    #[must_use]
    pub fn spread_over_zones(mut self, max_skew: u32) -> Self {
        self.0.spread = Some(SpreadRow { key: ZONE_KEY.to_owned(), max_skew });
        self
    }

    /// The row.
    pub fn build(self) -> NeedRow {
        self.0
    }
}

/// The text by which every shard knows a row's profile.
pub fn fingerprint(row: &NeedRow) -> String {
    let mut words = Vocabulary::default();
    let mut requirement = |row: &RequirementRow| Requirement {
        key: words.symbol(&row.key),
        operator: row.operator,
        values: row.values.iter().map(|value| words.symbol(value)).collect(),
    };
    let requirements = row.requirements.iter().map(&mut requirement).collect();
    let spread = row.spread.as_ref().map(|spread| Spread { key: words.symbol(&spread.key), max_skew: spread.max_skew });
    words.fingerprint(&Profile::new(requirements, spread, row.priority, row.interruption, row.reclamation))
}
