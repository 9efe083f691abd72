//! What a leader measures of its shard: gauges after a cycle, counters as operations end. It changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_model::Bucket;
use argosy_shard::{BreakerState, DropReason, Ending, Event, Kind, Lane, LaneName, ShardState};
use tokio::time::Instant;

use super::cycle::Decided;
use crate::metrics::names;
use crate::replica::{Folded, Listener, View};

/// Least time between two settings of the gauges.
const PAUSE: Duration = Duration::from_secs(1);
/// Ages of shortfalls, in cycle intervals: the label, and the first age beyond it.
const AGES: [(&str, u64); 4] = [("1-9", 10), ("10-59", 60), ("60-299", 300), ("300+", u64::MAX)];

/// The measures of one leadership.
pub(super) struct Measure {
    shard: String,
    interval: Duration,
    set_at: Mutex<Option<Instant>>,
}

impl Measure {
    /// Of a shard whose cycles have this interval.
    pub(super) fn new(shard: &str, interval: Duration) -> Arc<Self> {
        Arc::new(Self { shard: shard.to_owned(), interval, set_at: Mutex::default() })
    }

    /// Sets the gauges after a cycle, if they have not been set just now.
    pub(super) fn cycle_ended(&self, decided: Option<&Decided>) {
        let Some(decided) = decided else { return };
        let capped = decided.taken.dropped.iter().filter(|(_, why)| *why == DropReason::ReclaimCap).count();
        metrics::counter!(names::RECLAIMS_CAPPED, "shard" => self.shard.clone()).increment(capped as u64);
        let mut set_at = self.set_at.lock().unwrap_or_else(PoisonError::into_inner);
        if set_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        *set_at = Some(Instant::now());
        self.inventory(&decided.view.state);
        self.operations(&decided.view.state);
        self.shortfalls(decided);
    }

    #[allow(clippy::cast_precision_loss)]
    fn inventory(&self, state: &ShardState) {
        let words = &state.fleet().words;
        let mut machines: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
        for (class, members) in state.fleet().classes().iter() {
            let kind = words.shape_of(class.shape).capacity_type.label();
            let bucket = class.profile.map_or(Bucket::UNSPECIFIED, |profile| words.profile_of(profile).interruption);
            *machines.entry((class.state.name(), kind, bucket.label())).or_default() += members.len();
        }
        for ((state, kind, bucket), count) in machines {
            let (shard, state, kind) = (self.shard.clone(), state.to_owned(), kind.to_owned());
            metrics::gauge!(names::INVENTORY_MACHINES, "shard" => shard, "state" => state, "capacity_type" => kind,
                "interruption_penalty_bucket" => bucket)
            .set(count as f64);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn operations(&self, state: &ShardState) {
        let kinds = [Kind::Bootstrap, Kind::Provision, Kind::Preempt, Kind::Reclaim, Kind::Release];
        let mut open: BTreeMap<&str, usize> = kinds.into_iter().map(|kind| (kind.name(), 0)).collect();
        for operation in state.ledger().iter() {
            *open.entry(operation.kind.name()).or_default() += 1;
        }
        for (kind, count) in open {
            metrics::gauge!(names::OPEN_OPERATIONS, "shard" => self.shard.clone(), "kind" => kind).set(count as f64);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn shortfalls(&self, decided: &Decided) {
        let interval = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut by_age = [0_u64; AGES.len()];
        let mut short = 0_u64;
        for shortfall in decided.decision.shortfalls() {
            let age = shortfall.unmet_since.map_or(0, |since| decided.at.since(since).0 / interval);
            by_age[AGES.iter().position(|(_, beyond)| age < *beyond).unwrap_or(AGES.len() - 1)] += 1;
            short += 1;
        }
        metrics::gauge!(names::SHORTFALLS, "shard" => self.shard.clone()).set(short as f64);
        for ((label, _), count) in AGES.into_iter().zip(by_age) {
            metrics::gauge!(names::SHORTFALLS_AGED, "shard" => self.shard.clone(), "bucket" => label).set(count as f64);
        }
    }
}

impl Listener for Measure {
    fn folded(&self, view: &View, events: &[Folded]) {
        let shard = || self.shard.clone();
        for folded in events {
            match &folded.event {
                Event::OperationClosed {
                    kind: Kind::Bootstrap | Kind::Provision,
                    ending: Ending::Done,
                    took_ms,
                    ..
                } => {
                    let took = Duration::from_millis(*took_ms);
                    metrics::histogram!(names::PROVISIONING_SECONDS, "shard" => shard()).record(took);
                }
                Event::OperationClosed { kind: Kind::Release, ending: Ending::Done, .. } => {
                    metrics::counter!(names::IDLE_RELEASES, "shard" => shard()).increment(1);
                }
                Event::RepairMoved { class, to, .. } => {
                    let labels = [("shard", shard()), ("class", class.name().to_owned()), ("to", (*to).to_owned())];
                    metrics::counter!(names::REPAIR_STEPS, &labels).increment(1);
                }
                Event::BreakerOpened { domain, found, of } => {
                    tracing::error!(shard = self.shard, %domain, found, of, "ARG-1024: a breaker of repairs has opened");
                }
                Event::LaneMoved { lane, to } => self.moved(view, *lane, *to),
                Event::RollUpHeldBack { cluster, times } => self.quarantined(view, *cluster, *times),
                Event::RollUpAccepted { cluster, .. } => self.quarantined(view, *cluster, 0),
                _ => {}
            }
        }
    }
}

impl Measure {
    fn moved(&self, view: &View, lane: Lane, to: BreakerState) {
        let LaneName { provider, region, instance_type } = lane.name(&view.state.fleet().words);
        tracing::warn!(
            shard = self.shard,
            provider,
            region,
            instance_type,
            to = to.name(),
            "the breaker of a lane moves"
        );
        let labels = [
            ("shard", self.shard.clone()),
            ("provider", provider),
            ("region", region),
            ("type", instance_type),
            ("to", to.name().to_owned()),
        ];
        metrics::counter!(names::LANE_BREAKER_MOVES, &labels).increment(1);
    }

    fn quarantined(&self, view: &View, cluster: argosy_model::ClusterIx, times: u8) {
        let cluster = view.state.fleet().words.cluster_id(cluster).to_owned();
        metrics::gauge!(names::ROLLUP_QUARANTINED, "shard" => self.shard.clone(), "cluster" => cluster)
            .set(f64::from(times));
    }
}
