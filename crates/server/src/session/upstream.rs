//! The seam between a session and whoever leads its shard: here, on another node, or nobody for the moment.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::watch;
use tonic::Status;

use super::lane::{Attached, Generation, Inlet};

/// Why a session could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Nobody that can be reached leads the shard now; try again soon.
    #[error("{0}")]
    Later(String),
    /// The session cannot be served; its stream ends with this status.
    #[error("{0}")]
    Refused(Status),
}

/// What [`Upstreams::attach`] returns.
pub type Attaching<'a> = Pin<Box<dyn Future<Output = Result<Attached, AttachError>> + Send + 'a>>;

/// Finds the leader of a cluster's shard and attaches a session to it.
pub trait Upstreams: Send + Sync + 'static {
    /// Attaches a session of `cluster` once, without retrying. `generation` is what an earlier leader gave the session.
    fn attach<'a>(&'a self, cluster: &'a str, generation: Option<Generation>, inlet: Inlet) -> Attaching<'a>;

    /// Whether this node hears nobody: then no leader is to be found from here that is not here.
    fn cut_off(&self) -> watch::Receiver<bool>;
}
