//! What is shown of one look: the picture turned into rows, with the rates and changes since the look before.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use argosy_localfleet::clusters::Traffic;
use argosy_localfleet::{Invariants, Picture};

/// Looks over which rates are averaged.
const WINDOW: usize = 10;
/// Decisions shown.
const RECENT: usize = 8;

/// One look, ready to be drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Time since the fleet came up.
    pub(crate) elapsed: Duration,
    /// Node, whether it answers, shards that it leads.
    pub(crate) nodes: Vec<NodeRow>,
    /// The shards.
    pub(crate) shards: Vec<ShardRow>,
    /// Machines by state.
    pub(crate) machines: BTreeMap<String, u64>,
    /// Needs, and how many of them are short with nothing on its way.
    pub(crate) needs: (u64, u64),
    /// Actions committed since the shards began, by kind.
    pub(crate) actions: BTreeMap<String, u64>,
    /// Actions a second over the last looks.
    pub(crate) actions_per_s: f64,
    /// What the clusters did.
    pub(crate) traffic: Traffic,
    /// The latest decisions, newest first.
    pub(crate) recent: Vec<String>,
    /// Broken rules.
    pub(crate) violations: Vec<String>,
    /// What the killer did last.
    pub(crate) fault: Option<String>,
    /// What the demonstration has to tell, oldest first, and how much of it is new.
    pub(crate) story: Vec<String>,
    pub(crate) news: usize,
    history: VecDeque<(f64, u64)>,
    leaders: BTreeMap<String, String>,
    leader_changes: u64,
}

/// A node as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct NodeRow {
    /// Its id.
    pub(crate) id: String,
    /// Whether it answers.
    pub(crate) up: bool,
    /// Shards that it leads.
    pub(crate) leads: Vec<String>,
}

/// A shard as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct ShardRow {
    /// Its id.
    pub(crate) id: String,
    /// Its leader's node.
    pub(crate) leader: String,
    /// Raft term.
    pub(crate) term: u64,
    /// Log index of the state.
    pub(crate) revision: u64,
    /// Machines in all.
    pub(crate) machines: u64,
    /// Machines that serve a cluster.
    pub(crate) configured: u64,
    /// Needs.
    pub(crate) needs: u64,
    /// Needs that are short with nothing on its way.
    pub(crate) short: u64,
    /// Committed operations not finished.
    pub(crate) open: u64,
}

impl Frame {
    /// How often a shard's leader has changed while it was watched.
    pub(crate) fn leader_changes(&self) -> u64 {
        self.leader_changes
    }

    /// Takes in what the demonstration tells: a list that only grows.
    pub(crate) fn tell(&mut self, story: Vec<String>) {
        self.news = story.len() - self.story.len();
        self.story = story;
    }

    /// Takes a new look in.
    pub(crate) fn update(
        &mut self,
        picture: &Picture,
        traffic: Traffic,
        invariants: &Invariants,
        elapsed: Duration,
        fault: Option<&str>,
    ) {
        self.elapsed = elapsed;
        self.traffic = traffic;
        self.fault = fault.map(str::to_owned);
        self.machines = picture.machines_by_state();
        self.needs = picture.needs();
        self.actions = picture.actions();
        self.violations = invariants.violations().iter().map(|v| format!("{}: {}", v.rule, v.evidence)).collect();
        self.note_leaders(picture);
        self.note_rate(picture);
        self.nodes = picture.nodes_up.iter().map(|(id, up)| self.node_row(id, *up)).collect();
        self.shards = picture.shards.iter().map(|(id, detail)| shard_row(id, detail)).collect();
        self.recent = picture
            .recent(RECENT)
            .into_iter()
            .map(|(shard, d)| format!("{shard:<7} {:<10} {:<34} {:<10} {}", d.action, d.machine, d.cluster, d.reason))
            .collect();
    }

    fn node_row(&self, id: &str, up: bool) -> NodeRow {
        let leads = self.leaders.iter().filter(|(_, leader)| *leader == id).map(|(shard, _)| shard.clone()).collect();
        NodeRow { id: id.to_owned(), up, leads }
    }

    fn note_leaders(&mut self, picture: &Picture) {
        for (shard, leader) in picture.leaders() {
            let before = self.leaders.insert(shard.to_owned(), leader.to_owned());
            self.leader_changes += u64::from(before.is_some_and(|before| before != leader));
        }
    }

    /// A shard that could not be asked this time would look like a fall, so only full pictures count.
    fn note_rate(&mut self, picture: &Picture) {
        let total: u64 = picture.actions().values().sum();
        let rises = self.history.back().is_none_or(|(_, before)| total >= *before);
        if !rises {
            return;
        }
        self.history.push_back((self.elapsed.as_secs_f64(), total));
        if self.history.len() > WINDOW {
            self.history.pop_front();
        }
        if let (Some((from, first)), Some((to, last))) = (self.history.front(), self.history.back()) {
            let span = to - from;
            self.actions_per_s = if span > 0.0 { (last - first) as f64 / span } else { 0.0 };
        }
    }
}

fn shard_row(id: &str, detail: &argosy_proto::argosy::v1::ShardDetail) -> ShardRow {
    let status = detail.status.clone().unwrap_or_default();
    ShardRow {
        id: id.to_owned(),
        leader: status.leader,
        term: status.term,
        revision: detail.as_of.as_ref().map_or(0, |as_of| as_of.revision),
        machines: detail.machines_by_state.values().sum(),
        configured: detail.machines_by_state.get("Configured").copied().unwrap_or_default(),
        needs: detail.needs,
        short: detail.shortfalls,
        open: detail.open_operations,
    }
}
