//! The files of a local fleet: one placement, one configuration per node, written so that a person can read and change
//! them, and start a node by hand with `argosy server --config`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::blueprint::{Blueprint, NodeSite, Pace};
use crate::error::FleetError;

/// Where everything of a local fleet lies.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// What differs from the defaults of a deployment, because a fleet on one machine is watched by somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Time between cycles, milliseconds.
    pub cycle_interval_ms: u64,
    /// Log entries between snapshots.
    pub snapshot_every: u64,
    /// Log entries kept behind a snapshot.
    pub keep_behind_snapshot: u64,
    /// Which log lines the nodes write.
    pub log_filter: String,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            cycle_interval_ms: 1_000,
            snapshot_every: 20_000,
            keep_behind_snapshot: 5_000,
            log_filter: "info".to_owned(),
        }
    }
}

impl Layout {
    /// A layout under `root`, which is made absolute so that processes may start anywhere.
    pub fn new(root: &Path) -> Result<Self, FleetError> {
        std::fs::create_dir_all(root).map_err(|error| FleetError::io("create", root, &error))?;
        let root = root.canonicalize().map_err(|error| FleetError::io("resolve", root, &error))?;
        Ok(Self { root })
    }

    /// The directory of it all.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Certificates.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// Logs of the processes.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of one process.
    pub fn log(&self, process: &str) -> PathBuf {
        self.logs().join(format!("{process}.log"))
    }

    /// The configuration of a node.
    pub fn config(&self, node: &str) -> PathBuf {
        self.root.join("nodes").join(format!("{node}.toml"))
    }

    /// The data directory of a node.
    pub fn data(&self, node: &str) -> PathBuf {
        self.root.join("nodes").join(node)
    }

    /// The placement that all nodes share.
    pub fn placement(&self) -> PathBuf {
        self.root.join("nodes").join("placement.toml")
    }

    /// The provider's catalogue of offerings.
    pub fn catalogue(&self) -> PathBuf {
        self.provider().join("catalogue.toml")
    }

    /// The provider's catalogue, state and ledger.
    pub fn provider(&self) -> PathBuf {
        self.root.join("provider")
    }

    /// Makes the directories.
    pub fn create(&self) -> Result<(), FleetError> {
        for dir in [self.logs(), self.root.join("nodes"), self.provider()] {
            std::fs::create_dir_all(&dir).map_err(|error| FleetError::io("create", &dir, &error))?;
        }
        Ok(())
    }
}

/// Writes the placement and the nodes' configurations.
pub fn write(layout: &Layout, blueprint: &Blueprint, tuning: &Tuning) -> Result<(), FleetError> {
    put(&layout.placement(), &placement(blueprint))?;
    for node in &blueprint.nodes {
        put(&layout.config(&node.id), &config(layout, blueprint, node, tuning))?;
    }
    Ok(())
}

/// Writes a text file.
pub fn put(path: &Path, text: &str) -> Result<(), FleetError> {
    std::fs::write(path, text).map_err(|error| FleetError::io("write", path, &error))
}

fn placement(blueprint: &Blueprint) -> String {
    let voters = quoted(blueprint.nodes.iter().map(|node| &node.id));
    let mut text =
        format!("# Which shards there are and where. Every node reads this file.\ncoordinator_voters = [{voters}]\n");
    for shard in &blueprint.shards {
        let clusters = quoted(&shard.clusters);
        let domains = shard
            .zones
            .iter()
            .map(|zone| format!("  {{ key = \"topology.kubernetes.io/zone\", value = \"{zone}\" }},\n"));
        let domains: String = domains.collect();
        let (id, number, home) = (&shard.id, shard.number, &shard.home_region);
        let _infallible = write!(
            text,
            "\n[[shards]]\nid = \"{id}\"\nnumber = {number}\nhome_region = \"{home}\"\nvoters = [{voters}]\n\
             domains = [\n{domains}]\nclusters = [{clusters}]\n"
        );
    }
    text
}

fn config(layout: &Layout, blueprint: &Blueprint, node: &NodeSite, tuning: &Tuning) -> String {
    let pki = layout.pki();
    let mode = match blueprint.sizing.pace {
        Pace::Clock => "clock",
        Pace::Lockstep => "lockstep",
    };
    let mut text = format!(
        "# One node of a fleet on this machine. `argosy config reference` explains every key.\n\
         fleet = \"local\"\nplacement_file = \"{placement}\"\n\n\
         [node]\nid = \"{id}\"\nnumber = {number}\nregion = \"{region}\"\nzone = \"{region}-a\"\ndata_dir = \"{data}\"\nlisten = \"{listen}\"\n\n\
         [tls]\ncert = \"{pki}/node-{id}.crt\"\nkey = \"{pki}/node-{id}.key\"\nca = \"{pki}/ca.crt\"\n\n\
         [metrics]\nlisten = \"{metrics}\"\n\n\
         [cycle]\nmode = \"{mode}\"\ninterval = \"{interval}ms\"\n\n\
         [raft]\nsnapshot_every = {every}\nkeep_behind_snapshot = {keep}\n\n\
         [log]\nfilter = \"{filter}\"\n",
        placement = layout.placement().display(),
        id = node.id,
        number = node.number,
        region = node.region,
        data = layout.data(&node.id).display(),
        listen = node.address,
        pki = pki.display(),
        metrics = node.metrics,
        interval = tuning.cycle_interval_ms,
        every = tuning.snapshot_every,
        keep = tuning.keep_behind_snapshot,
        filter = tuning.log_filter,
    );
    if let Some(door) = node.door {
        let pki = pki.display();
        let _infallible = write!(
            text,
            "\n[join]\nauthority = \"{pki}/agents-ca.crt\"\nauthority_key = \"{pki}/agents-ca.key\"\nlisten = \"{door}\"\n"
        );
    }
    for peer in blueprint.nodes.iter().filter(|peer| peer.id != node.id) {
        let (id, number, region, address) = (&peer.id, peer.number, &peer.region, peer.address);
        let _infallible = write!(
            text,
            "\n[[peers]]\nid = \"{id}\"\nnumber = {number}\nregion = \"{region}\"\nzone = \"{region}-a\"\naddress = \"{address}\"\n"
        );
    }
    let provider = &blueprint.provider;
    let _infallible =
        write!(text, "\n[[providers]]\nname = \"{}\"\naddress = \"{}\"\n", provider.name, provider.address);
    text
}

fn quoted<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    items.into_iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}
