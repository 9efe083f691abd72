//! ARCHITECTURE.md §2, rail: while the kill switch or dry run is on nothing is begun; reclaims of a window keep to its cap; and a report
//! that drops nearly all rows is not believed at once.

use std::collections::BTreeMap;

use argosy_shard::{Event, ShardState};

use super::Invariant;
use crate::sight::{Published, Sight};

/// What each replica's life has shown so far.
#[derive(Debug, Default)]
pub(super) struct RailsHold(BTreeMap<(String, u32, u64), Shown>);

#[derive(Clone, Debug, Default)]
struct Shown {
    /// What the last view's settings asked for.
    stands_still: bool,
    guarded: bool,
    clusters: BTreeMap<String, Cluster>,
    applied: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cluster {
    rows: usize,
    held: u8,
    /// Reclaims of the running window, and how many may be.
    reclaimed: u32,
    may_be: u32,
}

/// As `argosy_shard::rails` has them: the guard watches over reports of so many rows, and believes one in so many.
const GUARDED_ROWS: usize = 10;
const KEPT_ONE_IN: usize = 10;

impl Invariant for RailsHold {
    fn name(&self) -> &'static str {
        "rails hold"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let shown = self.0.entry((node.id.clone(), node.life, replica.group)).or_default();
            for published in &replica.published {
                let broken = shown.step(published);
                found.extend(broken.into_iter().map(|why| format!("{} on {}: {why}", replica.shard, node.id)));
            }
        }
        found
    }
}

impl Shown {
    /// Takes in one batch, and says which rail did not hold. A batch of several entries is looked at only where their order does not
    /// matter.
    fn step(&mut self, published: &Published) -> Vec<String> {
        let state = &published.view.state;
        let policy = &state.settings().policy;
        let changed = published.events.iter().any(|folded| matches!(folded.event, Event::SettingsChanged));
        let opened = published.events.iter().filter(|folded| matches!(folded.event, Event::OperationOpened(_))).count();
        let mut broken = Vec::new();
        if self.stands_still && !changed && opened > 0 {
            broken.push(format!("{opened} operations were begun while nothing may be"));
        }
        let before = std::mem::take(&mut self.clusters);
        for (name, cluster) in clusters(state) {
            let then = before.get(&name).copied().unwrap_or_default();
            let emptied = then.rows >= GUARDED_ROWS && cluster.rows * KEPT_ONE_IN < then.rows;
            let one_report = reports(published, state, &name) == 1;
            if self.applied > 0 && self.guarded && !changed && emptied && one_report && then.held < 2 {
                let (rows, held) = (then.rows, then.held);
                broken.push(format!("{name} went from {rows} rows to {} after {held} reports held back", cluster.rows));
            }
            if cluster.reclaimed > cluster.may_be {
                let Cluster { reclaimed, may_be, .. } = cluster;
                broken
                    .push(format!("{reclaimed} machines of {name} were reclaimed in one window, and {may_be} may be"));
            }
            self.clusters.insert(name, cluster);
        }
        self.stands_still = policy.kill_switch || policy.dry_run;
        self.guarded = policy.empty_rollup_guard;
        self.applied = published.view.applied;
        broken
    }
}

fn clusters(state: &ShardState) -> impl Iterator<Item = (String, Cluster)> {
    let words = &state.fleet().words;
    words.clusters().map(move |(cluster, name)| {
        let (reporting, window) = (state.demand().reporting(cluster), state.book(cluster).window);
        let (rows, held) = (state.demand().of_cluster(cluster).count(), reporting.quarantined);
        (name.to_owned(), Cluster { rows, held, reclaimed: window.taken, may_be: window.allowed })
    })
}

/// Reports of a cluster in a batch.
fn reports(published: &Published, state: &ShardState, name: &str) -> usize {
    let of = |event: &Event| match event {
        Event::RollUpAccepted { cluster, .. } | Event::RollUpHeldBack { cluster, .. } => Some(*cluster),
        _ => None,
    };
    let reported = published.events.iter().filter_map(|folded| of(&folded.event));
    reported.filter(|cluster| state.fleet().words.cluster_id(*cluster) == name).count()
}
