//! A node's share of all its groups: the store, the links to other nodes, the groups that are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_proto::argosy::v1::raft_server::RaftServer;
use argosy_storage::{GroupId, Identity, NodeId, Store};
use futures::future::join_all;

use crate::config::Config;
use crate::connect::Connect;
use crate::errors::OpenError;
use crate::fold::{Fold, Signals};
use crate::group::Group;
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::net::Reach;
use crate::net::client::Network;
use crate::net::heard::Heard;
use crate::net::link::Links;
use crate::net::service::{PeerCheck, RaftService};
use crate::net::upkeep;
use crate::net::wire::MESSAGE_BYTES;
use crate::types::{ReplicaId, TypeConfig};

/// Elections that would have begun in a silence, if there were anybody to stand.
const SILENT_ELECTIONS: u32 = 2;

/// One per process; clones share it.
#[derive(Clone)]
pub struct Host {
    store: Arc<Store>,
    config: Config,
    raft_config: Arc<openraft::Config>,
    links: Arc<Links>,
    replicas: Arc<Replicas>,
}

impl Host {
    /// A host over a node's store, which reaches other nodes through `connect`. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(store: Arc<Store>, connect: Arc<dyn Connect>, config: Config) -> Result<Self, OpenError> {
        let me = store.identity().clone();
        let raft_config = Arc::new(config.to_raft(&me.cluster)?);
        let heard = Arc::new(Heard::new());
        let links = Arc::new(Links::new(me.clone(), connect, heard.clone()));
        let replicas = Arc::new(Replicas { node: me.node, groups: Mutex::default(), heard });
        upkeep::start(&links, &replicas, config.timing);
        Ok(Self { store, config, raft_config, links, replicas })
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.store.identity()
    }

    /// This node's id.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.identity().node
    }

    /// Whether no other node has been heard of for so long that somebody stands for election where there is anybody: this node is cut off,
    /// or alone.
    #[must_use]
    pub fn hears_nobody(&self) -> bool {
        self.replicas.heard.silence() > self.config.timing.election_max * SILENT_ELECTIONS
    }

    /// The gRPC service to mount. `check` holds a peer's certificate against the node it claims to be.
    ///
    /// Serve it on connections without Nagle's delay: answers are small, and 40 ms is a hundred times what they take otherwise.
    #[must_use]
    pub fn service(&self, check: Option<Arc<dyn PeerCheck>>) -> RaftServer<RaftService> {
        let service = RaftService { me: self.identity().clone(), replicas: self.replicas.clone(), check };
        RaftServer::new(service).max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES)
    }

    /// Opens this node's replica of a group: restores its snapshot, folds what is known to be committed, and takes part from then on.
    ///
    /// A node opens a group before anybody can make it a member.
    ///
    /// # Errors
    /// When the group is open already, or what it stored is damaged or cannot be restored.
    pub async fn open_group(&self, id: GroupId, machine: Box<dyn StateMachine>) -> Result<Group, OpenError> {
        self.replicas.reserve(id)?;
        match self.start_group(id, machine).await {
            Ok(group) => {
                self.replicas.insert(group.clone());
                Ok(group)
            }
            Err(error) => {
                self.replicas.release(id);
                Err(error)
            }
        }
    }

    async fn start_group(&self, id: GroupId, machine: Box<dyn StateMachine>) -> Result<Group, OpenError> {
        let store = self.store.group(id)?;
        let me = ReplicaId::new(self.node(), self.identity().instance);
        let signals = Signals::new();
        let fold = Fold::new(store.clone(), machine, signals.clone(), self.config.limits.snapshot_every_bytes);
        let reach = Reach { links: self.links.clone(), canvass: Arc::default(), foresight: Arc::default() };
        let log = LogStore::new(store.clone());
        let append_deadline = self.config.timing.election_max;
        let network = Network { reach: reach.clone(), group: id, log: log.clone(), append_deadline };
        let raft = openraft::Raft::<TypeConfig, Fold>::new(me, self.raft_config.clone(), network, log, fold)
            .await
            .map_err(|fatal| crate::errors::stopped(id, &fatal))?;
        Ok(Group::start(me, raft, self.store.clone(), store, reach, &self.config, signals))
    }

    /// An open group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<Group> {
        self.replicas.get(id)
    }

    /// Every open group.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.replicas.all()
    }

    /// Hands over every leadership, stops every group, and lets go of the links. The store stays open; close it afterwards.
    pub async fn shutdown(&self) {
        let groups = self.groups();
        join_all(groups.iter().map(Group::hand_over)).await;
        join_all(groups.iter().map(Group::shutdown)).await;
        self.replicas.clear();
        self.links.clear();
    }
}

/// The open groups of a node, as its peers reach them.
pub(crate) struct Replicas {
    node: NodeId,
    /// `None` while a group opens.
    groups: Mutex<HashMap<GroupId, Option<Group>>>,
    pub(crate) heard: Arc<Heard>,
}

impl Replicas {
    /// The group that a peer calls, if it is open and the peer is not an impostor of one of its members.
    pub(crate) fn open_for(&self, id: GroupId, peer: ReplicaId) -> Result<Group, String> {
        let group = self
            .get(id)
            .ok_or_else(|| format!("ARG-0315: group {id} is not open on node {}; retry when it is", self.node))?;
        if group.knows_other_instance(peer) {
            return Err(format!(
                "ARG-0307: node {} has another data directory (instance {}) than the member it was; remove the member, then add the node \
                 again",
                peer.node(),
                peer.instance()
            ));
        }
        Ok(group)
    }

    fn reserve(&self, id: GroupId) -> Result<(), OpenError> {
        match self.lock().entry(id) {
            std::collections::hash_map::Entry::Occupied(_) => Err(OpenError::AlreadyOpen(id)),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(None);
                Ok(())
            }
        }
    }

    fn insert(&self, group: Group) {
        self.lock().insert(group.id(), Some(group));
    }

    fn release(&self, id: GroupId) {
        self.lock().remove(&id);
    }

    fn get(&self, id: GroupId) -> Option<Group> {
        self.lock().get(&id).cloned().flatten()
    }

    pub(crate) fn all(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.lock().values().flatten().cloned().collect();
        groups.sort_by_key(Group::id);
        groups
    }

    fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<GroupId, Option<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Config {
    fn to_raft(self, cluster: &argosy_storage::ClusterId) -> Result<openraft::Config, OpenError> {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (timing, limits) = (self.timing, self.limits);
        let heartbeat = ms(timing.heartbeat);
        let tick = heartbeat * 13 / 64;
        let spare = ms(timing.election_min).saturating_sub(heartbeat + tick + 1);
        if spare == 0 {
            return Err(OpenError::Config(format!(
                "election_min must exceed the heartbeat of {heartbeat} ms by more than {tick} ms"
            )));
        }
        let config = openraft::Config {
            cluster_name: cluster.to_string(),
            heartbeat_interval: heartbeat,
            // Under writes the appends themselves keep followers quiet.
            heartbeat_min_interval: Some(spare.min(heartbeat / 2)),
            election_timeout_min: ms(timing.election_min),
            election_timeout_max: ms(timing.election_max),
            enable_pre_vote: Some(true),
            // A leader that restarts would lead again without a vote, with a state machine that may be behind what it acknowledged.
            enable_leader_restore: Some(false),
            max_payload_entries: 4096,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(limits.snapshot_every),
            max_in_snapshot_log_to_keep: limits.keep_behind_snapshot,
            replication_lag_threshold: limits.snapshot_every + limits.keep_behind_snapshot,
            api_channel_size: Some(8192),
            notification_channel_size: Some(8192),
            backoff: "50ms 100ms 200ms ...500ms".to_owned(),
            ..openraft::Config::default()
        };
        config.validate().map_err(|error| OpenError::Config(error.to_string()))
    }
}
