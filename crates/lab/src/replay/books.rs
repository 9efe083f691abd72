//! Who asks for what, and what became of it: the replay's own account of demand, kept beside the fleet's.

use std::collections::{BTreeMap, BTreeSet};

use argosy_proto::argosy::v1::{MachineRow, NeedRow};
use argosy_proto::bigfleet::v1alpha1::{CapacityNeed, ClusterCapacityNeeds};
use argosy_workload::amounts::Amounts;
use argosy_workload::labels;
use argosy_workload::rollup::{Aggregation, Profile};

use super::agenda::{Event, Step};
use argosy_trace::demand::Demand;
use argosy_trace::transform::cluster_of;
use argosy_trace::{MILLI_PER_GPU, Trace};

/// What every shard shows at the end of a step.
pub(super) type Shown = BTreeMap<String, (Vec<NeedRow>, Vec<MachineRow>)>;

/// The account.
pub(super) struct Books {
    clusters: Vec<String>,
    asks: Vec<(usize, Profile, Amounts)>,
    arrivals_ms: Vec<u64>,
    /// Tasks that ask now, by cluster.
    live: Vec<BTreeSet<usize>>,
    /// Tasks that ask and have not been covered yet, by the need that they are part of.
    waiting: BTreeMap<NeedName, BTreeSet<usize>>,
    /// How long tasks waited, milliseconds of trace time.
    pub(super) waits_ms: Vec<u64>,
    /// Tasks that left before they were covered.
    pub(super) never_covered: u64,
    /// Episodes of shortfall, by reason.
    pub(super) shortfalls: BTreeMap<String, u64>,
    short: BTreeSet<NeedName>,
    /// GPUs of the inventory, in thousandths.
    capacity_gpu_milli: u64,
    /// Most GPUs bound to clusters at one time, in thousandths.
    pub(super) peak_bound_gpu_milli: u64,
    /// Most GPU demand covered at one time, in thousandths.
    pub(super) peak_covered_gpu_milli: u64,
    last_ms: u64,
    last_level: (u128, u128),
    /// Time-weighted sums of covered and of all demand, in milli-cores times milliseconds.
    covered_and_all: (u128, u128),
}

/// What tells needs apart on both sides: cluster and everything but the amounts.
type NeedName = (String, String);

impl Books {
    pub(super) fn new(trace: &Trace, clusters: &[String]) -> Self {
        let demand = Demand::new(trace);
        let count = clusters.len() as u64;
        let ask = |task: &argosy_trace::Task| {
            let (profile, amounts) = demand.of(task);
            (
                usize::try_from(cluster_of(&task.name, count)).expect("less than the number of clusters"),
                profile,
                amounts,
            )
        };
        Self {
            clusters: clusters.to_vec(),
            asks: trace.tasks.iter().map(ask).collect(),
            arrivals_ms: trace.tasks.iter().map(|task| task.arrival_ms).collect(),
            live: vec![BTreeSet::new(); clusters.len()],
            waiting: BTreeMap::new(),
            waits_ms: Vec::new(),
            never_covered: 0,
            shortfalls: BTreeMap::new(),
            short: BTreeSet::new(),
            capacity_gpu_milli: trace.nodes.iter().map(|node| node.shape.gpus * MILLI_PER_GPU).sum(),
            peak_bound_gpu_milli: 0,
            peak_covered_gpu_milli: 0,
            last_ms: 0,
            last_level: (0, 0),
            covered_and_all: (0, 0),
        }
    }

    /// Lets a step's events happen; says whose demand changed.
    pub(super) fn happen(&mut self, step: &Step) -> BTreeSet<usize> {
        let mut changed = BTreeSet::new();
        for event in &step.events {
            match *event {
                Event::Arrives(task) => {
                    let cluster = self.asks[task].0;
                    self.live[cluster].insert(task);
                    self.waiting.entry(self.need_name(task)).or_default().insert(task);
                    changed.insert(cluster);
                }
                Event::Departs(task) => {
                    let cluster = self.asks[task].0;
                    self.live[cluster].remove(&task);
                    let waited = self.waiting.get_mut(&self.need_name(task)).is_some_and(|tasks| tasks.remove(&task));
                    self.never_covered += u64::from(waited);
                    changed.insert(cluster);
                }
            }
        }
        changed
    }

    /// The complete demand of a cluster; `stamp` names this roll-up.
    pub(super) fn rollup(&self, cluster: usize, stamp: i64) -> ClusterCapacityNeeds {
        let mut aggregation = Aggregation::default();
        for task in &self.live[cluster] {
            let (_, profile, amounts) = &self.asks[*task];
            aggregation.add(profile, amounts, 1);
        }
        aggregation.finish(&self.clusters[cluster], stamp)
    }

    /// The id of a cluster.
    pub(super) fn cluster(&self, cluster: usize) -> &str {
        &self.clusters[cluster]
    }

    /// Takes in what the shards show at the end of a step at `now_ms`.
    pub(super) fn close_step(&mut self, now_ms: u64, shown: &Shown) {
        let elapsed = u128::from(now_ms - self.last_ms);
        self.covered_and_all.0 += self.last_level.0 * elapsed;
        self.covered_and_all.1 += self.last_level.1 * elapsed;
        self.last_ms = now_ms;
        self.last_level = (0, 0);
        let (mut covered_gpu, mut bound_gpu) = (0, 0);
        let mut short = BTreeSet::new();
        for (needs, machines) in shown.values() {
            for need in needs {
                covered_gpu += self.close_need(now_ms, need, &mut short);
            }
            let gpus = machines.iter().map(|machine| amount(&machine.resources, labels::GPU_MILLI));
            bound_gpu += gpus.sum::<u64>();
        }
        self.short = short;
        self.peak_bound_gpu_milli = self.peak_bound_gpu_milli.max(bound_gpu);
        self.peak_covered_gpu_milli = self.peak_covered_gpu_milli.max(covered_gpu);
    }

    /// Accounts for one need; gives the GPU demand of it that is covered.
    fn close_need(&mut self, now_ms: u64, need: &NeedRow, short: &mut BTreeSet<NeedName>) -> u64 {
        let Some(asks) = &need.need else { return 0 };
        let name = (need.cluster.clone(), signature(asks));
        let covered = |dim: &str| amount(&asks.aggregate_resources, dim).saturating_sub(amount(&need.residual, dim));
        self.last_level.0 += u128::from(covered("cpu"));
        self.last_level.1 += u128::from(amount(&asks.aggregate_resources, "cpu"));
        if need.covered {
            for task in self.waiting.remove(&name).unwrap_or_default() {
                self.waits_ms.push(now_ms.saturating_sub(self.arrivals_ms[task]));
            }
        } else {
            if !self.short.contains(&name) {
                *self.shortfalls.entry(need.unmet_reason.clone()).or_default() += 1;
            }
            short.insert(name);
        }
        covered(labels::GPU_MILLI)
    }

    /// Share of all demand that was covered, weighted by time; 1 if there was none.
    pub(super) fn covered_ratio(&self) -> f64 {
        let (covered, all) = self.covered_and_all;
        if all == 0 { 1.0 } else { covered as f64 / all as f64 }
    }

    /// A share of the inventory's GPUs.
    pub(super) fn of_gpus(&self, gpu_milli: u64) -> f64 {
        if self.capacity_gpu_milli == 0 { 0.0 } else { gpu_milli as f64 / self.capacity_gpu_milli as f64 }
    }

    fn need_name(&self, task: usize) -> NeedName {
        let (cluster, profile, amounts) = &self.asks[task];
        let mut aggregation = Aggregation::default();
        aggregation.add(profile, amounts, 1);
        let need = aggregation.finish("", 0).needs.into_iter().next().unwrap_or_default();
        (self.clusters[*cluster].clone(), signature(&need))
    }
}

/// Everything of a need but its amounts, in an order that both sides agree on.
fn signature(need: &CapacityNeed) -> String {
    let mut requirements: Vec<String> = need
        .requirements
        .iter()
        .map(|requirement| {
            let mut values = requirement.values.clone();
            values.sort();
            format!("{} {} {values:?}", requirement.key, requirement.operator)
        })
        .collect();
    requirements.sort();
    let buckets = (need.interruption_penalty_bucket, need.reclamation_penalty_bucket);
    format!("{requirements:?} {} {buckets:?} {}", need.priority, need.group)
}

/// The amount in a dimension, in the model's smallest unit; 0 for what cannot be read.
fn amount(quantities: &BTreeMap<String, String>, dim: &str) -> u64 {
    let one = quantities.get_key_value(dim).map(|(key, value)| (key.as_str(), value.as_str()));
    Amounts::parse(one).map(|amounts| amounts.get(dim)).unwrap_or(0)
}
