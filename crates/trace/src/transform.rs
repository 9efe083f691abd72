//! Transformations of a trace: fewer nodes, faster arrivals, fewer tasks, and who runs what.
//!
//! All are pure and seeded where they choose. They only remove or move; none invents a node or a task.

use std::collections::BTreeMap;

use argosy_workload::catalogue::sizing::apportion;
use argosy_workload::dice::{PPM, stable_hash};

use super::{Node, Trace};

/// How much faster than in the original tasks arrive in a replay: with [`DEFAULT_NODES_FRACTION`], the smallest round
/// numbers that bring the real trace's GPUs to contention (ADR 0032).
pub const DEFAULT_COMPRESSION: u64 = 100;
/// The share of the nodes that a replay keeps.
pub const DEFAULT_NODES_FRACTION: &str = "0.1";

/// Reads a share from 0 to 1 as parts per million.
///
/// # Errors
/// What would be right, for people.
pub fn parse_fraction(text: &str) -> Result<u32, String> {
    let refused = || format!("'{text}' is no share: write a decimal number from 0 to 1, such as 0.15");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 || (whole.is_empty() && decimals.is_empty()) {
        return Err(refused());
    }
    let ppm: u32 = format!("{whole}{decimals:0<6}").parse().map_err(|_| refused())?;
    if ppm <= PPM { Ok(ppm) } else { Err(refused()) }
}

impl Trace {
    /// Divides the time between arrivals by `factor`; lifetimes stay, so `factor` times as many tasks run at once.
    ///
    /// # Panics
    /// When `factor` is zero.
    #[must_use]
    pub fn compress_arrivals(mut self, factor: u64) -> Self {
        assert!(factor > 0, "arrivals cannot be compressed by nothing");
        for task in &mut self.tasks {
            task.arrival_ms /= factor;
        }
        self.tasks.sort_by(|a, b| (a.arrival_ms, &a.name).cmp(&(b.arrival_ms, &b.name)));
        self
    }

    /// Keeps this share of the nodes, of each model the same share and at least one.
    #[must_use]
    pub fn nodes_fraction(mut self, fraction_ppm: u32, seed: u64) -> Self {
        let mut strata: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in &self.nodes {
            strata.entry(&node.shape.model).or_default().push(node);
        }
        let fraction_ppm = u64::from(fraction_ppm.min(PPM));
        let keep = (self.nodes.len() as u64 * fraction_ppm).div_ceil(u64::from(PPM));
        let shares: Vec<u128> = strata.values().map(|nodes| nodes.len() as u128).collect();
        let mut kept: Vec<Node> = Vec::new();
        for (mut nodes, count) in strata.into_values().zip(apportion(keep, &shares)) {
            nodes.sort_by_key(|node| (lot(seed, &node.name), &node.name));
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let count = if fraction_ppm == 0 { 0 } else { count.max(1) };
            kept.extend(nodes.into_iter().take(count).cloned());
        }
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        self.nodes = kept;
        self
    }

    /// Keeps the tasks that arrive first.
    #[must_use]
    pub fn limit(mut self, tasks: usize) -> Self {
        self.tasks.truncate(tasks);
        self
    }
}

/// The cluster, from 0, that a task belongs to: a function of its name alone.
///
/// # Panics
/// When there are no clusters.
pub fn cluster_of(task_name: &str, clusters: u64) -> u64 {
    assert!(clusters > 0, "a task belongs to some cluster");
    stable_hash(task_name.as_bytes()) % clusters
}

/// A number that orders names at random, the same for the same seed.
pub(super) fn lot(seed: u64, name: &str) -> u64 {
    stable_hash(format!("{seed}/{name}").as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::synth::{self, SynthSpec};

    fn trace() -> Trace {
        synth::trace(&SynthSpec { nodes: 400, tasks: 600, seed: 5 }, &synth::shipped_marginals().unwrap())
    }

    fn count<'a>(trace: &'a Trace) -> BTreeMap<&'a str, usize> {
        let mut counts: BTreeMap<&'a str, usize> = BTreeMap::new();
        for node in &trace.nodes {
            *counts.entry(&node.shape.model).or_default() += 1;
        }
        counts
    }

    #[test]
    fn compression_moves_arrivals_together_and_leaves_lifetimes() {
        let before = trace();
        let after = before.clone().compress_arrivals(100);
        let last = |trace: &Trace| trace.tasks.last().unwrap().arrival_ms;
        assert_eq!(last(&after), last(&before) / 100);
        let lives = |trace: &Trace| {
            let mut lives: Vec<_> = trace.tasks.iter().map(|task| (task.name.clone(), task.lifetime_ms)).collect();
            lives.sort();
            lives
        };
        assert_eq!(lives(&after), lives(&before));
        assert!(after.tasks.is_sorted_by_key(|task| task.arrival_ms));
    }

    #[test]
    fn a_fraction_of_the_nodes_keeps_the_mix_of_models_and_loses_none_of_them() {
        let whole = trace();
        let part = whole.clone().nodes_fraction(250_000, 9);
        for (model, all) in count(&whole) {
            let kept = count(&part)[model];
            assert!(kept >= 1 && kept.abs_diff(all / 4) <= 1, "{model}: {kept} of {all}");
        }
    }

    #[test]
    fn the_choice_of_nodes_follows_the_seed() {
        let kept = |seed| trace().nodes_fraction(100_000, seed).nodes;
        assert_eq!(kept(1), kept(1));
        assert_ne!(kept(1), kept(2));
    }

    #[test]
    fn a_share_is_read_exactly_or_refused() {
        for (text, want) in [("0.15", 150_000), ("1", PPM), (".5", 500_000), ("0", 0), ("1.000000", PPM)] {
            assert_eq!(parse_fraction(text), Ok(want), "{text}");
        }
        for text in ["", ".", "1.1", "-0.5", "15%", "0.1234567", "1e-1"] {
            assert!(parse_fraction(text).is_err(), "{text}");
        }
        assert!(parse_fraction(DEFAULT_NODES_FRACTION).is_ok());
    }

    #[test]
    fn a_limit_keeps_the_earliest_tasks() {
        let whole = trace();
        assert_eq!(whole.clone().limit(10).tasks, whole.tasks[..10]);
    }

    proptest! {
        #[test]
        fn a_task_stays_with_its_cluster(name in "[a-z0-9-]{1,20}", clusters in 1_u64..50) {
            let cluster = cluster_of(&name, clusters);
            prop_assert!(cluster < clusters);
            prop_assert_eq!(cluster, cluster_of(&name, clusters));
        }
    }
}
