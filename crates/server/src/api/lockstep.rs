//! `argosy.v1.Lockstep`: moving a shard's time by hand, for replays that must give the same decisions every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_engine::{Decision, Unmet};
use argosy_model::ShardTime;
use argosy_proto::argosy::v1::lockstep_client::LockstepClient;
use argosy_proto::argosy::v1::lockstep_server::Lockstep;
use argosy_proto::argosy::v1::{DecisionMark, StepToRequest, StepToResponse};
use tonic::{Request, Response, Status};

use super::site::{Place, Site, passed_on};
use super::{refusal, rows};
use crate::leader::{Leader, StepError, Stepped};

/// Largest answer that is passed on, bytes.
const LARGEST_ANSWER: usize = 256 << 20;

/// The service. Only a fleet whose configuration says that time is moved by hand will step.
#[derive(Clone)]
pub struct LockstepService {
    site: Arc<Site>,
}

impl LockstepService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl Lockstep for LockstepService {
    async fn step_to(&self, request: Request<StepToRequest>) -> Result<Response<StepToResponse>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let leader = replica.leader().ok_or_else(refusal::no_leader)?;
                let stepped = leader.step_to(ShardTime(request.get_ref().shard_time_ms)).await;
                let stepped = stepped.map_err(|error| not_stepped(&error))?;
                Ok(Response::new(answer(&leader, &stepped)))
            }
            Place::There(channel) => {
                let client = LockstepClient::new(channel);
                client
                    .max_decoding_message_size(LARGEST_ANSWER)
                    .step_to(passed_on(request))
                    .await
                    .map_err(refusal::relayed)
            }
        }
    }
}

fn not_stepped(error: &StepError) -> Status {
    match error {
        StepError::NotLockstep => Status::failed_precondition(error.to_string()),
        StepError::Ended | StepError::Commit(_) | StepError::Provider { .. } => Status::unavailable(error.to_string()),
    }
}

fn answer(leader: &Leader, stepped: &Stepped) -> StepToResponse {
    let view = leader.view();
    let state = &view.state;
    let decided = leader.decided();
    let decision = decided.as_ref().map(|decided| &*decided.decision);
    let covered = |decision: &Decision| {
        decision.verdicts.iter().filter(|v| v.unmet.is_none()).map(|v| v.rows.len()).sum::<usize>()
    };
    let mark = |(index, hash): (u64, argosy_shard::Digest)| DecisionMark { index, hash: hash.0.to_vec().into() };
    StepToResponse {
        revision: stepped.revision,
        term: leader.term(),
        shard_time_ms: stepped.now.0,
        rounds: stepped.rounds,
        quiescent: stepped.settled,
        open_operations: stepped.open.len() as u64,
        actions: rows::actions(state.counters()),
        decision_log_hash: state.decision_hash().0.to_vec().into(),
        decisions: state.decision_marks().map(mark).collect(),
        shortfalls: decision.map(shortfalls).unwrap_or_default(),
        needs: state.demand().len() as u64,
        needs_covered: decision.map_or(0, covered) as u64,
        entries: state.counters().entries,
    }
}

/// How many needs are short for each reason.
fn shortfalls(decision: &Decision) -> BTreeMap<String, u64> {
    let mut by_reason = BTreeMap::new();
    for verdict in decision.shortfalls() {
        let reason = verdict.unmet.map_or("unknown", Unmet::name);
        *by_reason.entry(reason.to_owned()).or_default() += verdict.rows.len() as u64;
    }
    by_reason
}
