//! Providers of our own: CapacityProvider over whatever a site has, each in a process of its own.
//!
//! ```text
//! gRPC: service (CapacityProvider)
//!   └─ desk: one lock; what is answered is on disk
//!        ├─ book: the machines and the rules of the contract; no I/O, no clock
//!        └─ store: redb
//! crew: carries accepted transitions out, one task each, and learns what exists
//!   └─ backend: the site itself; exec runs its scripts, lambda calls a cloud, bootstrap makes hosts ready
//! ```
//!
//! What is done for a transition is done at most once, whatever crashes: that it begins is on disk before it begins, and one
//! whose end nobody saw is asked for, never repeated (docs/adr/0103-begun-is-on-disk-before-it-begins.md).
//!
//! **What is deliberately absent:** decisions. A sidecar keeps no demand, picks no machine and retries nothing that took effect.

pub mod backend;
mod book;
pub mod bootstrap;
pub mod config;
mod crew;
mod desk;
mod error;
pub mod exec;
pub mod lambda;
mod private;
mod service;
mod store;
mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProviderServer;
use argosy_provider::contract::{MAX_MESSAGE_BYTES, Service};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use backend::Backend;
pub use book::BreakerRules;
pub use error::SidecarError;

use book::{Book, Rules};
use crew::Crew;
use desk::Desk;
use service::Kept;
use store::Store;

/// The store's file in the data directory.
pub const STORE_FILE: &str = "sidecar.redb";

/// How a sidecar works, whatever its backend.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider's name, in host references.
    pub provider: String,
    /// Where the book is kept.
    pub data_dir: PathBuf,
    /// Lets calls with the zero token pass, as stock tools send them.
    pub allow_unfenced: bool,
    /// How many transitions the backend works on side by side.
    pub concurrency: usize,
    /// When the inventory is asked for again.
    pub list_every: Duration,
    /// How long a machine whose transition failed is kept aside.
    pub recover_after: Duration,
    /// After how long a transition is reported as failed although its end is not known. It is asked for on.
    pub deadline: Duration,
    /// When slots are held back because Creates keep failing.
    pub breaker: BreakerRules,
    /// How long work under way may go on when the sidecar is to stop.
    pub stop_grace: Duration,
}

/// A running sidecar, not yet on any port.
pub struct Sidecar {
    desk: Arc<Desk>,
    crew: Arc<Crew>,
}

impl Sidecar {
    /// Opens the book, asks the backend once what exists, and goes on with what an earlier run left.
    pub async fn start(settings: Settings, backend: Arc<dyn Backend>) -> Result<Self, SidecarError> {
        let dir = &settings.data_dir;
        private::make_folder(dir).map_err(|error| SidecarError::Store(format!("{}: {error}", dir.display())))?;
        let (store, stored) = Store::open(&dir.join(STORE_FILE))?;
        let rules = Rules {
            provider: settings.provider.clone(),
            allow_unfenced: settings.allow_unfenced,
            deletes: backend.gives_back(),
            breaker: settings.breaker,
        };
        let desk = Arc::new(Desk::new(Book::new(rules, stored), store));
        let crew = Crew::new(Arc::clone(&desk), backend, settings);
        crew.begin().await?;
        Ok(Self { desk, crew })
    }

    /// CapacityProvider, to be put behind the caller's own TLS and authorisation.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let kept = Kept { desk: Arc::clone(&self.desk), crew: Arc::clone(&self.crew) };
        let provider = CapacityProviderServer::new(Service(kept))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Routes::new(provider)
    }

    /// Ends when the book can no longer be kept: nothing may be answered any more.
    #[must_use]
    pub fn failed(&self) -> CancellationToken {
        self.desk.broken()
    }

    /// Begins nothing new and waits, for a while, for what is under way. What is cut off then is in doubt, and the next start asks for it.
    pub async fn stop(self) {
        self.crew.stop().await;
    }
}
