//! What a world consists of: regions, nodes, links, shards, clusters and machines. A function of its shape and seed.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::supply;
use argosy_provider::sim::{Catalogue as Offered, Latencies};
use argosy_server::config::{self, Config};
use argosy_workload::catalogue::Catalogue;
use argosy_workload::dice::Dice;
use argosy_workload::fleet::{ClusterPlan, FleetPlan, FleetSpec, RegionSpec};
use serde::{Deserialize, Serialize};

/// The name of the provider, and of the host that it lives on.
pub const PROVIDER: &str = "sim";
/// The host that holds what the provider has; it outlives the provider's process.
pub const STOCK: &str = "stock";
/// The host of the administrators.
pub const ADMIN: &str = "admin";
/// Machines of a zone that have an agent.
const AGENTS_PER_ZONE: usize = 2;
/// Every host listens on a port of its own, so that an address of the configuration names a host.
const FIRST_PORT: u16 = 7_000;
const PROVIDER_PORT: u16 = 7_900;
/// Names of regions, in the order in which they are used.
const REGIONS: [&str; 5] = ["eu", "us", "ap", "sa", "af"];

/// What may differ between worlds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    /// Nodes, spread over the regions.
    pub nodes: u32,
    /// Regions, one to five.
    pub regions: u32,
    /// Shards; every node has a replica of each.
    pub shards: u32,
    /// Clusters of each shard.
    pub clusters_per_shard: u32,
    /// Machines, all told.
    pub machines: u64,
    /// One way between regions, in milliseconds.
    pub region_latency_ms: u64,
    /// A step of the simulation, in milliseconds; nothing is finer.
    pub tick_ms: u64,
    /// Time of one sync of a disk, in milliseconds.
    pub sync_ms: u64,
    /// Entries after which a snapshot is taken.
    pub snapshot_every: u64,
    /// A lane's breaker opens after so many refused creations in a row.
    pub breaker_after: u32,
    /// For so many seconds at first.
    pub breaker_first_s: u64,
    /// And for so many at most.
    pub breaker_longest_s: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            nodes: 3,
            regions: 3,
            shards: 1,
            clusters_per_shard: 2,
            machines: 60,
            region_latency_ms: 10,
            tick_ms: 2,
            sync_ms: 2,
            snapshot_every: 200,
            breaker_after: 3,
            breaker_first_s: 1,
            breaker_longest_s: 4,
        }
    }
}

/// One node.
#[derive(Clone, Debug)]
pub struct NodeSite {
    /// Its id, and the name of its host.
    pub id: String,
    /// Its number in Raft.
    pub number: u32,
    /// Its region.
    pub region: String,
}

impl NodeSite {
    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        FIRST_PORT + u16::try_from(self.number).unwrap_or(0)
    }
}

/// One shard.
#[derive(Clone, Debug)]
pub struct ShardSite {
    /// Its id.
    pub id: String,
    /// Its group's number.
    pub number: u32,
    home: String,
    zones: Vec<String>,
    clusters: Vec<String>,
}

impl ShardSite {
    /// The cluster that runs nothing, and whose demand is a register.
    #[must_use]
    pub fn scribe(&self) -> String {
        format!("{}-scribe", self.id)
    }
}

/// A world on paper.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What it was made from.
    pub shape: Shape,
    /// Of everything simulated.
    pub seed: u64,
    /// The nodes.
    pub nodes: Vec<NodeSite>,
    /// The shards.
    pub shards: Vec<ShardSite>,
    /// The clusters, with what they run.
    pub clusters: Vec<ClusterPlan>,
    /// What may run.
    pub workload: Arc<Catalogue>,
    /// What the provider has.
    pub offered: Offered,
}

impl Layout {
    /// Lays out a world.
    ///
    /// # Panics
    /// When the shape asks for no node, or for more than there are numbers for.
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        assert!((1..=7).contains(&shape.nodes), "a world has one to seven nodes");
        let regions = &REGIONS[..(shape.regions.clamp(1, 5) as usize).min(shape.nodes as usize)];
        let region_of = |at: u32| regions[at as usize % regions.len()].to_owned();
        let node = |at: u32| NodeSite { id: format!("n{}", at + 1), number: at + 1, region: region_of(at) };
        let shard = |at: u32| {
            let id = format!("s{}", at + 1);
            ShardSite {
                home: region_of(at),
                zones: ["a", "b"].iter().map(|zone| format!("{id}-{zone}")).collect(),
                clusters: (1..=shape.clusters_per_shard).map(|n| format!("{id}-c{n}")).collect(),
                number: at + 1,
                id,
            }
        };
        let shards: Vec<ShardSite> = (0..shape.shards).map(shard).collect();
        let workload = Arc::new(Catalogue::shipped("realistic-dev").expect("it ships"));
        let supplies = shards.iter().map(|shard| RegionSpec {
            name: shard.id.clone(),
            provider: PROVIDER.to_owned(),
            zones: shard.zones.clone(),
            clusters: shard.clusters.clone(),
        });
        let plan = FleetPlan::new(&workload, &FleetSpec::new(shape.machines, supplies.collect(), seed));
        let offered = supply::catalogue(PROVIDER, &plan.offerings, Latencies::default());
        let nodes = (0..shape.nodes).map(node).collect();
        Self { shape, seed, nodes, shards, clusters: plan.clusters, workload, offered }
    }

    /// What administrators say of lanes: breakers that are open for seconds, since no world lasts for hours.
    #[must_use]
    pub fn lane_policy(&self) -> String {
        let Shape { breaker_after: after, breaker_first_s: first, breaker_longest_s: longest, .. } = self.shape;
        format!("version: 1\nbreaker: {{after: {after}, first: {first}s, longest: {longest}s}}\n")
    }

    /// A stream of chance of this world.
    #[must_use]
    pub fn dice(&self, stream: &str) -> Dice {
        Dice::new(self.seed, stream)
    }

    /// The host that lives behind an address of the configuration.
    #[must_use]
    pub fn host_of(&self, port: u16) -> Option<&str> {
        if port == PROVIDER_PORT {
            return Some(PROVIDER);
        }
        self.nodes.iter().find(|node| node.port() == port).map(|node| node.id.as_str())
    }

    /// Where the provider listens.
    #[must_use]
    pub fn provider_port(&self) -> u16 {
        PROVIDER_PORT
    }

    /// The host of a region's operators.
    #[must_use]
    pub fn operators_of(region: &str) -> String {
        format!("ops-{region}")
    }

    /// The host of a region's node agents.
    #[must_use]
    pub fn agents_of(region: &str) -> String {
        format!("agents-{region}")
    }

    /// Machines that have an agent in this world, each with its shard: the first of some offerings of the shards that are at home in a region.
    #[must_use]
    pub fn machines_with_agents(&self, region: &str) -> Vec<(&str, String)> {
        let homes = self.shards.iter().filter(|shard| shard.home == region);
        let of = |shard| self.first_machines(shard).into_iter().map(|machine| (shard.id.as_str(), machine));
        homes.flat_map(of).collect()
    }

    fn first_machines(&self, shard: &ShardSite) -> Vec<String> {
        let of_zone = |zone| {
            let offered = self.offered.offerings.iter().filter(move |offering| offering.zones.contains(zone));
            offered.take(AGENTS_PER_ZONE).map(move |offering| format!("{}-{zone}-000000", offering.name))
        };
        shard.zones.iter().flat_map(of_zone).collect()
    }

    /// The regions that have nodes, in order.
    #[must_use]
    pub fn regions(&self) -> Vec<String> {
        let mut regions: Vec<String> = Vec::new();
        for node in &self.nodes {
            if !regions.contains(&node.region) {
                regions.push(node.region.clone());
            }
        }
        regions
    }

    /// The regions that are home to a shard, in order: where operators and agents live.
    #[must_use]
    pub fn homes(&self) -> Vec<String> {
        let is_home = |region: &String| self.shards.iter().any(|shard| shard.home == *region);
        self.regions().into_iter().filter(is_home).collect()
    }

    /// The clusters whose operators live in a region: those of the shards at home there.
    pub fn clusters_in(&self, region: &str) -> impl Iterator<Item = &ClusterPlan> {
        let shards = self.shards.iter().filter(move |shard| shard.home == region);
        let names: Vec<&String> = shards.flat_map(|shard| &shard.clusters).collect();
        self.clusters.iter().filter(move |cluster| names.contains(&&cluster.id))
    }

    /// Every host with its region; the provider and the administrators are in the first one.
    #[must_use]
    pub fn hosts(&self) -> Vec<(String, String)> {
        let (regions, homes) = (self.regions(), self.homes());
        let nodes = self.nodes.iter().map(|node| (node.id.clone(), node.region.clone()));
        let operators = homes.iter().map(|region| (Self::operators_of(region), region.clone()));
        let agents = homes.iter().map(|region| (Self::agents_of(region), region.clone()));
        let others = [PROVIDER, ADMIN].map(|host| (host.to_owned(), regions[0].clone()));
        nodes.chain(operators).chain(agents).chain(others).collect()
    }

    /// One way between two hosts of these regions.
    #[must_use]
    pub fn latency(&self, a: &str, b: &str) -> Duration {
        let near = Duration::from_millis(self.shape.tick_ms);
        if a == b { near } else { Duration::from_millis(self.shape.region_latency_ms).max(near) }
    }

    /// The configuration of a node, read from text as in production.
    ///
    /// # Panics
    /// When the configuration does not read what this writes.
    #[must_use]
    pub fn config(&self, site: &NodeSite) -> Config {
        let text = self.config_text(site);
        let loaded = config::load_with(Path::new("node.toml"), &|_| Ok(text.clone().into_bytes()));
        loaded.unwrap_or_else(|report| panic!("a world writes sound configurations: {report}")).config
    }

    fn config_text(&self, site: &NodeSite) -> String {
        let every = self.shape.snapshot_every;
        let (id, number, region, port) = (&site.id, site.number, &site.region, site.port());
        let mut text = format!(
            "fleet = \"chaos\"\nplaintext = true\n\
             [node]\nid = \"{id}\"\nnumber = {number}\nregion = \"{region}\"\nzone = \"{region}-a\"\ndata_dir = \"data\"\nlisten = \"127.0.0.1:{port}\"\n\
             [metrics]\nenabled = false\n\
             [raft]\nsnapshot_every = {every}\nkeep_behind_snapshot = {keep}\n\
             [cycle]\ninterval = \"2s\"\n\
             [rails]\nreclaim_cap_ppm = 500000\n\
             [listing]\ninterval = \"5s\"\nbusy_interval = \"500ms\"\n\
             [[providers]]\nname = \"{PROVIDER}\"\naddress = \"127.0.0.1:{PROVIDER_PORT}\"\n",
            keep = every / 4,
        );
        for peer in self.nodes.iter().filter(|peer| peer.id != site.id) {
            let (id, number, region, port) = (&peer.id, peer.number, &peer.region, peer.port());
            let _infallible = write!(
                text,
                "[[peers]]\nid = \"{id}\"\nnumber = {number}\nregion = \"{region}\"\nzone = \"{region}-a\"\naddress = \"127.0.0.1:{port}\"\n"
            );
        }
        let voters = quoted(self.nodes.iter().map(|node| &node.id));
        let _infallible = write!(text, "[placement]\ncoordinator_voters = [{voters}]\n");
        for shard in &self.shards {
            let scribe = shard.scribe();
            let clusters = quoted(shard.clusters.iter().chain([&scribe]));
            let (id, number, home) = (&shard.id, shard.number, &shard.home);
            let domain = |zone| format!("{{ key = \"topology.kubernetes.io/zone\", value = \"{zone}\" }}");
            let domains = shard.zones.iter().map(domain).collect::<Vec<_>>().join(", ");
            let _infallible = write!(
                text,
                "[[placement.shards]]\nid = \"{id}\"\nnumber = {number}\nhome_region = \"{home}\"\nvoters = [{voters}]\n\
                 domains = [{domains}]\nclusters = [{clusters}]\n"
            );
        }
        text
    }
}

fn quoted<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    items.into_iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}
