//! `argosy.v1.Pools`: saying what pools are, looking at them, and telling their policies what they cannot see.

use std::sync::Arc;

use argosy_pool::split::Stand;
use argosy_pool::{FileError, Percent, PoolFile, Seller, Specification};
use argosy_proto::argosy::v1::pools_client::PoolsClient;
use argosy_proto::argosy::v1::pools_server::Pools;
use argosy_proto::argosy::v1::{
    AppliedPool, ApplyPoolsRequest, ApplyPoolsResponse, Freshness, ListPoolsRequest, ListPoolsResponse, PoolRow,
    PoolSeller, PushMetricsRequest, PushMetricsResponse, RemovePoolRequest, RemovePoolResponse,
};
use argosy_shard::{By, Command, Pool, ShardState};
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};
use crate::leader::{Autoscaler, Leader, Told, coming, ready};
use crate::replica::Replica;

/// Longest file, bytes.
const LARGEST_FILE: usize = 1 << 20;

/// The service.
#[derive(Clone)]
pub struct PoolService {
    site: Arc<Site>,
}

impl PoolService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    async fn apply_here(
        &self,
        replica: &Replica,
        ask: &ApplyPoolsRequest,
        by: By,
    ) -> Result<ApplyPoolsResponse, Status> {
        let file = read(&ask.file_name, &ask.file)?;
        let view = self.site.fresh(replica).await?;
        let mut pools = Vec::with_capacity(file.pools.len());
        for specification in file.pools {
            let pool = specification.name.clone();
            let change = change(&view.state, &specification);
            let write = change != UNCHANGED && !ask.dry_run;
            let revision = if write { self.set(replica, specification, by.clone()).await? } else { 0 };
            pools.push(AppliedPool { pool, change: change.to_owned(), revision });
        }
        if let Some(leader) = replica.leader() {
            leader.autoscaler().look();
            leader.want_cycle();
        }
        Ok(ApplyPoolsResponse { pools })
    }

    async fn set(&self, replica: &Replica, specification: Specification, by: By) -> Result<u64, Status> {
        commit(replica, Command::SetPool { specification: Box::new(specification), by }).await
    }
}

const UNCHANGED: &str = "unchanged";

fn change(state: &ShardState, specification: &Specification) -> &'static str {
    match state.pool(&specification.name) {
        None => "new",
        Some(known) if *known.specification == *specification => UNCHANGED,
        Some(_) => "changed",
    }
}

fn read(name: &str, text: &str) -> Result<PoolFile, Status> {
    let name = if name.is_empty() { "the file" } else { name };
    if text.len() > LARGEST_FILE {
        let reason = format!("it has {} bytes, the most is {LARGEST_FILE}", text.len());
        let error = FileError::Form { file: name.to_owned(), reason };
        return Err(Status::invalid_argument(error.to_string()));
    }
    PoolFile::parse(name, text).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn row(state: &ShardState, name: &str, pool: &Pool, autoscaler: Option<&Autoscaler>) -> PoolRow {
    let of = &pool.specification;
    let judged = autoscaler.and_then(|autoscaler| autoscaler.judged(name)).or_else(|| pool.decision.clone());
    let held = judged.as_ref().and_then(|judged| judged.held).map(|held| held.text(state.now())).unwrap_or_default();
    PoolRow {
        pool: name.to_owned(),
        min: of.min,
        max: of.max,
        target: pool.standing.target,
        ready: ready(state, name),
        coming: coming(state, name),
        wanted: judged.as_ref().map_or(0, |judged| judged.wanted),
        reason: judged.map(|judged| judged.reason.to_string()).unwrap_or_default(),
        held,
        raised_at_ms: pool.standing.raised_at.map(|at| at.0),
        lowered_at_ms: pool.standing.lowered_at.map(|at| at.0),
        specified_at: pool.specified_at,
        file: PoolFile::of((**of).clone()).to_yaml(),
        sellers: sellers(state, name, pool),
        metrics: autoscaler.map(|autoscaler| autoscaler.metrics(pool)).unwrap_or_default(),
    }
}

fn sellers(state: &ShardState, name: &str, pool: &Pool) -> Vec<PoolSeller> {
    let among = pool.specification.sellers.iter().flat_map(|sellers| &sellers.among);
    let seller = |(seller, (stand, asked)): (&Seller, (Stand, u32))| PoolSeller {
        provider: seller.provider.clone(),
        asked,
        held: stand.held,
        ready: stand.ready,
        to_be_had: stand.to_be_had(),
        refusals: stand.refusals,
    };
    among.zip(state.look_at_sellers(name)).map(seller).collect()
}

#[tonic::async_trait]
impl Pools for PoolService {
    async fn apply_pools(&self, request: Request<ApplyPoolsRequest>) -> Result<Response<ApplyPoolsResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => self.apply_here(&replica, request.get_ref(), by).await.map(Response::new),
            Place::There(channel) => {
                PoolsClient::new(channel).apply_pools(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn remove_pool(&self, request: Request<RemovePoolRequest>) -> Result<Response<RemovePoolResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let RemovePoolRequest { pool, .. } = request.into_inner();
                if self.site.fresh(&replica).await?.state.pool(&pool).is_none() {
                    return Err(refusal::unknown_pool(&pool));
                }
                let revision = commit(&replica, Command::RemovePool { pool, by }).await?;
                Ok(Response::new(RemovePoolResponse { revision }))
            }
            Place::There(channel) => {
                PoolsClient::new(channel).remove_pool(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn list_pools(&self, request: Request<ListPoolsRequest>) -> Result<Response<ListPoolsResponse>, Status> {
        let ask = request.get_ref();
        let stale = ask.freshness == i32::from(Freshness::Stale);
        let place = match stale {
            true => Place::Here(self.site.replica(&ask.shard)?.clone()),
            false => self.site.place(&ask.shard, &request).await?,
        };
        match place {
            Place::Here(replica) => {
                let view = if stale { replica.view() } else { self.site.fresh(&replica).await? };
                let leader = replica.leader();
                let autoscaler = leader.as_deref().map(Leader::autoscaler);
                let rows = view.state.pools().map(|(name, pool)| row(&view.state, name, pool, autoscaler));
                let pools = rows.collect();
                let as_of = Some(self.site.as_of(&replica, &view, !stale));
                Ok(Response::new(ListPoolsResponse { as_of, pools }))
            }
            Place::There(channel) => {
                PoolsClient::new(channel).list_pools(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn push_metrics(
        &self,
        request: Request<PushMetricsRequest>,
    ) -> Result<Response<PushMetricsResponse>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let PushMetricsRequest { pool, queue_depth, utilisation_percent, .. } = request.into_inner();
                let utilisation = match utilisation_percent {
                    None => None,
                    Some(percent) => Some(Percent::read(percent).ok_or_else(|| refusal::bad_percent(percent))?),
                };
                let leader = replica.leader().ok_or_else(refusal::no_leader)?;
                match leader.autoscaler().tell(&pool, Told { jobs: queue_depth, utilisation }) {
                    true => Ok(Response::new(PushMetricsResponse {})),
                    false => Err(refusal::unknown_pool(&pool)),
                }
            }
            Place::There(channel) => {
                PoolsClient::new(channel).push_metrics(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}
