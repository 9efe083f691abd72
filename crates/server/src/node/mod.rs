//! One running node: its store, its replicas, its listener, and the order in which they start and stop.
//!
//! Everything that touches the world comes in through [`Setup`]: the disk under the store, the listener and the dialer.
//! Production ([`run`]) binds them to RocksDB and TCP, tests and simulation to what they like; the rest is the same.

mod error;
mod founding;
mod home;
mod mesh;
mod monitor;
mod routing;
mod settings;
mod shards;
mod silence;
mod standard;
mod start;
mod stop;

use std::sync::Arc;

use argosy_raft::Host;
use argosy_storage::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::NodeError;
pub use mesh::Mesh;
pub use routing::{Routing, StaticRouting};
pub use shards::Shards;
pub use start::{Setup, run};

use self::monitor::Health;
use crate::config;
use crate::join::{self, Desk};
use crate::session::SessionService;
use crate::tls::{Credentials, Listen};

/// A running node.
pub struct Node {
    host: Host,
    store: Arc<Store>,
    shards: Shards,
    mesh: Mesh,
    health: Health,
    sessions: SessionService,
    /// Where callers without a certificate are served, once there is a listener; none on a node that signs nothing.
    door: Option<(Desk, DoorSettings)>,
    /// Cancelled first: sessions end, and no new ones are taken.
    closing: CancellationToken,
    /// Cancelled next: leaders and background work end.
    stopping: CancellationToken,
    work: TaskTracker,
    /// Cancelled last: the listener closes.
    unplugged: CancellationToken,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// How callers without a certificate are served.
#[derive(Clone)]
struct DoorSettings {
    join: config::Join,
    connections: config::Connections,
}

impl Node {
    /// Lets callers without a certificate show join tokens at `listener`, and do nothing else, until the node stops. On a node that has
    /// no key to sign for agents nobody is let in.
    pub fn open_door<L: Listen>(&self, listener: L, credentials: Arc<Credentials>) {
        let Some((desk, settings)) = self.door.clone() else { return };
        let closing = self.closing.clone();
        self.work.spawn(async move {
            join::open(listener, &credentials, desk, &settings.join, &settings.connections, closing).await;
        });
    }

    /// The replicas on this node.
    #[must_use]
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// The other nodes.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The reasons why this node is not ready, each with its code; none if it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.health.reasons()
    }

    /// How many operators' sessions this node holds.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.open()
    }
}
