//! An operator's side of `Shard.Session`: one long conversation that outlives connections, nodes and leaders.
//!
//! It dials one of several addresses, greets, keeps the newest roll-up acknowledged, answers requests for bootstrap
//! blobs, acknowledges reclaims once the cluster has cordoned, and starts again after any failure. It knows nothing of
//! where demand comes from: a simulated cluster and a real operator use it alike. Protocol: spec/wire-and-system.md
//! sections 1.3 and 3.1.
//!
//! Three rules keep it bounded. Roll-ups go through one slot in which the newest wins, with one in flight at a time.
//! Replies go through an outbox of fixed depth that drops the newest when it is full. Events wait in a mailbox in which
//! an update replaces an unread one of the same key.

mod backoff;
mod connection;
mod mailbox;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::{BootstrapRequest, ClusterCapacityNeeds, ReclaimInstruction};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

pub use backoff::Backoff;
pub use mailbox::{Events, Greeting, SessionEvent};

use connection::Conversation;

/// The version that the greeting names.
pub const PROTOCOL_VERSION: &str = "v1alpha1";

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The cluster it speaks for.
    pub cluster_id: String,
    /// Addresses that accept sessions; any of them will do.
    pub addresses: Vec<String>,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// How long a connection and the acknowledgement of the greeting may take.
    pub greeting_timeout: Duration,
    /// How long the acknowledgement of a roll-up may take before the session is given up and begun anew.
    pub rollup_timeout: Duration,
    /// Replies that may wait to be sent.
    pub outbox_depth: usize,
    /// Events that may wait to be read; beyond, the oldest is dropped.
    pub mailbox_depth: usize,
    /// Decides the jitter of the waits and the address tried first.
    pub seed: u64,
}

impl SessionConfig {
    /// The defaults for a cluster.
    pub fn new(cluster_id: impl Into<String>, addresses: Vec<String>, seed: u64) -> Self {
        Self {
            cluster_id: cluster_id.into(),
            addresses,
            backoff: Backoff::default(),
            greeting_timeout: Duration::from_secs(5),
            rollup_timeout: Duration::from_secs(15),
            outbox_depth: 256,
            mailbox_depth: 65_536,
            seed,
        }
    }
}

/// What a new machine is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootstrapBlob {
    /// Opaque to everybody but the machine.
    pub user_data: Vec<u8>,
    /// How long it may be used.
    pub ttl_seconds: i64,
}

/// What a session asks of the cluster that it speaks for.
pub trait ClusterSide: Send + Sync + 'static {
    /// Makes the blob with which a machine joins the cluster, or says why there can be none.
    ///
    /// # Errors
    /// The reason, for people; the shard reports it as a shortfall.
    fn bootstrap(&self, request: &BootstrapRequest) -> Result<BootstrapBlob, String>;

    /// Cordons the nodes of an instruction and begins to drain them; says how many it began with. The instruction is
    /// acknowledged when this is done, so it should not wait for the drain to end.
    fn reclaim(&self, instruction: &ReclaimInstruction) -> impl Future<Output = usize> + Send;
}

/// What a session has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Greetings that were acknowledged: connections that came to something.
    pub greetings_acknowledged: u64,
    /// Roll-ups sent.
    pub rollups_sent: u64,
    /// Roll-ups acknowledged.
    pub rollups_acknowledged: u64,
    /// Replies dropped because the outbox was full.
    pub replies_dropped: u64,
    /// Events dropped because the mailbox was full.
    pub events_dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    greetings_acknowledged: AtomicU64,
    rollups_sent: AtomicU64,
    rollups_acknowledged: AtomicU64,
    replies_dropped: AtomicU64,
}

/// A running session. It ends when this is dropped.
#[derive(Debug)]
pub struct OperatorSession {
    rollup: watch::Sender<Option<Arc<ClusterCapacityNeeds>>>,
    counters: Arc<Counters>,
    events: Events,
    task: JoinHandle<()>,
}

impl OperatorSession {
    /// Starts a session on the current runtime. `connect` makes a channel to an address, with whatever TLS it takes; it
    /// should connect lazily and keep the connection alive.
    pub fn start<C, S>(config: SessionConfig, connect: C, cluster: Arc<S>) -> Self
    where
        C: Fn(&str) -> Result<Channel, tonic::transport::Error> + Send + Sync + 'static,
        S: ClusterSide,
    {
        let (rollup, slot) = watch::channel(None);
        let counters = Arc::new(Counters::default());
        let events = Events::new(config.mailbox_depth);
        let conversation = Conversation::new(config, connect, cluster, slot, Arc::clone(&counters), events.clone());
        Self { rollup, counters, events, task: tokio::spawn(conversation.run()) }
    }

    /// Puts a roll-up into the slot; it replaces one that was not sent yet. It is sent again after every reconnection.
    pub fn submit(&self, rollup: ClusterCapacityNeeds) {
        self.rollup.send_replace(Some(Arc::new(rollup)));
    }

    /// The events of the session. Clones read from the same mailbox.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// What it has done so far.
    pub fn counts(&self) -> SessionCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SessionCounts {
            greetings_acknowledged: read(&self.counters.greetings_acknowledged),
            rollups_sent: read(&self.counters.rollups_sent),
            rollups_acknowledged: read(&self.counters.rollups_acknowledged),
            replies_dropped: read(&self.counters.replies_dropped),
            events_dropped: self.events.dropped(),
        }
    }
}

impl Drop for OperatorSession {
    fn drop(&mut self) {
        self.task.abort();
        self.events.close();
    }
}
