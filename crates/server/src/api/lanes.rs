//! `argosy.v1.Lanes`: what each provider, region and type holds and may take, and the breakers that people close by hand.

use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_pool::{FileError, LanePolicy};
use argosy_proto::argosy::v1::lanes_client::LanesClient;
use argosy_proto::argosy::v1::lanes_server::Lanes;
use argosy_proto::argosy::v1::{
    AsOf, CloseLaneRequest, LaneRow, LanesChanged, ListLanesRequest, ListLanesResponse, SetLanePolicyRequest,
};
use argosy_shard::{BreakerState, Command, LaneName, LaneView, ShardState};
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};

/// Longest policy, bytes.
const LARGEST_FILE: usize = 1 << 20;

/// The service.
#[derive(Clone)]
pub struct LaneService {
    site: Arc<Site>,
}

impl LaneService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl Lanes for LaneService {
    async fn list_lanes(&self, request: Request<ListLanesRequest>) -> Result<Response<ListLanesResponse>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let view = self.site.fresh(&replica).await?;
                let as_of = self.site.as_of(&replica, &view, true);
                let now = replica.leader().map_or(view.state.now(), |leader| leader.now());
                Ok(Response::new(answer(&view.state, now, as_of)))
            }
            Place::There(channel) => {
                LanesClient::new(channel).list_lanes(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn set_lane_policy(&self, request: Request<SetLanePolicyRequest>) -> Result<Response<LanesChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let policy = read(&request.get_ref().policy)?.map(Box::new);
                changed(commit(&replica, Command::SetLanePolicy { policy, by }).await?)
            }
            Place::There(channel) => {
                LanesClient::new(channel).set_lane_policy(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn close_lane(&self, request: Request<CloseLaneRequest>) -> Result<Response<LanesChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let CloseLaneRequest { provider, region, instance_type, .. } = request.into_inner();
                let lane = (!provider.is_empty()).then_some(LaneName { provider, region, instance_type });
                if let Some(lane) = &lane {
                    let lanes = self.site.fresh(&replica).await?.state.look_at_lanes();
                    lanes.iter().find(|known| known.name == *lane).ok_or_else(|| refusal::unknown_lane(lane))?;
                }
                let revision = commit(&replica, Command::CloseLanes { lane, by }).await?;
                if let Some(leader) = replica.leader() {
                    leader.want_cycle();
                }
                changed(revision)
            }
            Place::There(channel) => {
                LanesClient::new(channel).close_lane(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}

fn changed(revision: u64) -> Result<Response<LanesChanged>, Status> {
    Ok(Response::new(LanesChanged { revision }))
}

fn read(text: &str) -> Result<Option<LanePolicy>, Status> {
    let refused = |error: FileError| Status::invalid_argument(error.to_string());
    if text.len() > LARGEST_FILE {
        let reason = format!("it has {} bytes, the most is {LARGEST_FILE}", text.len());
        return Err(refused(FileError::Form { file: "the policy".to_owned(), reason }));
    }
    let parse = || LanePolicy::parse("the policy", text).map_err(refused);
    (!text.is_empty()).then(parse).transpose()
}

fn answer(state: &ShardState, now: ShardTime, as_of: AsOf) -> ListLanesResponse {
    let book = state.lanes();
    ListLanesResponse {
        as_of: Some(as_of),
        lanes: state.look_at_lanes().into_iter().map(|lane| row(lane, now)).collect(),
        policy_revision: book.revision(),
        policy: book.policy().to_yaml(),
    }
}

fn row(lane: LaneView, now: ShardTime) -> LaneRow {
    let (breaker, passed_by) = (lane.breaker(), lane.passed_by().map(|why| why.name().to_owned()).unwrap_or_default());
    let opens_in_ms = match breaker {
        BreakerState::Open { until } => Some(until.since(now).0),
        BreakerState::Closed | BreakerState::HalfOpen { .. } => None,
    };
    LaneRow {
        provider: lane.name.provider,
        region: lane.name.region,
        instance_type: lane.name.instance_type,
        held: lane.held,
        free: lane.free,
        held_back: lane.held_back,
        allowance: lane.allowance.map(|(more, _)| more),
        breaker: breaker.name().to_owned(),
        opens_in_ms,
        refusals: lane.record.map_or(0, |record| record.refusals),
        last_refusal: lane.record.map(|record| record.last.name().to_owned()).unwrap_or_default(),
        passed_by,
    }
}
