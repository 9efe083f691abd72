//! `argosy.v1.Consolidation`: whether needs move to cheaper machines, and how the budgets of moves stand.

use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_pool::ConsolidationPolicy;
use argosy_proto::argosy::v1::consolidation_client::ConsolidationClient;
use argosy_proto::argosy::v1::consolidation_server::Consolidation;
use argosy_proto::argosy::v1::{
    AsOf, ChurnBudgetRow, ConsolidationChanged, SetConsolidationRequest, ShowConsolidationRequest,
    ShowConsolidationResponse,
};
use argosy_shard::{BudgetView, Command, ShardState};
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};

/// The service.
#[derive(Clone)]
pub struct ConsolidationService {
    site: Arc<Site>,
}

impl ConsolidationService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl Consolidation for ConsolidationService {
    async fn show_consolidation(
        &self,
        request: Request<ShowConsolidationRequest>,
    ) -> Result<Response<ShowConsolidationResponse>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let view = self.site.fresh(&replica).await?;
                let as_of = self.site.as_of(&replica, &view, true);
                let now = replica.leader().map_or(view.state.now(), |leader| leader.now());
                Ok(Response::new(answer(&view.state, now, as_of)))
            }
            Place::There(channel) => {
                let client = &mut ConsolidationClient::new(channel);
                client.show_consolidation(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn set_consolidation(
        &self,
        request: Request<SetConsolidationRequest>,
    ) -> Result<Response<ConsolidationChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let policy = read(&request.get_ref().policy)?.map(Box::new);
                let revision = commit(&replica, Command::SetConsolidation { policy, by }).await?;
                if let Some(leader) = replica.leader() {
                    leader.want_cycle();
                }
                Ok(Response::new(ConsolidationChanged { revision }))
            }
            Place::There(channel) => {
                let client = &mut ConsolidationClient::new(channel);
                client.set_consolidation(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}

fn read(text: &str) -> Result<Option<ConsolidationPolicy>, Status> {
    let parse = || ConsolidationPolicy::parse("the policy", text);
    (!text.is_empty()).then(parse).transpose().map_err(|error| Status::invalid_argument(error.to_string()))
}

fn answer(state: &ShardState, now: ShardTime, as_of: AsOf) -> ShowConsolidationResponse {
    let book = state.consolidation();
    ShowConsolidationResponse {
        as_of: Some(as_of),
        enabled: book.policy().enabled,
        budgets: book.budgets().map(|budget| row(state, &budget, now)).collect(),
        policy_revision: book.revision(),
        policy: book.policy().to_yaml(),
    }
}

fn row(state: &ShardState, view: &BudgetView<'_>, now: ShardTime) -> ChurnBudgetRow {
    let name = |cluster| state.fleet().words.cluster_id(cluster).to_owned();
    let window = view.window.map(|(_, window)| window);
    let ends = |began: ShardTime| began.plus(view.budget.within.0).since(now).0;
    ChurnBudgetRow {
        budget: view.place.into(),
        per: view.budget.per.name().to_owned(),
        moves: view.budget.moves.to_string(),
        within_ms: view.budget.within.0.0,
        in_force: view.is_in_force,
        cluster: view.window.and_then(|(cluster, _)| cluster).map(name).unwrap_or_default(),
        taken: window.map(|window| window.taken),
        allowed: window.map(|window| window.allowed),
        ends_in_ms: window.map(|window| ends(window.began)),
    }
}
