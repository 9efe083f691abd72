//! The fleet that a trace is replayed on: clusters dealt over shards, the trace's nodes as the provider's machines.

use std::collections::BTreeMap;

use argosy_localfleet::{Blueprint, Layout as Files, Pace, Sizing, Start, Supplier, Tuning};
use argosy_provider::sim::{Catalogue, Latencies, Offering};
use argosy_workload::labels;

use super::{Options, ReplayError};
use argosy_trace::Trace;
use argosy_trace::layout::{Layout, Placed};

/// Zones of each shard.
const ZONES_PER_SHARD: u32 = 3;
/// Nodes of one rack.
const NODES_PER_RACK: u32 = 16;

/// What is started, and who is who.
pub(super) struct Scenario {
    pub(super) start: Start,
    /// Cluster ids; a task's cluster is chosen by its name.
    pub(super) clusters: Vec<String>,
}

impl Scenario {
    pub(super) fn new(trace: &Trace, options: &Options) -> Result<Self, ReplayError> {
        if trace.nodes.is_empty() {
            return Err(ReplayError::Empty("nodes"));
        }
        if trace.tasks.is_empty() {
            return Err(ReplayError::Empty("tasks"));
        }
        if options.shards == 0 || !options.clusters.is_multiple_of(options.shards) {
            return Err(ReplayError::Uneven { clusters: options.clusters, shards: options.shards });
        }
        if options.dir.join("fleet.json").exists() {
            return Err(ReplayError::Taken(options.dir.clone()));
        }
        let layout = Files::new(&options.dir)?;
        let sizing = Sizing {
            regions: ["eu", "us", "ap"].map(str::to_owned).to_vec(),
            shards: options.shards,
            clusters_per_shard: options.clusters / options.shards,
            zones_per_shard: ZONES_PER_SHARD,
            seed: options.seed,
            pace: Pace::Lockstep,
        };
        let blueprint = Blueprint::load_or_create(layout.root(), sizing)?;
        let zones = blueprint
            .shards
            .iter()
            .flat_map(|shard| shard.zones.iter().map(|zone| (shard.home_region.clone(), zone.clone())));
        let places = Layout { zones: zones.collect(), nodes_per_rack: NODES_PER_RACK as usize, seed: options.seed };
        let catalogue = catalogue(&blueprint.provider.name, &places.place(&trace.nodes));
        let clusters = blueprint.shards.iter().flat_map(|shard| shard.clusters.clone()).collect();
        let mut tuning = Tuning::default();
        if let Some(every) = options.snapshot_every {
            tuning.snapshot_every = every;
            tuning.keep_behind_snapshot = every / 4;
        }
        let program = options.program.clone();
        let (supplier, further_clusters, launch) = (Supplier::Simulated(catalogue), Vec::new(), BTreeMap::new());
        let start = Start { program, layout, blueprint, tuning, supplier, further_clusters, launch };
        Ok(Self { start, clusters })
    }
}

/// Every node as a machine that exists from the start and costs nothing.
fn catalogue(provider: &str, placed: &[Placed]) -> Catalogue {
    let mut regions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut kinds: BTreeMap<(&str, String), Vec<&Placed>> = BTreeMap::new();
    for place in placed {
        let zones = regions.entry(place.region.clone()).or_default();
        if !zones.contains(&place.zone) {
            zones.push(place.zone.clone());
        }
        let kind = argosy_trace::layout::instance_type(&place.node.shape);
        kinds.entry((&place.zone, kind)).or_default().push(place);
    }
    let offerings = kinds.into_iter().map(|((zone, kind), places)| offering(zone, &kind, &places)).collect();
    Catalogue { provider: provider.to_owned(), regions, latency: Latencies::default(), offerings }
}

fn offering(zone: &str, kind: &str, places: &[&Placed]) -> Offering {
    let shape = &places[0].node.shape;
    let model = (shape.gpus > 0).then(|| (labels::GPU_MODEL.to_owned(), shape.model.clone()));
    let ids = places.iter().map(|place| place.node.name.clone()).collect();
    Offering {
        machines_per_rack: NODES_PER_RACK,
        resources: places[0].resources().to_quantities(),
        labels: model.into_iter().collect(),
        ..Offering::owned(format!("{kind}-{zone}"), kind, zone, ids)
    }
}
