//! The network under Raft: one stream of calls to each other node, shared by all groups.
//!
//! [`link`] keeps the stream, [`upkeep`] has it open in time, [`pipeline`] and [`client`] speak Raft over it, [`service`] answers on the
//! other side, [`canvass`] settles who stands when two would, and [`foresight`] spares a new leader questions that its voters have answered.

pub(crate) mod canvass;
pub(crate) mod client;
pub(crate) mod foresight;
pub(crate) mod heard;
pub(crate) mod link;
mod pipeline;
pub(crate) mod service;
mod session;
mod snapshot_receiver;
mod snapshot_sender;
pub(crate) mod upkeep;
pub(crate) mod wire;

use std::sync::Arc;

use self::canvass::Canvass;
use self::foresight::Foresight;
use self::link::Links;

/// How a replica reaches the other members of its group, and what it has asked of them.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) links: Arc<Links>,
    pub(crate) canvass: Arc<Canvass>,
    pub(crate) foresight: Arc<Foresight>,
}
