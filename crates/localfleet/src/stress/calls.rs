//! Single calls of every kind, each to one node with one deadline, and what a number of them came to.

use std::time::Duration;

use argosy_proto::argosy::v1::{
    ExplainMachineRequest, GetRepairsRequest, GetShardRequest, ListMachinesRequest, ListPoolsRequest,
    ListShardsRequest, PushMetricsRequest, SetCordonRequest,
};
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::Part;
use crate::clients::Clients;

/// How long a call may take. A node that takes longer counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a call asks for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Shards,
    Shard,
    Machines,
    Pools,
    Repairs,
    Explain(String),
    Cordon(String, bool),
    Push(u64),
}

/// Where calls go, and about what.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) clients: Clients,
    pub(super) shard: String,
    pub(super) pool: String,
}

impl Ask {
    /// One after the other of all kinds; `nth` decides. Machines are from `machines`.
    pub(super) fn nth(nth: usize, machines: &[String]) -> Self {
        let machine = || machines[nth / 8 % machines.len()].clone();
        match nth % 8 {
            0 => Self::Shards,
            1 => Self::Shard,
            2 => Self::Machines,
            3 => Self::Pools,
            4 => Self::Repairs,
            5 => Self::Explain(machine()),
            6 => Self::Cordon(machine(), (nth / 8).is_multiple_of(2)),
            _ => Self::Push(nth as u64 % 100),
        }
    }
}

impl Desk {
    /// One call to one node; how long it took.
    pub(super) async fn call(&self, node: &str, ask: Ask) -> Result<Duration, Status> {
        let begun = Instant::now();
        match timeout(PATIENCE, self.made(node, ask)).await {
            Ok(Ok(())) => Ok(begun.elapsed()),
            Ok(Err(status)) => Err(status),
            Err(_) => Err(Status::deadline_exceeded(format!("{node} does not answer"))),
        }
    }

    async fn made(&self, node: &str, ask: Ask) -> Result<(), Status> {
        let (clients, shard) = (&self.clients, self.shard.clone());
        match ask {
            Ask::Shards => clients.fleet(node)?.list_shards(ListShardsRequest {}).await.map(drop),
            Ask::Shard => {
                let ask = GetShardRequest { shard, ..GetShardRequest::default() };
                clients.fleet(node)?.get_shard(ask).await.map(drop)
            }
            Ask::Machines => {
                let ask = ListMachinesRequest { shard, ..ListMachinesRequest::default() };
                clients.fleet(node)?.list_machines(ask).await.map(drop)
            }
            Ask::Pools => {
                let ask = ListPoolsRequest { shard, ..ListPoolsRequest::default() };
                clients.pools(node)?.list_pools(ask).await.map(drop)
            }
            Ask::Repairs => clients.repair(node)?.get_repairs(GetRepairsRequest { shard }).await.map(drop),
            Ask::Explain(machine) => {
                let ask = ExplainMachineRequest { machine, shard, ..ExplainMachineRequest::default() };
                clients.fleet(node)?.explain_machine(ask).await.map(drop)
            }
            Ask::Cordon(machine, cordoned) => {
                let ask = SetCordonRequest { machine, shard, cordoned, reason: "stress".to_owned() };
                clients.admin(node)?.set_cordon(ask).await.map(drop)
            }
            Ask::Push(queue_depth) => {
                let pool = self.pool.clone();
                let ask = PushMetricsRequest { shard, pool, queue_depth: Some(queue_depth), utilisation_percent: None };
                clients.pools(node)?.push_metrics(ask).await.map(drop)
            }
        }
    }
}

/// What calls came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    took: Vec<Duration>,
    turned_away: u64,
    failures: Vec<Status>,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: Result<Duration, Status>) {
        match outcome {
            Ok(took) => self.took.push(took),
            // A node explains one thing at a time and says so: that is an answer.
            Err(status) if status.message().starts_with("ARG-0668") => self.turned_away += 1,
            Err(status) => self.failures.push(status),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.took.extend(other.took);
        self.turned_away += other.turned_away;
        self.failures.extend(other.failures);
    }

    /// In words, if any call failed.
    pub(super) fn fault(&self, name: &str) -> Option<String> {
        let first = self.failures.first()?;
        let (failed, all) = (self.failures.len(), self.failures.len() + self.took.len());
        Some(format!("{name}: {failed} of {all} calls failed, the first with {:?}: {}", first.code(), first.message()))
    }

    pub(super) fn part(mut self, name: &str, took: Duration) -> Part {
        self.took.sort_unstable();
        let at = |share: usize| self.took.get((self.took.len() * share / 100).min(self.took.len().saturating_sub(1)));
        let ms = |share| at(share).map_or(0.0, |took| took.as_secs_f64() * 1e3);
        let (failed, turned_away) = (self.failures.len() as u64, self.turned_away);
        let calls = self.took.len() as u64 + failed + turned_away;
        Part {
            name: name.to_owned(),
            calls,
            turned_away,
            failed,
            p50_ms: ms(50),
            p99_ms: ms(99),
            took_s: took.as_secs_f64(),
        }
    }
}
