//! Scenarios: what to change on the copy, in the words of the fleet. The form of the file that `argosy whatif` reads.
//!
//! Unknown keys are refused, so that a misspelt one is not taken for no change.

use std::collections::BTreeMap;

use argosy_model::{CapacityType, Duration, MicroUsd, Operator};
use serde::{Deserialize, Serialize};

use super::error::ScenarioError;
use crate::consolidation::{Brake, Consolidation, Most, Per};
use crate::explain::{Amounts, Rail};

/// Most machines that a scenario may add.
pub const MAX_MACHINES: u64 = 100_000;
/// Most entries of one list.
pub(crate) const MAX_ENTRIES: usize = 10_000;
/// Longest name, bytes.
pub(super) const MAX_TEXT_BYTES: usize = 512;

/// What to change. The lists are applied in the order in which they stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Domains that are lost, with every machine in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lose: Vec<Domain>,
    /// Machines that are gone, by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_machines: Vec<String>,
    /// Machines that are no longer cordoned, by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uncordon: Vec<String>,
    /// Machines that come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_machines: Vec<AddMachines>,
    /// Needs that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdraw_needs: Vec<NeedSelector>,
    /// Needs that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_needs: Vec<ChangeNeed>,
    /// Needs that come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_needs: Vec<AddNeed>,
    /// Rails that are lifted: kill_switch, dry_run, plan_size, reclaim_cap.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lift_rails: Vec<Rail>,
    /// What consolidation is allowed, in place of what the shard's policy allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consolidate: Option<Consolidate>,
}

/// What consolidation is allowed: a policy as a file of consolidation has it, with one budget for all cycles. What is left out is as a
/// policy has it by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consolidate {
    /// Least saving of a move, millionths of a dollar an hour; always something.
    pub min_gain_microusd_per_hour: u64,
    /// What a move costs, millionths of a dollar.
    pub move_cost_microusd: u64,
    /// A move must save its cost within this time, seconds.
    pub payback_s: u64,
    /// Most machines that needs may move to, in all cycles together; 0 switches consolidation off, none means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<u32>,
}

impl Default for Consolidate {
    fn default() -> Self {
        Self { min_gain_microusd_per_hour: 10_000, move_cost_microusd: 100_000, payback_s: 24 * 3_600, moves: None }
    }
}

impl Consolidate {
    /// As the engine takes it; nothing where it is switched off.
    pub(super) fn allowed(&self) -> Option<Consolidation> {
        let budget = |most| Brake { per: Per::Shard, most: Most::Count(most), left: BTreeMap::new() };
        let allowed = Consolidation {
            min_gain: MicroUsd(self.min_gain_microusd_per_hour),
            move_cost: MicroUsd(self.move_cost_microusd),
            payback: Duration::from_secs(self.payback_s),
            brakes: self.moves.map(budget).into_iter().collect(),
        };
        (self.moves != Some(0)).then_some(allowed)
    }
}

/// A topology domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The label, or one of `region`, `zone` and `rack` for the well-known ones.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Whether new machines are there already or have to be bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeState {
    /// They are there, and nobody has them.
    Idle,
    /// They are slots of a provider.
    #[default]
    Speculative,
}

/// Machines to add. What is given replaces what `like` has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddMachines {
    /// How many.
    pub count: u32,
    /// Their state.
    pub state: FreeState,
    /// A machine that they are like: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Their provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Their instance type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Their zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How they are paid for: Unspecified, BareMetal, Reserved, OnDemand, Spot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<CapacityType>,
    /// Their price, millionths of a dollar for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_microusd_per_hour: Option<u64>,
    /// What one of them holds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: Amounts,
    /// Labels, in addition to those of `like`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Picks needs: all of a cluster that agree with what is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeedSelector {
    /// Whose.
    pub cluster: String,
    /// Of this gang; empty means of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of this priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// That asks exactly this of machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A change of needs. A need whose conditions or priority change comes anew: its arrival is now, as when its cluster reports
/// the change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeNeed {
    /// Which needs.
    pub need: NeedSelector,
    /// Their new priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// What they ask in all from now on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aggregate: Amounts,
    /// They need not share a domain any more.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_same: bool,
    /// They need not be spread any more.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_spread: bool,
    /// Conditions that are dropped, by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop_conditions: Vec<String>,
    /// They are withdrawn and asked for again: what is remembered of them is forgotten.
    #[serde(skip_serializing_if = "is_false")]
    pub renew: bool,
}

/// A condition on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The attribute; `region`, `zone`, `rack` and `instance_type` stand for the well-known ones.
    pub key: String,
    /// In, NotIn, Exists, DoesNotExist or Same.
    pub operator: Operator,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A hard spread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadOver {
    /// The topology key.
    pub key: String,
    /// Most that any two domains may differ by, in machines.
    pub max_skew: u32,
}

/// A need to add. Its cluster counts as one that has reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddNeed {
    /// Whose.
    pub cluster: String,
    /// Its gang; counts only beside a `Same` condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its priority.
    pub priority: i32,
    /// Conditions on every machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Its spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<SpreadOver>,
    /// What an interruption costs, whole dollars.
    pub interruption_penalty_usd: u64,
    /// What taking its machine away costs, whole dollars.
    pub reclamation_penalty_usd: u64,
    /// The piece that every machine must hold.
    pub min_unit: Amounts,
    /// How many such pieces it asks in all; 0 if `aggregate` says what.
    pub units: u64,
    /// What it asks in all, where that is no multiple of the piece.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aggregate: Amounts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Scenario {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks it against the limits.
    pub fn check(&self) -> Result<(), ScenarioError> {
        if self.is_empty() {
            return Err(ScenarioError::Empty);
        }
        let lists = [
            ("lose", self.lose.len()),
            ("remove_machines", self.remove_machines.len()),
            ("uncordon", self.uncordon.len()),
            ("add_machines", self.add_machines.len()),
            ("withdraw_needs", self.withdraw_needs.len()),
            ("change_needs", self.change_needs.len()),
            ("add_needs", self.add_needs.len()),
            ("lift_rails", self.lift_rails.len()),
        ];
        if let Some((list, entries)) = lists.into_iter().find(|(_, entries)| *entries > MAX_ENTRIES) {
            return Err(ScenarioError::TooLong { list, entries });
        }
        let machines = self.add_machines.iter().map(|add| u64::from(add.count)).sum();
        if machines > MAX_MACHINES {
            return Err(ScenarioError::TooManyMachines { machines });
        }
        Ok(())
    }
}
