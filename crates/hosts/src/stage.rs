//! A fleet on the network, with everybody who uses it and everybody who looks on: what a play is played on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::{
    Blueprint, Clients, Clusters, Launch, Layout, LocalFleet, Pace, Picture, Place, Sizing, Start, Supplier, Tuning,
    Watch, supply,
};
use argosy_provider::sim::Latencies;
use argosy_workload::catalogue::Catalogue;
use argosy_workload::cluster::Course;
use argosy_workload::fleet::{FleetPlan, FleetSpec, RegionSpec};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::clerks::{self, Books};
use crate::error::HostsError;
use crate::failover::{Before, Times};
use crate::network::{Network, PROVIDER};
use crate::observer::{Log, observe};
use crate::recorder::FaultToken;
use crate::run::Options;
use crate::verdict::{self, Verdict};

/// Machine slots of the provider.
const MACHINES: u64 = 6_000;
/// Where nodes and the provider listen.
const PORT: u16 = 7_780;
const METRICS_PORT: u16 = 7_781;
/// Between two moments of the clusters' lives.
const LIVE_EVERY: Duration = Duration::from_millis(250);
/// How long a healed fleet may take to be whole.
const SETTLE: Duration = Duration::from_secs(45);

/// The regions, one node in each.
pub(crate) const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// How a stage differs from another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    /// One way between regions.
    pub(crate) one_way: Duration,
    /// The size of each node's disk in memory; the ordinary disk without one.
    pub(crate) small_disk_mib: Option<u64>,
    /// What has to be loaded into nodes to let their clocks jump.
    pub(crate) faketime: Option<PathBuf>,
}

/// A fleet, its users and its onlookers.
pub(crate) struct Stage<'n> {
    pub(crate) network: &'n Network,
    pub(crate) fleet: LocalFleet,
    pub(crate) log: Arc<Log>,
    pub(crate) books: Arc<Books>,
    setting: Setting,
    watch: Arc<Mutex<Watch>>,
    initial: BTreeMap<String, i64>,
    stop: watch::Sender<bool>,
    clerks: JoinSet<()>,
    users: JoinSet<()>,
    broken: Vec<String>,
    times: Vec<Times>,
}

impl<'n> Stage<'n> {
    /// Starts a new fleet in `dir` and everything around it.
    pub(crate) async fn set(
        network: &'n Network,
        options: &Options,
        dir: &Path,
        setting: Setting,
    ) -> Result<Self, HostsError> {
        network.settle(setting.one_way);
        let layout = Layout::new(dir)?;
        let blueprint = blueprint(network, options.seed)?;
        let catalogue = Arc::new(Catalogue::shipped("realistic-dev")?);
        let plan = workload(&blueprint, &catalogue);
        layout.create()?;
        if let Some(size) = setting.small_disk_mib {
            blueprint.nodes.iter().try_for_each(|node| crate::cage::small_disk(&layout.data(&node.id), size))?;
        }
        let start = Start {
            program: options.program.clone(),
            launch: launches(&blueprint, &layout, setting.faketime.as_deref())?,
            layout,
            supplier: Supplier::Simulated(supply::catalogue(
                &blueprint.provider.name,
                &plan.offerings,
                Latencies::default(),
            )),
            blueprint,
            tuning: Tuning { log_filter: options.log.clone(), ..Tuning::default() },
            further_clusters: Vec::new(),
        };
        let fleet = LocalFleet::start(start).await?;
        let (blueprint, clients) = (fleet.blueprint().clone(), fleet.clients().clone());
        let initial = initial(&blueprint, &clients).await;
        let clusters = Clusters::start(&plan.clusters, &catalogue, &growing(), &blueprint, &clients)?;
        let began = Instant::now();
        let (log, books) = (Arc::new(Log::new(began, &blueprint)), Arc::new(Books::new(began)));
        let watch = Arc::new(Mutex::new(Watch::new(&fleet)));
        let (stop, stopped) = watch::channel(false);
        let clerks = clerks::start(&books, (&blueprint, &clients), &stopped);
        let mut users = JoinSet::new();
        users.spawn(live(clusters));
        users.spawn(observe(blueprint, clients, Arc::clone(&watch), Arc::clone(&log)));
        let (broken, times) = (Vec::new(), Vec::new());
        Ok(Self { network, fleet, log, books, setting, watch, initial, stop, clerks, users, broken, times })
    }

    /// The ids of the shards.
    pub(crate) fn shards(&self) -> Vec<String> {
        self.fleet.blueprint().shards.iter().map(|shard| shard.id.clone()).collect()
    }

    /// The ids of the nodes.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.fleet.blueprint().nodes.iter().map(|node| node.id.clone()).collect()
    }

    /// The region of a node.
    pub(crate) fn region(&self, node: &str) -> String {
        self.fleet.blueprint().node(node).map(|site| site.region.clone()).unwrap_or_default()
    }

    /// Where a node keeps its data.
    pub(crate) fn data(&self, node: &str) -> PathBuf {
        self.fleet.layout().data(node)
    }

    /// How a shard stands; waits until it has a leader.
    pub(crate) async fn standing(&mut self, shard: &str) -> Option<Before> {
        let (clients, nodes) = (self.fleet.clients().clone(), self.nodes());
        let deadline = Instant::now() + SETTLE;
        while Instant::now() < deadline {
            if let Some(before) = Before::of(&clients, &nodes, shard).await {
                return Some(before);
            }
        }
        self.broke("a shard has a leader", &format!("{shard} had none for {} s", SETTLE.as_secs()));
        None
    }

    /// How a shard stands that this node leads; none if it leads none.
    pub(crate) async fn led_by(&mut self, node: &str) -> Option<Before> {
        for shard in self.shards() {
            let before = self.standing(&shard).await?;
            if before.leader == node {
                return Some(before);
            }
        }
        None
    }

    /// Measures how a shard comes back after its leader was struck, through the other nodes.
    pub(crate) async fn failover(&mut self, before: &Before, struck: Instant) {
        let others: Vec<String> = self.nodes().into_iter().filter(|node| *node != before.leader).collect();
        let times = before.failover(self.fleet.clients(), &others, &self.books, struck).await;
        let patience = crate::failover::PATIENCE.as_secs();
        for (what, time) in
            [("a leader again", times.leader), ("writes again", times.commit), ("a committed plan again", times.plan)]
        {
            if time.is_none() {
                let detail = format!("{} without {}: not within {patience} s", before.shard, before.leader);
                self.broke(what, &detail);
            }
        }
        self.times.push(times);
    }

    /// A fault begins.
    pub(crate) fn strikes(&self, fault: &str, whom: &str) -> FaultToken {
        self.log.note(|recorder, now| recorder.fault_begins(now, fault, whom))
    }

    /// It ends.
    pub(crate) fn ends(&self, fault: FaultToken) {
        self.log.note(|recorder, now| recorder.fault_ends(now, fault));
    }

    /// A promise is broken.
    pub(crate) fn broke(&mut self, promise: &str, detail: &str) {
        self.log.note(|recorder, now| recorder.broken(now, promise, detail));
        let at_s = self.log.now().as_secs_f64();
        self.broken.push(format!("{promise}: {detail} (at {at_s:.1} s)"));
    }

    /// Links as they were before any fault.
    pub(crate) fn heal_links(&self) {
        self.network.settle(self.setting.one_way);
    }

    /// Waits until every node answers and every replica is as far as its leader was when this began. A node that ended although
    /// nobody asked it to has broken a promise.
    pub(crate) async fn settle(&mut self) {
        let deadline = Instant::now() + SETTLE;
        let (blueprint, clients) = (self.fleet.blueprint().clone(), self.fleet.clients().clone());
        let mut goals: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            for (node, error) in self.fleet.fallen() {
                self.broke("no process ends by itself", &format!("{node}: {error}"));
            }
            let picture = Picture::take(&blueprint, &clients).await;
            let left = unsettled(&picture, &blueprint, &mut goals);
            if left.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                self.broke("a healed fleet is whole again", &left.join("; "));
                return;
            }
            sleep(LIVE_EVERY).await;
        }
    }

    /// Ends everything in order, and says what became of every promise.
    pub(crate) async fn finish(mut self) -> Result<Verdict, HostsError> {
        self.log.note(|recorder, now| recorder.healed(now));
        self.settle().await;
        self.stop.send_replace(true);
        while self.clerks.join_next().await.is_some() {}
        self.users.shutdown().await;
        let (log, books, initial) = (Arc::clone(&self.log), Arc::clone(&self.books), std::mem::take(&mut self.initial));
        let mut watch = self.watch.lock().await;
        let mut broken = std::mem::take(&mut self.broken);
        broken.extend(verdict::last_checks(&self.fleet, &mut watch).await);
        let effects = watch.ledger().await.map(|report| report.effects);
        if effects.is_none() {
            broken.push("the provider's ledger can be read: it cannot".to_owned());
        }
        broken
            .extend(watch.invariants().violations().iter().map(|found| format!("{}: {}", found.rule, found.evidence)));
        drop(watch);
        let times = std::mem::take(&mut self.times);
        let stubborn = self.fleet.stop().await?;
        broken.extend(stubborn.iter().map(|process| format!("a process ends when asked: {process} had to be killed")));
        Ok(Verdict::new(&log, &books.history(), &initial, times, effects.unwrap_or(0), broken))
    }
}

fn blueprint(network: &Network, seed: u64) -> Result<Blueprint, HostsError> {
    let sizing = Sizing {
        regions: REGIONS.map(str::to_owned).to_vec(),
        shards: 3,
        clusters_per_shard: 2,
        zones_per_shard: 2,
        seed,
        pace: Pace::Clock,
    };
    let blueprint = Blueprint::placed(sizing, |place| match place {
        Place::Node { region } => SocketAddr::from((network.address(region), PORT)),
        Place::Metrics { .. } => SocketAddr::from(([127, 0, 0, 1], METRICS_PORT)),
        Place::Provider => SocketAddr::from((network.address(PROVIDER), PORT)),
    });
    Ok(blueprint?)
}

fn workload(blueprint: &Blueprint, catalogue: &Catalogue) -> FleetPlan {
    let region = |shard: &argosy_localfleet::ShardSite| RegionSpec {
        name: shard.home_region.clone(),
        provider: blueprint.provider.name.clone(),
        zones: shard.zones.clone(),
        clusters: shard.clusters.clone(),
    };
    let regions = blueprint.shards.iter().map(region).collect();
    FleetPlan::new(catalogue, &FleetSpec::new(MACHINES, regions, blueprint.sizing.seed))
}

/// Demand that grows all the while, so that every cycle has something to decide and a plan that does not come is missed.
fn growing() -> Course {
    Course { ramp_ms: 120_000, churn_ppm_per_minute: 200_000, ..Course::default() }
}

async fn live(mut clusters: Clusters) {
    let mut ticks = interval(LIVE_EVERY);
    loop {
        ticks.tick().await;
        clusters.tick();
    }
}

async fn initial(blueprint: &Blueprint, clients: &Clients) -> BTreeMap<String, i64> {
    let mut initial = BTreeMap::new();
    for shard in &blueprint.shards {
        let deadline = Instant::now() + SETTLE;
        while Instant::now() < deadline && !initial.contains_key(&clerks::key(&shard.id)) {
            for node in &blueprint.nodes {
                if let Ok(value) = clerks::initial(clients, &node.id, &shard.id).await {
                    initial.insert(clerks::key(&shard.id), value);
                    break;
                }
            }
        }
    }
    initial
}

/// How each process is started: on its host, and with a clock that can jump where that is asked for.
fn launches(
    blueprint: &Blueprint,
    layout: &Layout,
    faketime: Option<&Path>,
) -> Result<BTreeMap<String, Launch>, HostsError> {
    let mut launches = BTreeMap::new();
    for node in &blueprint.nodes {
        let mut environment = Vec::new();
        if let Some(library) = faketime {
            let clock = crate::plays::clock::file(layout, &node.id);
            crate::plays::clock::set(&clock, 0)?;
            environment = crate::plays::clock::environment(library, &clock);
        }
        launches.insert(node.id.clone(), Launch { wrapper: Network::on(&node.region), environment });
    }
    let provider = Launch { wrapper: Network::on(PROVIDER), environment: Vec::new() };
    launches.insert(blueprint.provider.name.clone(), provider);
    Ok(launches)
}

/// What keeps a fleet from being whole. `goals` are how far each shard's replicas have to come: as far as the leader was when it was first seen.
fn unsettled(picture: &Picture, blueprint: &Blueprint, goals: &mut BTreeMap<String, u64>) -> Vec<String> {
    let mut left = Vec::new();
    for shard in &blueprint.shards {
        let Some(detail) = picture.shards.get(&shard.id) else {
            left.push(format!("{} answers nobody", shard.id));
            continue;
        };
        let revision = detail.as_of.as_ref().map_or(0, |as_of| as_of.revision);
        let goal = *goals.entry(shard.id.clone()).or_insert(revision);
        for node in &blueprint.nodes {
            let replica = picture.replicas.get(&(shard.id.clone(), node.id.clone()));
            match replica {
                None => left.push(format!("{} does not answer for {}", node.id, shard.id)),
                Some(replica) if replica.revision < goal => {
                    left.push(format!("{} is at {} of {} of {}", node.id, replica.revision, goal, shard.id));
                }
                Some(_) => {}
            }
        }
    }
    left
}
