//! The simulated provider: a real gRPC server over a fleet that exists only in memory and in its ledger.
//!
//! It keeps the contract of CapacityProvider to the letter and breaks everything that the contract lets break, on demand and by a seed.
//!
//! ```text
//! gRPC: service (CapacityProvider), control (SimProvider)
//!   └─ runtime: one owner, batches, answers after the sync
//!        ├─ world: the fleet and its rules; no I/O, no clock
//!        └─ store: redb; lives, marks, ledger of effects
//! ```

mod args;
mod catalogue;
mod control;
mod draw;
mod error;
mod latency;
pub mod ledger;
mod runtime;
mod service;
mod slot;
mod store;
mod world;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::sim_provider_server::SimProviderServer;
use argosy_proto::argosy::v1::{Effect, Faults};
use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProviderServer;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

pub use args::SimArgs;
pub use catalogue::{Catalogue, Offering};
pub use error::SimError;
pub use latency::{Latencies, Latency};
pub use store::read_effects;
pub use world::NOTICE_LABEL;

pub use crate::contract::Payment;

use runtime::{Drive, Handle, Running};
use store::Store;
use world::{Rules, World};

use crate::contract::{MAX_MESSAGE_BYTES, Service};

/// The store's file in the data directory.
pub const STORE_FILE: &str = "provider.redb";
const KEEPALIVE: Duration = Duration::from_secs(5);

/// What becomes of transitions that a restart finds half done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// They go on as if nothing had happened.
    #[default]
    Continue,
    /// They end in FAILED.
    Fail,
}

/// How to run a simulated provider.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// What it offers. A store remembers it, and refuses another one.
    pub catalogue: Catalogue,
    /// Of every latency and every fault. A store remembers it too.
    pub seed: u64,
    /// Where state and ledger are kept; in memory when there is none.
    pub data_dir: Option<PathBuf>,
    /// The clock moves by SimProvider.Advance only.
    pub virtual_time: bool,
    /// Lets calls with the zero token pass, as stock tools send them.
    pub allow_unfenced: bool,
    /// What becomes of transitions that a restart finds half done.
    pub interrupted: Interrupted,
    /// Faults in force from the start. When all are zero, the profile that the store remembers stays in force.
    pub faults: Faults,
}

impl SimConfig {
    /// In memory, in real time, fenced, without faults.
    #[must_use]
    pub fn new(catalogue: Catalogue, seed: u64) -> Self {
        Self {
            catalogue,
            seed,
            data_dir: None,
            virtual_time: false,
            allow_unfenced: false,
            interrupted: Interrupted::Continue,
            faults: Faults::default(),
        }
    }
}

/// A running simulated provider, not yet on any port.
#[derive(Debug)]
pub struct Sim {
    fleet: Handle,
    owner: Running,
}

impl Sim {
    /// Opens the store and starts the fleet on a thread of its own.
    pub fn start(config: SimConfig) -> Result<Self, SimError> {
        Self::start_on(config, Drive::Thread)
    }

    /// Opens the store and starts the fleet as a task of the current runtime: for a world that has one thread.
    pub fn start_as_task(config: SimConfig) -> Result<Self, SimError> {
        Self::start_on(config, Drive::Task)
    }

    fn start_on(config: SimConfig, drive: Drive) -> Result<Self, SimError> {
        let path = match &config.data_dir {
            None => None,
            Some(dir) => {
                std::fs::create_dir_all(dir).map_err(|error| SimError::Store(format!("{}: {error}", dir.display())))?;
                Some(dir.join(STORE_FILE))
            }
        };
        let (store, stored) = Store::open(path.as_deref(), &config.catalogue, config.seed, config.faults)?;
        let rules = Rules { allow_unfenced: config.allow_unfenced, virtual_time: config.virtual_time };
        let mut world = World::new(config.catalogue, config.seed, rules, stored);
        if config.interrupted == Interrupted::Fail {
            world.fail_interrupted();
        }
        let (fleet, owner) = runtime::start(world, store, drive)?;
        Ok(Self { fleet, owner })
    }

    /// The ledger, to be read beside the running fleet.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger(self.fleet.store())
    }

    /// CapacityProvider and SimProvider, to be put behind the caller's own TLS and authorisation.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let provider = CapacityProviderServer::new(Service(self.fleet.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let control = SimProviderServer::new(control::Control { fleet: self.fleet.clone() });
        Routes::new(provider).add_service(control)
    }

    /// Lets go of calls that would otherwise wait for ever, so that a server can shut down gracefully.
    pub fn begin_stop(&self) {
        self.fleet.stopping().cancel();
    }

    /// Waits until the fleet has stopped and everything is stored. Every server that holds [`Sim::routes`] must have ended.
    pub async fn stop(self) -> Result<(), SimError> {
        self.begin_stop();
        drop(self.fleet);
        self.owner.ended().await
    }
}

/// The ledger of a running provider. Whoever keeps it keeps the store open.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Store>);

impl Ledger {
    /// Up to `limit` effects after `after_seq`.
    pub fn effects(&self, after_seq: u64, limit: usize) -> Result<Vec<Effect>, SimError> {
        self.0.effects(after_seq, limit)
    }
}

/// Serves a simulated provider in plaintext on a loopback address until `shutdown` is ready.
pub async fn serve(
    config: SimConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimError> {
    let address = listener.local_addr().map_err(|error| SimError::Serve(error.to_string()))?;
    if !address.ip().is_loopback() {
        return Err(SimError::NotLoopback(address));
    }
    let sim = Sim::start(config)?;
    let failed = sim.fleet.stopping().clone();
    let stop = async {
        tokio::select! {
            () = shutdown => sim.begin_stop(),
            // The store failed; there is nothing left to serve.
            () = failed.cancelled() => {}
        }
    };
    // Without it a small answer waits 40 ms for the caller's delayed acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tracing::info!(%address, "the simulated provider serves");
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_routes(sim.routes())
        .serve_with_incoming_shutdown(incoming, stop)
        .await;
    sim.stop().await?;
    served.map_err(|error| SimError::Serve(error.to_string()))
}
