//! What runs between the node that holds an operator's stream and the leader that serves it.
//!
//! The two ends may share a process or not: the leader's hub takes an [`Inlet`] and gives back an [`Attached`], and the
//! relay carries the same two over a connection. Roll-ups and replies have lanes of their own, so that a bootstrap blob
//! never waits behind a roll-up; both lanes are bounded.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use argosy_proto::bigfleet::v1alpha1::{BootstrapBlobResponse, ClusterCapacityNeeds, ReclaimAck, ShardMessage};
use tokio::sync::{mpsc, watch};

/// Replies that may wait for the leader's hub, which takes them at once.
pub(crate) const REPLY_LANE: usize = 4;
/// Frames that may wait between the hub and the stream; what waits longer waits in the hub, where it coalesces.
pub(crate) const FRAME_LANE: usize = 16;

/// A roll-up, numbered by the node that received it: acknowledgements of the protocol do not say what they acknowledge.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// From 1, rising within a session.
    pub number: u64,
    /// The roll-up.
    pub needs: Arc<ClusterCapacityNeeds>,
}

/// Anything that an operator says besides its greeting and its roll-ups.
#[derive(Clone)]
pub enum Reply {
    /// A bootstrap blob, or why there is none. Its bytes are a secret: they are never logged.
    Bootstrap(BootstrapBlobResponse),
    /// A reclaim has begun.
    Reclaim(ReclaimAck),
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap(blob) => write!(f, "Bootstrap({}, {} bytes)", blob.request_id, blob.user_data.len()),
            Self::Reclaim(ack) => write!(f, "Reclaim({}, {} nodes)", ack.instruction_id, ack.nodes_started),
        }
    }
}

/// The operator's side of a session, as the leader reads it.
#[derive(Debug)]
pub struct Inlet {
    /// One deep, the newest wins.
    pub rollups: watch::Receiver<Option<Numbered>>,
    /// In order.
    pub replies: mpsc::Receiver<Reply>,
}

/// The writing end of an [`Inlet`].
#[derive(Debug)]
pub struct InletSender {
    /// See [`Inlet::rollups`].
    pub rollups: watch::Sender<Option<Numbered>>,
    /// See [`Inlet::replies`].
    pub replies: mpsc::Sender<Reply>,
}

impl Inlet {
    /// Both ends of an empty inlet.
    #[must_use]
    pub fn new() -> (InletSender, Self) {
        let (rollups, newest) = watch::channel(None);
        let (replies, answered) = mpsc::channel(REPLY_LANE);
        (InletSender { rollups, replies }, Self { rollups: newest, replies: answered })
    }
}

/// The order of the sessions of one cluster: a later session has a higher one, over changes of leader too. The leader
/// that first serves a session gives it its generation; the session keeps it when it moves to another leader, so that
/// a half-dead old session cannot push out the one that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    /// The term of the leader that gave it.
    pub term: u64,
    /// Counted by that leader, from 1.
    pub count: u64,
}

/// One step of the conversation, from the leader.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the operator is to be told, if anything.
    pub message: Option<ShardMessage>,
    /// The roll-up of this number, and all before it, are dealt with: committed, unchanged, or refused. 0 says nothing.
    pub settled: u64,
}

/// Why the leader's end of a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// A newer session of the same cluster took over. This one must not come back.
    #[error(
        "ARG-0602: a newer session of this cluster took over; run one operator per cluster, or wait for the old one to end"
    )]
    Replaced,
    /// The operator reads too slowly.
    #[error("ARG-0603: too many messages wait for this operator; it reads too slowly, connect again")]
    TooSlow,
    /// The leader lost its place, or its node goes away: find the next leader and go on.
    #[error("ARG-0606: the leader of the shard is changing; the session goes on by itself")]
    Moved,
    /// This node hears no other one, and the leader is not here: the operator has to find a node that does.
    #[error("ARG-0606: this node hears no other node, and so no leader; connect to another node")]
    CutOff,
}

/// A leader on another node, for as long as this one knows of none after it. A connection to a leader that was cut off is silent for seconds
/// before it is closed, and by then its successor may be known.
pub struct Elsewhere(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Elsewhere {
    /// It leads until this comes to an end.
    pub fn until(superseded: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(superseded))
    }

    /// Returns when another one leads.
    pub async fn superseded(self) {
        self.0.await;
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").finish_non_exhaustive()
    }
}

/// A session as attached to its leader.
#[derive(Debug)]
pub struct Attached {
    /// Its place among the sessions of its cluster.
    pub generation: Generation,
    /// Where the leader is, if it is not here.
    pub elsewhere: Option<Elsewhere>,
    /// What the leader says; the last item, or a closed channel (which means [`Ended::Moved`]), ends it.
    pub frames: mpsc::Receiver<Result<Frame, Ended>>,
}
