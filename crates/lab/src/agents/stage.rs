//! The node that is loaded: one process with one shard, its machines, and the channels to it.

use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::{Blueprint, Layout, LocalFleet, Pace, Picture, Sizing, Start, Supplier, Tuning, certificates};
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{GetHealthRequest, ListAgentsRequest};
use argosy_proto::authz::Role;
use argosy_provider::sim::{Catalogue, Latencies, Offering};
use argosy_server::config::HostPort;
use argosy_server::pki::{Authority, LeafPaths, LeafRequest, PkiError, Validity};
use argosy_server::tls::{Credentials, Dialer, Limits, Peer, Security};
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use super::gauge::Reading;
use super::{LOOK_EVERY, LoadError, Options};

/// How long the node may take to list its machines.
const LIST_PATIENCE: Duration = Duration::from_secs(120);
/// How long a leader under load may take to answer a question.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer that is taken, bytes.
const LARGEST_ANSWER: usize = 256 << 20;
/// How long an agent's certificate is valid.
const LEAF_DAYS: u32 = 7;

/// A node that runs.
pub(super) struct Stage {
    fleet: LocalFleet,
    authority: Authority,
    node: String,
    shard: String,
    admin: Channel,
}

fn machine(at: u32) -> String {
    format!("gpu-{at:06}")
}

/// So many machines in one zone, that are there already and cannot be given back.
fn catalogue(zone: &str, region: &str, machines: u32) -> Catalogue {
    let resources = [("cpu".to_owned(), "192".to_owned()), ("nvidia.com/gpu".to_owned(), "8".to_owned())].into();
    let ids = (0..machines).map(machine).collect();
    let offering =
        Offering { machines_per_rack: 16, resources, ..Offering::owned("gpu".to_owned(), "h100-8x", zone, ids) };
    Catalogue {
        provider: "sim".to_owned(),
        regions: [(region.to_owned(), vec![zone.to_owned()])].into(),
        latency: Latencies::default(),
        offerings: vec![offering],
    }
}

fn pki(error: &PkiError) -> LoadError {
    LoadError::Blind { verb: "asked", reason: error.to_string() }
}

impl Stage {
    /// Starts the node, and waits until it knows all its machines.
    pub(super) async fn start(options: &Options) -> Result<Self, LoadError> {
        let layout = Layout::new(&options.dir)?;
        let sizing = Sizing {
            regions: vec!["eu".to_owned()],
            shards: 1,
            clusters_per_shard: 1,
            zones_per_shard: 1,
            seed: 1,
            pace: Pace::Clock,
        };
        let blueprint = Blueprint::load_or_create(layout.root(), sizing)?;
        let (site, shard) = (blueprint.nodes[0].clone(), blueprint.shards[0].clone());
        let catalogue = catalogue(&shard.zones[0], &site.region, options.agents);
        // Two lines for every agent that comes and goes are not what is measured.
        let tuning = Tuning { log_filter: "warn".to_owned(), ..Tuning::default() };
        let fleet = LocalFleet::start(Start {
            program: options.program.clone(),
            layout: layout.clone(),
            blueprint,
            tuning,
            supplier: Supplier::Simulated(catalogue),
            further_clusters: Vec::new(),
            launch: Default::default(),
        });
        let fleet = fleet.await?;
        let authority = Authority::open(&layout.pki()).map_err(|error| pki(&error))?;
        let admin = channel(&layout, Role::Admin, "", &site.address.into())?;
        let stage = Self { fleet, authority, node: site.id, shard: shard.id, admin };
        stage.listed(options).await?;
        Ok(stage)
    }

    async fn listed(&self, options: &Options) -> Result<(), LoadError> {
        let deadline = Instant::now() + LIST_PATIENCE;
        loop {
            let listed: u64 = self.picture().await.machines_by_state().values().sum();
            if listed >= u64::from(options.agents) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.late(format!("{listed} of {} machines were listed", options.agents), LIST_PATIENCE));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn picture(&self) -> Picture {
        Picture::take(self.fleet.blueprint(), self.fleet.clients()).await
    }

    pub(super) fn late(&self, what: String, patience: Duration) -> LoadError {
        LoadError::Late { what, seconds: patience.as_secs(), log: self.fleet.layout().log(&self.node) }
    }

    /// The shard.
    pub(super) fn shard(&self) -> &str {
        &self.shard
    }

    /// A machine of it.
    #[allow(clippy::unused_self)]
    pub(super) fn machine(&self, at: u32) -> String {
        machine(at)
    }

    fn address(&self) -> HostPort {
        self.fleet.blueprint().nodes[0].address.into()
    }

    /// A connection of an agent's own, with a certificate of its own.
    pub(super) fn agent_channel(&self, machine: &str) -> Result<Channel, LoadError> {
        let principal = certificates::holder(Role::Agent, machine)?;
        let paths = LeafPaths::of(&self.fleet.layout().pki(), &principal);
        let validity = Validity::days(LEAF_DAYS).map_err(|error| pki(&error))?;
        let request = LeafRequest { principal, dns: Vec::new(), ips: Vec::new(), validity };
        self.authority.issue(&request).and_then(|leaf| leaf.store(&paths)).map_err(|error| pki(&error))?;
        channel(self.fleet.layout(), Role::Agent, machine, &self.address())
    }

    /// A connection as another node has one.
    pub(super) fn node_channel(&self) -> Result<Channel, LoadError> {
        channel(self.fleet.layout(), Role::Node, &self.node, &self.address())
    }

    /// Looks at the node.
    pub(super) async fn read(&self) -> Result<Reading, LoadError> {
        let ended = || LoadError::Blind { verb: "asked", reason: "it does not run".to_owned() };
        let deadline = Instant::now() + ANSWER_PATIENCE;
        loop {
            let picture = self.picture().await;
            let pid = self.fleet.pids().get(&self.node).copied().ok_or_else(ended)?;
            match picture.shards.get(&self.shard) {
                Some(detail) => return Reading::of(pid, detail.entries),
                None if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                None => return Err(self.late("its shard's leader did not answer".to_owned(), ANSWER_PATIENCE)),
            }
        }
    }

    /// How many agents are connected, as the leader says.
    pub(super) async fn connected(&self) -> Result<u64, LoadError> {
        let mut client = NodeAgentsClient::new(self.admin.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let answer = client
            .list_agents(ListAgentsRequest { shard: self.shard.clone() })
            .await
            .map_err(|status| refused(&status))?;
        Ok(answer.into_inner().agents.iter().filter(|agent| agent.connected).count() as u64)
    }

    /// How many machines are unhealthy, as the leader says.
    pub(super) async fn unhealthy(&self) -> Result<u64, LoadError> {
        let mut client = MachineHealthClient::new(self.admin.clone());
        let answer = client
            .get_health(GetHealthRequest { shard: self.shard.clone() })
            .await
            .map_err(|status| refused(&status))?;
        Ok(answer.into_inner().machines.get("unhealthy").copied().unwrap_or_default())
    }

    /// Ends the node in good order.
    pub(super) async fn stop(self) -> Result<(), LoadError> {
        self.fleet.stop().await.map(drop).map_err(Into::into)
    }
}

fn refused(status: &tonic::Status) -> LoadError {
    LoadError::Blind { verb: "asked", reason: status.message().to_owned() }
}

fn channel(layout: &Layout, role: Role, id: &str, address: &HostPort) -> Result<Channel, LoadError> {
    let files = certificates::files(&layout.pki(), &certificates::holder(role, id)?);
    let blind = |reason: String| LoadError::Blind { verb: "asked", reason };
    let credentials = Credentials::load(&files).map_err(|error| blind(error.to_string()))?;
    let dialer = Dialer::new(Security::Mutual(Arc::new(credentials)), Limits::default());
    dialer.channel(&Peer::any_node(address.clone())).map_err(|error| blind(error.to_string()))
}
