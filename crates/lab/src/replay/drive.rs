//! Moving the fleet: roll-ups through real sessions, steps through whichever node answers, again after a change of leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_localfleet::{Blueprint, Clients, clusters, within};
use argosy_proto::argosy::v1::{
    ListMachinesRequest, ListNeedsRequest, MachineRow, NeedRow, StepToRequest, StepToResponse,
};
use argosy_proto::bigfleet::v1alpha1::MachineState;
use argosy_workload::session::{OperatorSession, SessionEvent};
use futures::future::try_join_all;
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::ReplayError;
use super::books::{Books, Shown};

/// How long one step, or one acknowledgement, may take with elections in between.
const PATIENCE: Duration = Duration::from_secs(120);
/// Deadline of one call.
const CALL: Duration = Duration::from_secs(30);
/// Pause before another node is asked.
const PAUSE: Duration = Duration::from_millis(100);
/// Machines on a page.
const PAGE: u32 = 10_000;

/// Everything that talks to the fleet.
pub(super) struct Drive {
    nodes: Vec<String>,
    shards: Vec<String>,
    clients: Clients,
    sessions: BTreeMap<String, OperatorSession>,
    stamp: i64,
}

impl Drive {
    pub(super) fn new(blueprint: &Blueprint, clients: &Clients) -> Result<Self, ReplayError> {
        let ids = blueprint.shards.iter().flat_map(|shard| &shard.clusters);
        let session = |id: &String| Ok((id.clone(), clusters::session(id, blueprint, clients)?));
        Ok(Self {
            nodes: blueprint.nodes.iter().map(|node| node.id.clone()).collect(),
            shards: blueprint.shards.iter().map(|shard| shard.id.clone()).collect(),
            clients: clients.clone(),
            sessions: ids.map(session).collect::<Result<_, ReplayError>>()?,
            stamp: 0,
        })
    }

    /// Sends the roll-ups of these clusters, one after the other, and waits until each is acknowledged, which is when it
    /// is committed: the order in which a shard hears of clusters breaks ties, so it must be the same every time.
    pub(super) async fn submit(&mut self, changed: &BTreeSet<usize>, books: &Books) -> Result<(), ReplayError> {
        self.stamp += 1;
        for cluster in changed {
            let session = &self.sessions[books.cluster(*cluster)];
            session.submit(books.rollup(*cluster, self.stamp));
            let late = |_| ReplayError::Unacknowledged {
                cluster: books.cluster(*cluster).to_owned(),
                seconds: PATIENCE.as_secs(),
            };
            timeout(PATIENCE, acknowledged(session, self.stamp)).await.map_err(late)?;
        }
        Ok(())
    }

    /// Moves every shard to the same moment; all side by side, as none looks at another.
    pub(super) async fn step_all(&self, at_ms: u64) -> Result<Vec<(String, StepToResponse)>, ReplayError> {
        try_join_all(self.shards.iter().map(|shard| self.step(shard, at_ms))).await
    }

    async fn step(&self, shard: &str, at_ms: u64) -> Result<(String, StepToResponse), ReplayError> {
        let ask = StepToRequest { shard: shard.to_owned(), shard_time_ms: at_ms };
        let call = async |node: &str| self.clients.lockstep(node)?.step_to(within(CALL, ask.clone())).await;
        let answer = self.anywhere(call).await;
        let answer = answer.map_err(|last| ReplayError::Stuck {
            shard: shard.to_owned(),
            at_ms,
            seconds: PATIENCE.as_secs(),
            last: last.to_string(),
        })?;
        Ok((shard.to_owned(), answer))
    }

    /// What every shard shows at a moment that it has been stepped to: its needs with their verdicts, and the machines
    /// bound to clusters.
    pub(super) async fn needs_and_machines(&self, at_ms: u64) -> Result<Shown, ReplayError> {
        let shown = self.shards.iter().map(async |shard| {
            let needs = self.judged(shard, at_ms).await?;
            let machines = self.bound(shard).await.map_err(|last| stuck(shard, &last))?;
            Ok::<_, ReplayError>((shard.clone(), (needs, machines)))
        });
        Ok(try_join_all(shown).await?.into_iter().collect())
    }

    /// The needs of a shard, each with a verdict. A leader that has just taken over has none yet: the step is repeated.
    async fn judged(&self, shard: &str, at_ms: u64) -> Result<Vec<NeedRow>, ReplayError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let needs = self.needs(shard).await.map_err(|last| stuck(shard, &last))?;
            let judged = needs.iter().all(|need| need.covered || !need.unmet_reason.is_empty());
            if judged || Instant::now() >= deadline {
                return Ok(needs);
            }
            self.step(shard, at_ms).await?;
        }
    }

    async fn needs(&self, shard: &str) -> Result<Vec<NeedRow>, Status> {
        let ask = ListNeedsRequest { shard: shard.to_owned(), ..ListNeedsRequest::default() };
        let call = async |node: &str| self.clients.fleet(node)?.list_needs(within(CALL, ask.clone())).await;
        Ok(self.anywhere(call).await?.needs)
    }

    async fn bound(&self, shard: &str) -> Result<Vec<MachineRow>, Status> {
        let mut rows = Vec::new();
        let mut page_token = String::new();
        loop {
            let ask = ListMachinesRequest {
                shard: shard.to_owned(),
                states: vec![MachineState::Configured.into()],
                page_size: PAGE,
                page_token,
                ..ListMachinesRequest::default()
            };
            let call = async |node: &str| self.clients.fleet(node)?.list_machines(within(CALL, ask.clone())).await;
            let answer = self.anywhere(call).await?;
            rows.extend(answer.machines);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(rows);
            }
        }
    }

    /// Makes a call through one node after the other until one can do it.
    async fn anywhere<T>(&self, call: impl AsyncFn(&str) -> Result<tonic::Response<T>, Status>) -> Result<T, Status> {
        let deadline = Instant::now() + PATIENCE;
        let mut turn = 0;
        loop {
            let status = match call(&self.nodes[turn % self.nodes.len()]).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            if Instant::now() >= deadline {
                return Err(status);
            }
            turn += 1;
            if turn % self.nodes.len() == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn stuck(shard: &str, last: &Status) -> ReplayError {
    ReplayError::Stuck { shard: shard.to_owned(), at_ms: 0, seconds: PATIENCE.as_secs(), last: last.to_string() }
}

/// Completes when the roll-up with this stamp is acknowledged.
async fn acknowledged(session: &OperatorSession, stamp: i64) {
    let events = session.events();
    while let Some(event) = events.next().await {
        if matches!(event, SessionEvent::RollupAcked { timestamp_unix_nanos } if timestamp_unix_nanos >= stamp) {
            return;
        }
    }
}
