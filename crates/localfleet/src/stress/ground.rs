//! The fleet that is put under stress: one shard on three nodes, and a provider with more machines than the course needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use argosy_provider::sim::{Catalogue, Latencies, Offering, Payment};

use super::Plan;
use crate::blueprint::{Blueprint, Pace, Sizing};
use crate::error::FleetError;
use crate::files::{Layout, Tuning};
use crate::fleet::{Start, Supplier};

/// How long a machine takes from one state to the next: long enough to be met in it.
const TRANSITION_MS: u64 = 1_500;

/// What to start in `dir` for a plan.
pub fn ground(program: PathBuf, dir: &Path, plan: &Plan) -> Result<Start, FleetError> {
    let sizing = Sizing {
        regions: ["eu", "us", "ap"].map(str::to_owned).to_vec(),
        shards: 1,
        clusters_per_shard: 1,
        zones_per_shard: 3,
        seed: 11,
        pace: Pace::Clock,
    };
    let layout = Layout::new(dir)?;
    let blueprint = Blueprint::load_or_create(layout.root(), sizing)?;
    let zones = blueprint.shards.iter().map(|shard| (shard.home_region.clone(), shard.zones.clone()));
    let offering = Offering {
        name: "cpu".to_owned(),
        instance_type: "cpu.4".to_owned(),
        zones: Vec::new(),
        capacity_type: Payment::OnDemand,
        price_per_hour: 0.2,
        interruption_probability: 0.0,
        slots: u64::from(plan.machines) + 8,
        idle_percent: 0,
        machines_per_rack: 8,
        resources: [("cpu", "4"), ("memory", "16Gi")].map(|(name, size)| (name.to_owned(), size.to_owned())).into(),
        labels: BTreeMap::new(),
        ids: Vec::new(),
    };
    let catalogue = Catalogue {
        provider: blueprint.provider.name.clone(),
        regions: zones.collect(),
        latency: Latencies::fixed(TRANSITION_MS),
        offerings: vec![offering],
    };
    let tuning = Tuning::default();
    let (supplier, further_clusters, launch) = (Supplier::Simulated(catalogue), Vec::new(), BTreeMap::new());
    Ok(Start { program, layout, blueprint, tuning, supplier, further_clusters, launch })
}
