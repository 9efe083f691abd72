//! Administrators on a host of their own: they carry out changes of members, and they read and write settings while everything breaks,
//! writing down what they were told. All of it goes through the real admin API.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::{ChangeMemberRequest, GetShardRequest, SetRailsRequest, TakeSnapshotRequest};
use argosy_workload::dice::Dice;
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::history::{Action, History, Token};
use crate::layout::Layout;
use crate::wire::Road;

/// Administrators that read and write at the same time.
const CLERKS: u64 = 3;
/// How long one of them waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Attempts at a change of members, so far apart.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts before a change is given up.
const ATTEMPTS: usize = 40;
/// Nobody reads or writes before this time.
const QUIET: Duration = Duration::from_secs(4);
/// The coordinator's group, as the admin API calls it.
const COORDINATOR: &str = "coordinator";

/// A change that an administrator is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The node is no member of any group.
    Remove(String),
    /// The node is a voter of every group.
    Readmit(String),
    /// The node leads every shard, if it will.
    Transfer(String),
    /// Every leader has taken a snapshot.
    Snapshot,
}

/// The administrators' place in the world.
pub(crate) struct Office {
    layout: Arc<Layout>,
    changes: RefCell<VecDeque<Change>>,
    busy: Cell<bool>,
    asked: Notify,
    pub(crate) history: RefCell<History>,
    excluded: RefCell<BTreeSet<String>>,
    closed: Cell<bool>,
}

impl Office {
    pub(crate) fn new(layout: &Arc<Layout>) -> Rc<Self> {
        Rc::new(Self {
            layout: Arc::clone(layout),
            changes: RefCell::default(),
            busy: Cell::new(false),
            asked: Notify::new(),
            history: RefCell::default(),
            excluded: RefCell::default(),
            closed: Cell::new(false),
        })
    }

    /// The software of the host.
    pub(crate) async fn work(self: Rc<Self>) -> turmoil::Result {
        for clerk in 0..CLERKS {
            tokio::task::spawn_local(Rc::clone(&self).write_and_read(clerk));
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
            self.ask(Change::Remove(node.to_owned()));
        }
    }

    pub(crate) fn readmit(&self, node: &str) {
        if self.excluded.borrow_mut().remove(node) {
            self.ask(Change::Readmit(node.to_owned()));
        }
    }

    /// A node came back with another disk: what it was leaves, and it joins as what it is.
    pub(crate) fn replace(&self, node: &str) {
        self.ask(Change::Remove(node.to_owned()));
        self.ask(Change::Readmit(node.to_owned()));
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

    fn channel(&self, turn: usize) -> Channel {
        let nodes = &self.layout.nodes;
        Road(Arc::clone(&self.layout)).channel(nodes[turn % nodes.len()].port())
    }

    async fn bring_about(&self, change: &Change) {
        let shards = self.layout.shards.iter().map(|shard| shard.id.as_str());
        for group in shards.chain([COORDINATOR]) {
            for attempt in 0..ATTEMPTS {
                let mut admin = AdminClient::new(self.channel(attempt));
                let done = tokio::time::timeout(PATIENCE, attempt_at(&mut admin, change, group)).await;
                if matches!(done, Ok(Ok(()))) {
                    break;
                }
                // A transfer is a wish, not a repair.
                if matches!(change, Change::Transfer(_) | Change::Snapshot) && attempt > 2 {
                    break;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    async fn write_and_read(self: Rc<Self>, clerk: u64) {
        let mut dice = self.layout.dice(&format!("clerk/{clerk}"));
        let mut turn = usize::try_from(clerk).unwrap_or(0);
        // A shard that has not begun shows settings that it will not begin with.
        tokio::time::sleep(QUIET).await;
        loop {
            tokio::time::sleep(Duration::from_millis(100 + dice.exponential(400).min(3_000))).await;
            if self.closed.get() {
                return;
            }
            let channel = self.channel(turn);
            let at = usize::try_from(dice.below(self.layout.shards.len() as u64)).unwrap_or(0);
            let shard = self.layout.shards[at].id.clone();
            if self.act(channel, &shard, clerk, &mut dice).await.is_err() {
                turn += 1;
            }
        }
    }

    /// One write of one of two settings, or one read of both.
    async fn act(&self, channel: Channel, shard: &str, clerk: u64, dice: &mut Dice) -> Result<(), ()> {
        let (cap, guard) = (format!("{shard}/cap"), format!("{shard}/guard"));
        match dice.below(4) {
            0 => {
                let value = self.history.borrow_mut().fresh_value();
                let ppm = 400_000 + u32::try_from(value % 200_000).unwrap_or(0);
                let request = SetRailsRequest { reclaim_cap_ppm: Some(ppm), ..rails(shard) };
                self.write(channel, &cap, i64::from(ppm), request, clerk).await
            }
            1 => {
                let on = dice.chance(500_000);
                let request = SetRailsRequest { empty_rollup_guard: Some(on), ..rails(shard) };
                self.write(channel, &guard, i64::from(on), request, clerk).await
            }
            _ => {
                let reads = [&cap, &guard].map(|key| self.begin(clerk, key, Action::Read(None)));
                let request = GetShardRequest { shard: shard.to_owned(), ..GetShardRequest::default() };
                let mut client = FleetClient::new(channel);
                let answer = tokio::time::timeout(PATIENCE, client.get_shard(request)).await;
                let rails = answer.ok().and_then(Result::ok).and_then(|answer| answer.into_inner().rails);
                let seen = rails.as_ref().map(|rails| {
                    (i64::from(rails.reclaim_cap_ppm.unwrap_or(1_000_000)), i64::from(rails.empty_rollup_guard))
                });
                self.end(reads[0], seen.map(|(cap, _)| Action::Read(Some(cap))));
                self.end(reads[1], seen.map(|(_, guard)| Action::Read(Some(guard))));
                seen.map(|_| ()).ok_or(())
            }
        }
    }

    async fn write(
        &self,
        channel: Channel,
        key: &str,
        value: i64,
        request: SetRailsRequest,
        clerk: u64,
    ) -> Result<(), ()> {
        let token = self.begin(clerk, key, Action::Write(value));
        let mut admin = AdminClient::new(channel);
        let answer = tokio::time::timeout(PATIENCE, admin.set_rails(request)).await;
        let done = matches!(answer, Ok(Ok(_)));
        // Whatever else came back, the write may yet happen: an error of the transport says nothing of the log.
        self.end(token, done.then_some(Action::Write(value)));
        if done { Ok(()) } else { Err(()) }
    }

    fn begin(&self, clerk: u64, key: &str, action: Action) -> Token {
        self.history.borrow_mut().begin(clerk, key, action, turmoil::sim_elapsed().unwrap_or_default())
    }

    fn end(&self, token: Token, seen: Option<Action>) {
        self.history.borrow_mut().end(token, seen, turmoil::sim_elapsed().unwrap_or_default());
    }
}

fn rails(shard: &str) -> SetRailsRequest {
    SetRailsRequest { shard: shard.to_owned(), reason: "chaos".to_owned(), ..SetRailsRequest::default() }
}

/// One attempt at a change in one group. That it was made before counts as made.
async fn attempt_at(admin: &mut AdminClient<Channel>, change: &Change, group: &str) -> Result<(), Status> {
    let member = |node: &String| ChangeMemberRequest { group: group.to_owned(), node: node.clone() };
    match change {
        Change::Remove(node) => match admin.remove_member(member(node)).await {
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
        Change::Transfer(_) | Change::Snapshot if group == COORDINATOR => Ok(()),
        Change::Transfer(node) => admin.transfer_leader(member(node)).await.map(|_| ()),
        Change::Snapshot => admin.take_snapshot(TakeSnapshotRequest { group: group.to_owned() }).await.map(|_| ()),
    }
}
