//! A shard's replica on this node: the fold behind the Raft group, and the published view that everybody reads.
//!
//! Each applied batch is published before its proposers hear of it, so whoever proposed reads its own write. Readers hold
//! an `Arc` of a state that shares structure with the fold and never stops it. Nothing here writes but the log.

mod fold;
#[cfg(test)]
pub(crate) mod lone;

use std::sync::{Arc, Mutex, PoisonError};

use argosy_failpoint::{Planted, planted};
use argosy_model::MachineIx;
use argosy_raft::{Group, GroupStatus, Leadership, Read, ReadError};
use argosy_shard::{Event, ShardState};
use tokio::sync::watch;

pub use self::fold::Fold;
use crate::leader::Leader;

/// A shard's state as this node knows it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The state.
    pub state: ShardState,
    /// Log index up to which everything is folded in, entries without a command included.
    pub applied: u64,
    /// The term of the entry at that index.
    pub term: u64,
    /// Where the state stood when it was last taken whole from a snapshot, in this life of the node; 0 if it never was. What led up to there
    /// is told to no listener.
    pub restored: u64,
}

/// An event with the entry that caused it.
#[derive(Clone, Debug)]
pub struct Folded {
    /// Log index of the entry.
    pub index: u64,
    /// What changed.
    pub event: Event,
    /// The id of the machine that the event names by its slot, as of that entry; a later entry may reuse the slot.
    pub machine: Option<Arc<str>>,
}

/// Hears of what was folded, in order, without gaps.
///
/// It is called on the path of every commit: it may note things in memory, and nothing else. It may not panic, for the
/// group would stop on this node.
pub trait Listener: Send + Sync + 'static {
    /// These events led to this view.
    fn folded(&self, view: &View, events: &[Folded]);
}

/// What the fold and the readers of one replica share.
#[derive(Default)]
pub(crate) struct Published {
    view: watch::Sender<Arc<View>>,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
}

impl Published {
    /// Listens from now on: to everything that is published after this call.
    pub(crate) fn listen(&self, listener: Arc<dyn Listener>) {
        self.listeners().push(listener);
    }

    /// Stops listening.
    pub(crate) fn unlisten(&self, listener: &Arc<dyn Listener>) {
        self.listeners().retain(|other| !Arc::ptr_eq(other, listener));
    }

    fn publish(&self, view: View, events: &[Folded]) {
        let view = Arc::new(view);
        self.view.send_replace(Arc::clone(&view));
        if planted(Planted::WatchGap) && view.applied.is_multiple_of(16) {
            return;
        }
        let listeners = self.listeners().clone();
        for listener in listeners {
            listener.folded(&view, events);
        }
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Listener>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shard's replica on this node. Clones are the same replica.
#[derive(Clone)]
pub struct Replica {
    name: Arc<str>,
    group: Group,
    published: Arc<Published>,
    leader: Arc<watch::Sender<Option<Arc<Leader>>>>,
}

impl Replica {
    /// The replica of the shard `name` behind `group`, whose machine is the [`Fold`] over `published`.
    pub(crate) fn new(name: &str, group: Group, published: Arc<Published>) -> Self {
        Self { name: Arc::from(name), group, published, leader: Arc::new(watch::channel(None).0) }
    }

    /// The shard's id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its Raft group.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The newest view here. On a follower it lags; see [`Replica::linearizable`].
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.published.view.borrow().clone()
    }

    /// Every view from now on, the newest one winning.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.published.view.subscribe()
    }

    /// A view that holds everything acknowledged before the call. On the leader's node only.
    ///
    /// # Errors
    /// When this node does not lead, or cannot confirm that it does.
    pub async fn linearizable(&self, read: Read) -> Result<Arc<View>, ReadError> {
        self.group.read_barrier(read).await?;
        Ok(self.view())
    }

    /// The runtime of this node's leadership: there exactly while this node leads the shard and may decide.
    #[must_use]
    pub fn leader(&self) -> Option<Arc<Leader>> {
        self.leader.borrow().clone()
    }

    /// Follows [`Replica::leader`].
    #[must_use]
    pub fn watch_leader(&self) -> watch::Receiver<Option<Arc<Leader>>> {
        self.leader.subscribe()
    }

    pub(crate) fn set_leader(&self, leader: Option<Arc<Leader>>) {
        self.leader.send_replace(leader);
    }

    pub(crate) fn published(&self) -> &Published {
        &self.published
    }

    /// Hears of everything that is folded in here from now on.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        self.published.listen(listener);
    }

    /// Who leads, as this replica knows it.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        *self.group.leadership().borrow()
    }

    /// The replica's own account of itself.
    #[must_use]
    pub fn status(&self) -> GroupStatus {
        self.group.status()
    }

    /// Whose log this is, if it is not this shard's: the placement has given its number to another one.
    pub(crate) fn misplaced(&self) -> Option<String> {
        let view = self.view();
        let (found, name) = (view.state.shard(), self.name());
        (view.state.has_begun() && found != name).then(|| {
            format!(
                "ARG-0613: the log under this number is that of shard '{found}', not '{name}'; correct the placement"
            )
        })
    }

    /// Why the shard does not work on this node, if it does not: its replica stopped, or its fold halted.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        let stopped = self.group.halted().or_else(|| self.misplaced());
        let halted = || {
            let view = self.view();
            view.state.halted().map(|halt| format!("{}: halted at entry {}: {}", halt.code, halt.index, halt.evidence))
        };
        stopped.or_else(halted)
    }
}

/// The slot that an event names.
fn slot_of(event: &Event) -> Option<MachineIx> {
    match event {
        Event::MachineChanged { machine, .. } => Some(*machine),
        _ => None,
    }
}
