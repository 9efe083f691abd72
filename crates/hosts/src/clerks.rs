//! Administrators that write and read a rail of every shard all the while: their history must be linearizable, and its gaps are the times in
//! which a shard served nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_chaos::history::{Action, History, Verdict, check};
use argosy_localfleet::{Blueprint, Clients, within};
use argosy_proto::argosy::v1::{GetShardRequest, SetRailsRequest};
use argosy_workload::dice::Dice;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;

/// Between two questions of one clerk.
const PAUSE: Duration = Duration::from_millis(60);
/// How long a clerk waits for an answer: less than what counts as an outage, so that a clerk that waits for a dead node makes none.
pub(crate) const PATIENCE: Duration = Duration::from_millis(700);
/// A rail that is off reads as this.
const OFF: u32 = 1_000_000;

/// The books of all clerks.
#[derive(Debug)]
pub(crate) struct Books {
    began: Instant,
    history: Mutex<History>,
}

impl Books {
    /// Books that begin now.
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, history: Mutex::default() }
    }

    /// A copy of what is written in them.
    pub(crate) fn history(&self) -> History {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a value that nobody has written before; `Ok` if that was acknowledged.
    pub(crate) async fn write(&self, clients: &Clients, node: &str, shard: &str, clerk: u64) -> Result<(), Status> {
        let mut admin = clients.admin(node)?;
        let (token, value) = {
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            let value = 400_000 + history.fresh_value() % 500_000;
            (history.begin(clerk, &key(shard), Action::Write(value), self.began.elapsed()), value)
        };
        let answer = admin.set_rails(within(
            PATIENCE,
            SetRailsRequest {
                shard: shard.to_owned(),
                reclaim_cap_ppm: u32::try_from(value).ok(),
                reason: "chaos".to_owned(),
                ..SetRailsRequest::default()
            },
        ));
        let answer = in_time(answer).await;
        // Whatever came back but an acknowledgement, the write may yet happen.
        let seen = answer.is_ok().then_some(Action::Write(value));
        self.end(token, seen);
        answer.map(drop)
    }

    async fn read(&self, clients: &Clients, node: &str, shard: &str, clerk: u64) -> Result<(), Status> {
        let mut fleet = clients.fleet(node)?;
        let token = {
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.begin(clerk, &key(shard), Action::Read(None), self.began.elapsed())
        };
        let question = within(PATIENCE, GetShardRequest { shard: shard.to_owned(), ..Default::default() });
        let answer = in_time(fleet.get_shard(question)).await;
        let rails = answer.as_ref().ok().and_then(|answer| answer.get_ref().rails);
        let seen = rails.map(|rails| Action::Read(Some(i64::from(rails.reclaim_cap_ppm.unwrap_or(OFF)))));
        self.end(token, seen);
        answer.map(drop)
    }

    fn end(&self, token: argosy_chaos::history::Token, seen: Option<Action>) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).end(token, seen, self.began.elapsed());
    }
}

/// Two clerks for each shard: one stays with a node while it answers, the other asks a different node each time, also one that has been
/// cut off and must know it.
pub(crate) fn start(books: &Arc<Books>, fleet: (&Blueprint, &Clients), stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let (blueprint, clients) = fleet;
    let nodes: Vec<String> = blueprint.nodes.iter().map(|node| node.id.clone()).collect();
    let mut clerks = JoinSet::new();
    for shard in &blueprint.shards {
        for restless in [false, true] {
            let clerk = u64::from(shard.number) * 2 + u64::from(restless);
            let dice = Dice::new(blueprint.sizing.seed, &format!("clerk/{clerk}"));
            let work = Clerk {
                books: Arc::clone(books),
                clients: clients.clone(),
                nodes: nodes.clone(),
                shard: shard.id.clone(),
                clerk,
                restless,
                dice,
            };
            clerks.spawn(work.work(stop.clone()));
        }
    }
    clerks
}

struct Clerk {
    books: Arc<Books>,
    clients: Clients,
    nodes: Vec<String>,
    shard: String,
    clerk: u64,
    restless: bool,
    dice: Dice,
}

impl Clerk {
    async fn work(mut self, stop: watch::Receiver<bool>) {
        let mut turn = 0;
        while !*stop.borrow() {
            let node = &self.nodes[turn % self.nodes.len()];
            let done = if self.dice.chance(500_000) {
                self.books.write(&self.clients, node, &self.shard, self.clerk).await
            } else {
                self.books.read(&self.clients, node, &self.shard, self.clerk).await
            };
            turn += usize::from(self.restless || done.is_err());
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Registers whose history no order explains.
pub(crate) fn contradictions(history: &History, initial: impl Fn(&str) -> i64) -> Vec<String> {
    let judged = history.by_key().into_iter().filter_map(|(key, operations)| match check(&operations, initial(&key)) {
        Verdict::Linearizable => None,
        Verdict::Unknown => Some(format!("{key}: {} operations were too many to judge", operations.len())),
        Verdict::Violated(least) => {
            let last = &least[least.len().saturating_sub(8)..];
            Some(format!("{key}: no order explains {} operations, the last of which are {last:?}", least.len()))
        }
    });
    judged.collect()
}

/// What the rail of a shard is before anybody writes it.
pub(crate) async fn initial(clients: &Clients, node: &str, shard: &str) -> Result<i64, Status> {
    let mut fleet = clients.fleet(node)?;
    let question = within(PATIENCE, GetShardRequest { shard: shard.to_owned(), ..Default::default() });
    let rails = in_time(fleet.get_shard(question)).await?.into_inner().rails;
    Ok(rails.map_or(i64::from(OFF), |rails| i64::from(rails.reclaim_cap_ppm.unwrap_or(OFF))))
}

/// The register of a shard.
pub(crate) fn key(shard: &str) -> String {
    format!("{shard}/cap")
}

/// Gives up a call whose time is over. The deadline that travels with a call does not count while its channel still connects, and a
/// node that is paused accepts connections and says nothing on them.
pub(crate) async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_of_what_was_overwritten_before_it_was_asked_is_found() {
        let s = Duration::from_secs;
        let mut history = History::default();
        for (action, asked, answered) in
            [(Action::Write(1), 0, 1), (Action::Write(2), 2, 3), (Action::Read(Some(1)), 4, 5)]
        {
            let token = history.begin(1, &key("s"), action, s(asked));
            history.end(token, Some(action), s(answered));
        }
        let found = contradictions(&history, |_| 0);
        assert!(found.len() == 1 && found[0].starts_with("s/cap: no order explains"), "{found:?}");
    }
}
