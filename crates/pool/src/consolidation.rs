//! What consolidation is allowed: whether needs move to cheaper machines, what a move must save, and how many there may be, where
//! and when.
//!
//! Only what people say stands here. How much of a budget is used up is the fold's (`argosy_shard::consolidation`), and which
//! needs move is the engine's.

use argosy_model::Duration;
use serde::{Deserialize, Serialize};

use crate::calendar::{Clock, Window};
use crate::file::{FileError, Form, VERSION, read, write};
use crate::limit::Limit;
use crate::scalar::{Percent, Span};
use crate::specification::Fault;

/// Most budgets of one shard.
pub const MAX_BUDGETS: usize = 64;
/// Longest span that a policy may name.
const MAX_SPAN: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What consolidation is allowed. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsolidationPolicy {
    /// Whether any need moves at all.
    pub enabled: bool,
    /// A move must save at least this much in an hour, in millionths of a dollar.
    pub min_gain_microusd_per_hour: u64,
    /// What a move costs beside the need's own reclamation penalty, in millionths of a dollar: for a while both machines are paid.
    pub move_cost_microusd: u64,
    /// A move must save its cost, the need's reclamation penalty included, within this time.
    pub payback: Span,
    /// How many moves there may be. All that are in force hold.
    pub budgets: Vec<ChurnBudget>,
}

/// So many moves within some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnBudget {
    /// Where it counts.
    pub per: Reach,
    /// So many machines, or this share of those that serve there, rounded up.
    pub moves: Limit,
    /// Within this time, from the first of them on.
    pub within: Span,
    /// While one of these windows is open; always, if left out.
    #[serde(default)]
    pub schedule: Vec<Window>,
}

/// Where a budget counts. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// In the whole shard.
    Shard,
    /// In each cluster; a pool is one.
    Cluster,
}

impl Reach {
    /// Its name in files and APIs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shard => "shard",
            Self::Cluster => "cluster",
        }
    }
}

impl Default for ConsolidationPolicy {
    fn default() -> Self {
        let budget = |per, percent| ChurnBudget {
            per,
            moves: Limit::Share(Percent::whole(percent)),
            within: Span::minutes(60),
            schedule: Vec::new(),
        };
        Self {
            enabled: false,
            min_gain_microusd_per_hour: 10_000,
            move_cost_microusd: 100_000,
            payback: Span::minutes(24 * 60),
            budgets: vec![budget(Reach::Shard, 1), budget(Reach::Cluster, 2)],
        }
    }
}

/// A file of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsolidationFile {
    version: u32,
    #[serde(default)]
    consolidation: ConsolidationPolicy,
}

impl Form for ConsolidationFile {
    fn version(&self) -> u32 {
        self.version
    }

    fn faults(&self) -> Vec<String> {
        self.consolidation.faults().iter().map(ToString::to_string).collect()
    }
}

impl ConsolidationPolicy {
    /// Reads a file; `file` is what messages call it.
    ///
    /// # Errors
    /// ARG-1200 with line and column, or ARG-1201 with every value that makes no sense.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        read(file, text).map(|read: ConsolidationFile| read.consolidation)
    }

    /// The file as people write it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        write(&ConsolidationFile { version: VERSION, consolidation: self.clone() })
    }

    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, path: &str, what: &str| {
            if !fine {
                faults.push(Fault::new(path, what));
            }
        };
        check(self.payback.0 > Duration(0), "payback", "longer than nothing, or no move is ever worth it");
        check(self.payback.0 <= MAX_SPAN, "payback", "a span is a year at most");
        let is_braked = !self.enabled || self.budgets.iter().any(|budget| budget.schedule.is_empty());
        check(is_braked, "budgets", "at least one that is always in force, or the fleet may be exchanged at once");
        check(self.budgets.len() <= MAX_BUDGETS, "budgets", "at most 64");
        for (at, budget) in self.budgets.iter().enumerate() {
            let path = |key: &str| format!("budgets[{at}].{key}");
            check(budget.within.0 > Duration(0), &path("within"), "longer than nothing");
            check(budget.within.0 <= MAX_SPAN, &path("within"), "a span is a year at most");
            check(budget.schedule.len() <= MAX_BUDGETS, &path("schedule"), "at most 64 windows");
        }
        faults
    }

    /// Places of the budgets with a schedule that are in force at a moment. Whoever proposes says so, because no fold reads a clock or a
    /// calendar.
    #[must_use]
    pub fn in_force(&self, wall: Clock) -> Vec<u16> {
        let open = |budget: &ChurnBudget| budget.schedule.iter().any(|window| window.is_open(wall));
        let places = (0..).zip(&self.budgets);
        places.filter(|(_, budget)| open(budget)).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: 1
consolidation:
  enabled: true
  min_gain_microusd_per_hour: 50000
  payback: 2h
  budgets:
    - {per: cluster, moves: 5, within: 30m}
    - {per: shard, moves: 10%, within: 1h}
    - {per: shard, moves: 0, within: 1h, schedule: [{days: [mon, tue], start: '09:00', end: '17:00', zone: Europe/Berlin}]}
";

    #[test]
    fn a_file_is_read_and_written_and_read_again() {
        let read = ConsolidationPolicy::parse("c.yaml", FILE).expect("it is sound");
        assert_eq!((read.enabled, read.min_gain_microusd_per_hour, read.move_cost_microusd), (true, 50_000, 100_000));
        assert_eq!(read.budgets[0].moves, Limit::Count(5));
        assert_eq!(ConsolidationPolicy::parse("again.yaml", &read.to_yaml()), Ok(read));
        let usual = ConsolidationPolicy::default();
        assert!(!usual.enabled && usual.faults().is_empty(), "off in a new installation");
        assert_eq!(ConsolidationPolicy::parse("again.yaml", &usual.to_yaml()), Ok(usual));
    }

    #[test]
    fn a_policy_reads_back_from_the_log_as_it_was_written() {
        for policy in [ConsolidationPolicy::default(), ConsolidationPolicy::parse("c", FILE).expect("sound")] {
            let bytes = postcard::to_stdvec(&policy).expect("plain data");
            assert_eq!(postcard::from_bytes(&bytes), Ok(policy));
        }
    }

    #[test]
    fn an_unknown_key_and_a_value_without_sense_are_told() {
        let form = ConsolidationPolicy::parse("c", &FILE.replace("payback", "pay_back")).expect_err("unknown");
        assert!(form.to_string().contains("ARG-1200") && form.to_string().contains("line 5"), "{form}");
        let values = FILE.replace("payback: 2h", "payback: 0s").replace("within: 30m", "within: 0s");
        let values = ConsolidationPolicy::parse("c", &values).expect_err("unsound").to_string();
        assert!(values.contains("ARG-1201") && values.contains("`payback`"), "{values}");
        assert!(values.contains("`budgets[0].within`"), "{values}");
    }

    #[test]
    fn a_policy_without_a_brake_is_refused_unless_it_is_off() {
        let unbraked = "version: 1\nconsolidation: {enabled: true, budgets: []}\n";
        let error = ConsolidationPolicy::parse("c", unbraked).expect_err("unsound").to_string();
        assert!(error.contains("`budgets`"), "{error}");
        assert!(ConsolidationPolicy::parse("c", &unbraked.replace("true", "false")).is_ok());
    }

    #[test]
    fn a_schedule_goes_by_the_clock_on_the_wall_of_its_zone() {
        let policy = ConsolidationPolicy::parse("c", FILE).expect("it is sound");
        let at = |moment: &str| policy.in_force(moment.parse().expect("a moment"));
        // 2026-11-23 is a Monday, and Berlin is an hour ahead of UTC.
        assert_eq!((at("2026-11-23T08:00:00Z"), at("2026-11-23T16:00:00Z")), (vec![2], vec![]));
        assert_eq!(at("2026-11-25T12:00:00Z"), Vec::<u16>::new(), "a Wednesday");
    }
}
