//! Administrators on a host of their own: they carry out changes of members. Clerks ([`super::clerks`]) and scribes ([`super::scribe`]) live
//! there too. All of it goes through the real admin API.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::lanes_client::LanesClient;
use argosy_proto::argosy::v1::{ChangeMemberRequest, SetLanePolicyRequest, TakeSnapshotRequest};
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::scribe;
use crate::history::History;
use crate::layout::Layout;
use crate::wire::Road;

/// Administrators that read and write at the same time.
pub(super) const CLERKS: u64 = 3;
/// How long one of them waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Attempts at a change of members, so far apart.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// Attempts before a change is given up.
const ATTEMPTS: usize = 40;
/// What a node is told of that came back with another disk than the member it was.
const ANOTHER_DISK: &str = "ARG-0307";
/// The coordinator's group, as the admin API calls it.
const COORDINATOR: &str = "coordinator";

/// A change that an administrator is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The node is no member of any group.
    Remove(String),
    /// The same, for as long as it is to be none.
    Exclude(String),
    /// The node is a voter of every group. That it is one already counts.
    Readmit(String),
    /// The node leads every shard, if it will.
    Transfer(String),
    /// Every leader has taken a snapshot.
    Snapshot,
    /// Every shard's breakers are those of this world.
    Lanes,
    /// No shard stands still by a rail.
    LetGo,
}

/// The administrators' place in the world.
pub(crate) struct Office {
    layout: Arc<Layout>,
    changes: RefCell<VecDeque<Change>>,
    busy: Cell<bool>,
    asked: Notify,
    pub(crate) history: RefCell<History>,
    excluded: RefCell<BTreeSet<String>>,
    /// Nodes that came back with another disk, and are not everywhere a member as what they are.
    strangers: RefCell<BTreeSet<String>>,
    closed: Cell<bool>,
}

impl Office {
    pub(crate) fn new(layout: &Arc<Layout>) -> Rc<Self> {
        Rc::new(Self {
            layout: Arc::clone(layout),
            changes: RefCell::new(VecDeque::from([Change::Lanes])),
            busy: Cell::new(false),
            asked: Notify::new(),
            history: RefCell::default(),
            excluded: RefCell::default(),
            strangers: RefCell::default(),
            closed: Cell::new(false),
        })
    }

    /// The software of the host.
    pub(crate) async fn work(self: Rc<Self>) -> turmoil::Result {
        for clerk in 0..CLERKS {
            tokio::task::spawn_local(Rc::clone(&self).write_and_read(clerk));
        }
        for shard in 0..self.layout.shards.len() {
            tokio::task::spawn_local(scribe::report(Rc::clone(&self), shard));
        }
        loop {
            let change = self.changes.borrow_mut().pop_front();
            self.busy.set(change.is_some());
            match change {
                Some(change) => self.bring_about(&change).await,
                None => self.asked.notified().await,
            }
        }
    }

    /// Asks for a change; changes are made one after the other.
    pub(crate) fn ask(&self, change: Change) {
        self.changes.borrow_mut().push_back(change);
        self.asked.notify_one();
    }

    pub(crate) fn exclude(&self, node: &str) {
        if self.excluded.borrow_mut().insert(node.to_owned()) {
            self.ask(Change::Exclude(node.to_owned()));
        }
    }

    pub(crate) fn readmit(&self, node: &str) {
        if self.excluded.borrow_mut().remove(node) {
            self.ask(Change::Readmit(node.to_owned()));
        }
    }

    /// A node came back with another disk.
    pub(crate) fn estrange(&self, node: &str) {
        self.strangers.borrow_mut().insert(node.to_owned());
    }

    /// What the node was leaves, and it joins as what it is.
    pub(crate) fn replace(&self, node: &str) {
        self.estrange(node);
        self.ask(Change::Remove(node.to_owned()));
        self.ask(Change::Readmit(node.to_owned()));
    }

    /// Every change that nobody has begun is off: each of these nodes is to be a member, and what they need for that is asked for.
    pub(crate) fn make_whole<'a>(&self, nodes: impl Iterator<Item = &'a str>) {
        self.changes.borrow_mut().clear();
        self.excluded.borrow_mut().clear();
        for node in nodes {
            if self.strangers.borrow().contains(node) {
                self.ask(Change::Remove(node.to_owned()));
            }
            self.ask(Change::Readmit(node.to_owned()));
        }
    }

    /// Whether every node is a member, and nothing is about to change that.
    pub(crate) fn is_full(&self) -> bool {
        self.is_idle() && self.excluded.borrow().is_empty()
    }

    /// Whether every change has been made or given up.
    pub(crate) fn is_idle(&self) -> bool {
        !self.busy.get() && self.changes.borrow().is_empty()
    }

    /// The clerks stop: what they have heard is all they will.
    pub(crate) fn close(&self) {
        self.closed.set(true);
    }

    pub(super) fn channel(&self, turn: usize) -> Channel {
        let nodes = &self.layout.nodes;
        Road(Arc::clone(&self.layout)).channel(nodes[turn % nodes.len()].port())
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Whether clerks and scribes have stopped.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    async fn bring_about(&self, change: &Change) {
        if *change == Change::LetGo {
            return self.let_go(ATTEMPTS).await;
        }
        let shards = self.layout.shards.iter().map(|shard| shard.id.as_str());
        let mut made = 0;
        for group in shards.chain([COORDINATOR]) {
            for attempt in 0..ATTEMPTS {
                let done = tokio::time::timeout(PATIENCE, self.attempt_at(attempt, change, group)).await;
                if matches!(done, Ok(Ok(()))) {
                    made += 1;
                    break;
                }
                // Not patience helps here: a replacement, which comes when the world is healed.
                if matches!(&done, Ok(Err(status)) if status.message().contains(ANOTHER_DISK)) {
                    break;
                }
                // A transfer is a wish, not a repair.
                if matches!(change, Change::Transfer(_) | Change::Snapshot) && attempt > 2 {
                    break;
                }
                // What could not be done so far is not wanted any more.
                if let Change::Exclude(node) = change
                    && !self.excluded.borrow().contains(node)
                {
                    break;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
        if let Change::Readmit(node) = change
            && made > self.layout.shards.len()
        {
            self.strangers.borrow_mut().remove(node);
        }
    }

    /// One attempt at a change in one group. That it was made before counts as made.
    async fn attempt_at(&self, turn: usize, change: &Change, group: &str) -> Result<(), Status> {
        let mut admin = AdminClient::new(self.channel(turn));
        let member = |node: &String| ChangeMemberRequest { group: group.to_owned(), node: node.clone(), force: false };
        match change {
            Change::Remove(node) | Change::Exclude(node) => match admin.remove_member(member(node)).await {
                // It is no member: that is what was wanted.
                Err(status) if status.code() == Code::FailedPrecondition && status.message().contains("no member") => {
                    Ok(())
                }
                made => made.map(|_| ()),
            },
            Change::Readmit(node) => {
                admin.add_learner(member(node)).await?;
                admin.promote_voter(member(node)).await.map(|_| ())
            }
            Change::Transfer(_) | Change::Snapshot | Change::Lanes | Change::LetGo if group == COORDINATOR => Ok(()),
            Change::Transfer(node) => admin.transfer_leader(member(node)).await.map(|_| ()),
            Change::Lanes => {
                let (policy, reason) = (self.layout.lane_policy(), "chaos".to_owned());
                let request = SetLanePolicyRequest { shard: group.to_owned(), policy, reason };
                LanesClient::new(self.channel(turn)).set_lane_policy(request).await.map(|_| ())
            }
            Change::LetGo => Ok(()),
            Change::Snapshot => {
                let request = TakeSnapshotRequest { group: group.to_owned() };
                admin.take_snapshot(request).await.map(|_| ())
            }
        }
    }
}
