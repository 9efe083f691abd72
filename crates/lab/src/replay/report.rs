//! What a replay came to: for people a table, for machines JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use argosy_proto::argosy::v1::StepToResponse;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Options;
use super::books::Books;
use super::evidence::Evidence;
use argosy_trace::Trace;

/// The outcome. Times of the trace are in seconds of trace time, `wall_s` in real ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Tasks replayed.
    pub tasks: usize,
    /// Nodes of the inventory.
    pub nodes: usize,
    /// Clusters.
    pub clusters: u32,
    /// Shards.
    pub shards: u32,
    /// The seed.
    pub seed: u64,
    /// Bad rows that were left out.
    pub skipped_rows: u64,
    /// Actions committed.
    pub decisions: u64,
    /// Actions committed, by kind.
    pub actions: BTreeMap<String, u64>,
    /// Preemptions among them.
    pub preemptions: u64,
    /// Episodes of a need being short, by reason.
    pub shortfalls: BTreeMap<String, u64>,
    /// Most of the GPUs that were bound to clusters at one time.
    pub peak_gpu_utilisation: f64,
    /// Most GPU demand that was covered at one time, as a share of all GPUs.
    pub peak_gpu_demand_covered: f64,
    /// Share of the CPU demand that was covered, weighted by time.
    pub demand_covered_ratio: f64,
    /// From a task's arrival to its need being covered.
    pub time_to_cover_s: Percentiles,
    /// Tasks that left before their need was covered.
    pub tasks_never_covered: u64,
    /// How often a shard was found under another leader's term.
    pub leader_changes: u64,
    /// Leaders killed.
    pub kills: u64,
    /// Acknowledged decisions that are not in the final log.
    pub lost_decisions: u64,
    /// Effects at the provider beyond the first for one operation.
    pub doubled_actuations: u64,
    /// Effects at the provider under a fence that was not newer.
    pub regressed_fences: u64,
    /// Effects at the provider.
    pub effects: u64,
    /// Disagreements between replicas at the end.
    pub replica_violations: Vec<String>,
    /// Hash over the decisions of all shards, in order.
    pub decision_log_hash: String,
    /// Log entries for each action.
    pub entries_per_action: f64,
    /// Real time.
    pub wall_s: f64,
}

/// Percentiles in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 99 in 100 are at most this.
    pub p99: f64,
}

impl Report {
    pub(super) fn new(
        trace: &Trace,
        options: &Options,
        books: &Books,
        evidence: &Evidence,
        kills: u64,
        wall: Duration,
    ) -> Self {
        let mut actions: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, count) in evidence.last().flat_map(|answer| &answer.actions) {
            *actions.entry(kind.clone()).or_default() += count;
        }
        let decisions: u64 = actions.values().sum();
        let entries: u64 = evidence.last().map(|answer| answer.entries).sum();
        Self {
            tasks: trace.tasks.len(),
            nodes: trace.nodes.len(),
            clusters: options.clusters,
            shards: options.shards,
            seed: options.seed,
            skipped_rows: options.skipped_rows,
            decisions,
            preemptions: actions.get("Preempt").copied().unwrap_or(0),
            actions,
            shortfalls: books.shortfalls.clone(),
            peak_gpu_utilisation: books.of_gpus(books.peak_bound_gpu_milli),
            peak_gpu_demand_covered: books.of_gpus(books.peak_covered_gpu_milli),
            demand_covered_ratio: books.covered_ratio(),
            time_to_cover_s: percentiles(&books.waits_ms),
            tasks_never_covered: books.never_covered,
            leader_changes: evidence.leader_changes,
            kills,
            lost_decisions: evidence.lost_decisions,
            doubled_actuations: evidence.doubled_actuations,
            regressed_fences: evidence.regressed_fences,
            effects: evidence.effects,
            replica_violations: evidence.replica_violations.clone(),
            decision_log_hash: decision_log_hash(evidence.last()),
            entries_per_action: if decisions == 0 { 0.0 } else { entries as f64 / decisions as f64 },
            wall_s: wall.as_secs_f64(),
        }
    }

    /// Whether nothing was lost, nothing done twice, and the replicas agree.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let broken = [self.lost_decisions, self.doubled_actuations, self.regressed_fences];
        broken.iter().all(|count| *count == 0) && self.replica_violations.is_empty()
    }
}

fn decision_log_hash<'a>(answers: impl Iterator<Item = &'a StepToResponse>) -> String {
    let mut hasher = Sha256::new();
    answers.for_each(|answer| hasher.update(&answer.decision_log_hash));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percentiles(waits_ms: &[u64]) -> Percentiles {
    let mut sorted = waits_ms.to_vec();
    sorted.sort_unstable();
    let at = |per_mille: usize| {
        let rank = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
        sorted.get(rank).map_or(0.0, |ms| *ms as f64 / 1_000.0)
    };
    Percentiles { p50: at(500), p99: at(990) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |map: &BTreeMap<String, u64>| {
            map.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join(", ")
        };
        let rows = [
            (
                "trace",
                format!(
                    "{} tasks, {} nodes, {} clusters on {} shards, seed {}",
                    self.tasks, self.nodes, self.clusters, self.shards, self.seed
                ),
            ),
            ("decisions", format!("{} ({})", self.decisions, list(&self.actions))),
            ("shortfalls", list(&self.shortfalls)),
            (
                "GPUs at the peak",
                format!(
                    "{:.1} % bound, {:.1} % of them by covered demand",
                    100.0 * self.peak_gpu_utilisation,
                    100.0 * self.peak_gpu_demand_covered
                ),
            ),
            ("demand covered", format!("{:.2} % of CPU, by time", 100.0 * self.demand_covered_ratio)),
            (
                "time to cover",
                format!(
                    "p50 {:.0} s, p99 {:.0} s of trace time; {} tasks never",
                    self.time_to_cover_s.p50, self.time_to_cover_s.p99, self.tasks_never_covered
                ),
            ),
            ("leaders", format!("{} changes, {} killed", self.leader_changes, self.kills)),
            ("lost decisions", self.lost_decisions.to_string()),
            (
                "doubled actuations",
                format!(
                    "{} of {} effects, {} under an old fence",
                    self.doubled_actuations, self.effects, self.regressed_fences
                ),
            ),
            (
                "replicas",
                if self.replica_violations.is_empty() {
                    "agree".to_owned()
                } else {
                    self.replica_violations.join("; ")
                },
            ),
            ("decision log", self.decision_log_hash.clone()),
            ("log entries", format!("{:.2} for each action", self.entries_per_action)),
            ("took", format!("{:.1} s", self.wall_s)),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<20}{value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let waits: Vec<u64> = (1..=100).map(|s| s * 1_000).collect();
        assert_eq!(percentiles(&waits), Percentiles { p50: 50.0, p99: 99.0 });
        assert_eq!(percentiles(&[]), Percentiles::default());
    }
}
