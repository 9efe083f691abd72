//! How long a shard is without a leader that works, as its users see it: until another node says that it leads, until a write is
//! acknowledged, until a plan is committed.

use std::time::Duration;

use argosy_localfleet::{Clients, within};
use argosy_proto::argosy::v1::{Freshness, GetShardRequest, ShardDetail};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clerks::{self, Books, in_time};

/// A shard that has none of these after so long has broken a promise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Questions that may wait for their answers at a time.
const READS: usize = 20;
/// Changes of a rail are made one after the other, each with a round trip between regions: more than these would wait for one another
/// until their time is over, and none would be answered at all.
const WRITES: usize = 2;
/// Under this number the questions asked here are in the history.
const CLERK: u64 = 1_000;

/// How a shard stood before it was struck.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    /// The shard.
    pub(crate) shard: String,
    /// Its leader.
    pub(crate) leader: String,
    /// Its term.
    pub(crate) term: u64,
    /// Plans committed.
    pub(crate) plans: u64,
}

/// Times since a shard was struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// Until another node said that it led.
    pub(crate) leader: Option<Duration>,
    /// Until a write was acknowledged.
    pub(crate) commit: Option<Duration>,
    /// Until a plan was committed that a new leader had made.
    pub(crate) plan: Option<Duration>,
}

impl Before {
    /// How a shard stands, if it has a leader.
    pub(crate) async fn of(clients: &Clients, nodes: &[String], shard: &str) -> Option<Self> {
        for node in nodes {
            let Some(detail) = ask(clients, node, shard, Freshness::Linearizable).await else { continue };
            let (status, plans) = (detail.status.unwrap_or_default(), detail.plans);
            if !status.leader.is_empty() {
                return Some(Self { shard: shard.to_owned(), leader: status.leader, term: status.term, plans });
            }
        }
        None
    }

    /// Measures what follows, through nodes that were not struck.
    pub(crate) async fn failover(
        &self,
        clients: &Clients,
        through: &[String],
        books: &Books,
        struck: Instant,
    ) -> Times {
        let leader = first(through, struck, READS, async |node| {
            let detail = ask(clients, node, &self.shard, Freshness::Stale).await;
            detail.and_then(|detail| detail.status).is_some_and(|status| {
                status.term > self.term && !status.leader.is_empty() && status.leader != self.leader
            })
        });
        let commit =
            first(through, struck, WRITES, async |node| books.write(clients, node, &self.shard, CLERK).await.is_ok());
        let plan = first(through, struck, READS, async |node| {
            let detail = ask(clients, node, &self.shard, Freshness::Linearizable).await;
            detail.is_some_and(|detail| {
                detail.plans > self.plans && detail.status.is_some_and(|status| status.term > self.term)
            })
        });
        let (leader, commit, plan) = tokio::join!(leader, commit, plan);
        Times { leader, commit, plan }
    }
}

/// Asks one node after the other, all the while, until one says yes; how long that took since `struck`.
async fn first(
    nodes: &[String],
    struck: Instant,
    at_a_time: usize,
    question: impl AsyncFn(&str) -> bool,
) -> Option<Duration> {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = FuturesUnordered::new();
    let mut turn = 0;
    while struck.elapsed() < PATIENCE {
        tokio::select! {
            _ = ticks.tick(), if asked.len() < at_a_time => {
                asked.push(question(&nodes[turn % nodes.len()]));
                turn += 1;
            }
            Some(yes) = asked.next() => {
                if yes {
                    return Some(struck.elapsed());
                }
            }
        }
    }
    None
}

async fn ask(clients: &Clients, node: &str, shard: &str, freshness: Freshness) -> Option<ShardDetail> {
    let request = GetShardRequest { shard: shard.to_owned(), freshness: freshness.into(), with_state_hash: false };
    let mut fleet = clients.fleet(node).ok()?;
    in_time(fleet.get_shard(within(clerks::PATIENCE, request))).await.ok().map(tonic::Response::into_inner)
}
