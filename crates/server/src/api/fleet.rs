//! `argosy.v1.Fleet`: reading shards, machines, needs, shortfalls and operations through any node.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_engine::{Decision, Verdict};
use argosy_model::{MachineIx, NeedKey};
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::fleet_server::Fleet;
use argosy_proto::argosy::v1::{
    ExplainMachineRequest, ExplainMachineResponse, ExplainNeedsRequest, ExplainNeedsResponse, ExplainPlanRequest,
    ExplainPlanResponse, Freshness, GetMachineRequest, GetShardRequest, ListMachinesRequest, ListMachinesResponse,
    ListNeedsRequest, ListNeedsResponse, ListOperationsRequest, ListOperationsResponse, ListShardsRequest,
    ListShardsResponse, ListShortfallsRequest, ListShortfallsResponse, MachineDetail, MachineRow, NeedRow, ShardDetail,
    ShardStatus, WhatIfRequest, WhatIfResponse,
};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::recent::Recent;
use super::site::{Place, Site, members, passed_on};
use super::study::Studies;
use super::{refusal, rows};
use crate::leader::inline;
use crate::replica::{Replica, View};

/// Machines on a page when the caller does not say.
const PAGE: u32 = 1_000;
/// Most machines on a page.
const LARGEST_PAGE: u32 = 10_000;
/// Largest answer that is passed on, bytes.
const LARGEST_ANSWER: usize = 256 << 20;

/// The service.
#[derive(Clone)]
pub struct FleetService {
    pub(super) site: Arc<Site>,
    pub(super) studies: Studies,
    recent: Arc<BTreeMap<String, Arc<Recent>>>,
}

/// From where an answer is taken: a view of this node, or another node's answer.
pub(super) enum Source {
    View { replica: Replica, view: Arc<View>, fresh: bool },
    Elsewhere(Box<FleetClient<Channel>>),
}

impl FleetService {
    /// The service of a node; it follows the decisions of its replicas from now on.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        let follow = |replica: &Replica| {
            let recent = Arc::new(Recent::default());
            replica.listen(Arc::clone(&recent) as _);
            (replica.name().to_owned(), recent)
        };
        let recent = Arc::new(site.shards.iter().map(follow).collect());
        Self { site, studies: Studies::default(), recent }
    }

    pub(super) async fn source<T>(&self, shard: &str, freshness: i32, request: &Request<T>) -> Result<Source, Status> {
        if freshness == i32::from(Freshness::Stale) {
            let replica = self.site.replica(shard)?.clone();
            let view = replica.view();
            return Ok(Source::View { replica, view, fresh: false });
        }
        match self.site.place(shard, request).await? {
            Place::Here(replica) => {
                let view = self.site.fresh(&replica).await?;
                Ok(Source::View { replica, view, fresh: true })
            }
            Place::There(channel) => {
                let client = FleetClient::new(channel).max_decoding_message_size(LARGEST_ANSWER);
                Ok(Source::Elsewhere(Box::new(client)))
            }
        }
    }

    fn status(&self, shard: &crate::config::ShardPlacement) -> ShardStatus {
        let (id, home_region) = (shard.id.to_string(), shard.home_region.to_string());
        let Some(replica) = self.site.shards.get(shard.id.as_str()) else {
            return ShardStatus { shard: id, home_region, ..ShardStatus::default() };
        };
        let status = replica.status();
        let (voters, learners) = members(&self.site, &status);
        ShardStatus {
            shard: id,
            home_region,
            leader: status.leadership.leader.map(|node| self.site.name(node)).unwrap_or_default(),
            term: status.leadership.term,
            committed: status.committed,
            applied: status.applied,
            voters,
            learners,
            halted: replica.halted().unwrap_or_default(),
        }
    }

    fn detail(&self, replica: &Replica, view: &View, fresh: bool, with_hash: bool) -> Result<ShardDetail, Status> {
        let state = &view.state;
        let leader = replica.leader();
        let decided = leader.as_ref().and_then(|leader| leader.decided());
        let sessions = leader.as_ref().map(|leader| leader.hub().clusters()).unwrap_or_default();
        let attached = |cluster: &str| sessions.iter().any(|attached| attached == cluster);
        let counters = state.counters();
        Ok(ShardDetail {
            as_of: Some(self.site.as_of(replica, view, fresh)),
            status: Some(self.status(self.site.shard(replica.name())?)),
            machines_by_state: rows::machines_by_state(state),
            needs: state.demand().len() as u64,
            shortfalls: decided.as_ref().map_or(0, |decided| decided.decision.shortfalls().count() as u64),
            open_operations: state.ledger().len() as u64,
            cycles: decided.as_ref().map_or(0, |decided| decided.cycle),
            actions: rows::actions(counters),
            state_hash: if with_hash { inline(|| state.state_hash().0.to_vec().into()) } else { Default::default() },
            decision_log_hash: state.decision_hash().0.to_vec().into(),
            domains: rows::domains(state),
            rails: Some(rows::rails(state)),
            recent: self.recent.get(replica.name()).map(|recent| recent.newest()).unwrap_or_default(),
            clusters: rows::clusters(state, &attached),
            plans: counters.plans,
            entries: counters.entries,
        })
    }
}

/// Verdicts by the rows of demand that they speak for.
fn by_row(decision: Option<&Decision>) -> BTreeMap<NeedKey, &Verdict> {
    let verdicts = decision.into_iter().flat_map(|decision| &decision.verdicts).map(|verdict| &**verdict);
    verdicts.flat_map(|verdict| verdict.rows.iter().map(move |row| (*row, verdict))).collect()
}

#[tonic::async_trait]
impl Fleet for FleetService {
    async fn list_shards(&self, _: Request<ListShardsRequest>) -> Result<Response<ListShardsResponse>, Status> {
        let shards = self.site.placement.shards.iter().map(|shard| self.status(shard)).collect();
        Ok(Response::new(ListShardsResponse { shards }))
    }

    async fn get_shard(&self, request: Request<GetShardRequest>) -> Result<Response<ShardDetail>, Status> {
        let GetShardRequest { shard, freshness, with_state_hash } = request.get_ref();
        match self.source(shard, *freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                self.detail(&replica, &view, fresh, *with_state_hash).map(Response::new)
            }
            Source::Elsewhere(mut client) => client.get_shard(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn list_machines(
        &self,
        request: Request<ListMachinesRequest>,
    ) -> Result<Response<ListMachinesResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let (machines, next_page_token) = page(&view, request.get_ref())?;
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                Ok(Response::new(ListMachinesResponse { as_of, machines, next_page_token }))
            }
            Source::Elsewhere(mut client) => client.list_machines(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn get_machine(&self, request: Request<GetMachineRequest>) -> Result<Response<MachineDetail>, Status> {
        let ask = request.get_ref().clone();
        if ask.shard.is_empty() {
            return self.search_machine(&ask, &request).await;
        }
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let ix = view.state.fleet().find(&ask.machine).ok_or_else(|| refusal::unknown_machine(&ask.machine))?;
                Ok(Response::new(self.machine_detail(&replica, &view, fresh, ix)))
            }
            Source::Elsewhere(mut client) => client.get_machine(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn list_needs(&self, request: Request<ListNeedsRequest>) -> Result<Response<ListNeedsResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let leader = replica.leader();
                let decided = leader.as_ref().and_then(|leader| leader.decided());
                let (needs, total) = need_rows(&view, decided.as_deref().map(|d| &*d.decision), request.get_ref());
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                Ok(Response::new(ListNeedsResponse { as_of, needs, total }))
            }
            Source::Elsewhere(mut client) => client.list_needs(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn list_shortfalls(
        &self,
        request: Request<ListShortfallsRequest>,
    ) -> Result<Response<ListShortfallsResponse>, Status> {
        let shard = request.get_ref().shard.clone();
        match self.source(&shard, Freshness::Linearizable.into(), &request).await? {
            Source::View { replica, view, fresh } => {
                let leader = replica.leader();
                let decided = leader.as_ref().and_then(|leader| leader.decided());
                let (shortfalls, by_reason) =
                    shortfall_rows(&view, decided.as_deref().map(|d| &*d.decision), request.get_ref().limit);
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                Ok(Response::new(ListShortfallsResponse { as_of, shortfalls, by_reason }))
            }
            Source::Elsewhere(mut client) => client.list_shortfalls(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let ledger = view.state.ledger();
                let limit = limit(request.get_ref().limit);
                let operations = ledger.iter().take(limit).map(|open| rows::operation(&view.state, open)).collect();
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                Ok(Response::new(ListOperationsResponse { as_of, operations, total: ledger.len() as u64 }))
            }
            Source::Elsewhere(mut client) => client.list_operations(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    async fn explain_needs(
        &self,
        request: Request<ExplainNeedsRequest>,
    ) -> Result<Response<ExplainNeedsResponse>, Status> {
        Self::explain_needs(self, request).await
    }

    async fn explain_machine(
        &self,
        request: Request<ExplainMachineRequest>,
    ) -> Result<Response<ExplainMachineResponse>, Status> {
        Self::explain_machine(self, request).await
    }

    async fn explain_plan(
        &self,
        request: Request<ExplainPlanRequest>,
    ) -> Result<Response<ExplainPlanResponse>, Status> {
        Self::explain_plan(self, request).await
    }

    async fn what_if(&self, request: Request<WhatIfRequest>) -> Result<Response<WhatIfResponse>, Status> {
        self.try_scenario(request).await
    }
}

impl FleetService {
    fn machine_detail(&self, replica: &Replica, view: &View, fresh: bool, ix: MachineIx) -> MachineDetail {
        let state = &view.state;
        let words = &state.fleet().words;
        let profile = state.fleet().machine(ix).claim.and_then(|claim| claim.profile);
        MachineDetail {
            as_of: Some(self.site.as_of(replica, view, fresh)),
            machine: Some(rows::machine(state, ix)),
            operation: state.ledger().on(ix).map(|open| rows::operation(state, open)),
            profile_fingerprint: profile.map(|p| words.fingerprint(words.profile_of(p))).unwrap_or_default(),
        }
    }

    /// Asks the shards one after the other.
    async fn search_machine(
        &self,
        ask: &GetMachineRequest,
        request: &Request<GetMachineRequest>,
    ) -> Result<Response<MachineDetail>, Status> {
        for shard in &self.site.placement.shards {
            let one = GetMachineRequest { shard: shard.id.to_string(), ..ask.clone() };
            let mut next = Request::new(one);
            *next.extensions_mut() = request.extensions().clone();
            match self.get_machine(next).await {
                Err(status) if status.code() == tonic::Code::NotFound => {}
                answer => return answer,
            }
        }
        Err(refusal::unknown_machine(&ask.machine))
    }
}

/// A page of machines in slot order, and the token of the next page.
fn page(view: &View, ask: &ListMachinesRequest) -> Result<(Vec<MachineRow>, String), Status> {
    let from = match ask.page_token.as_str() {
        "" => 0,
        token => token.parse::<usize>().map_err(|_| refusal::bad_page_token())?,
    };
    let size = if ask.page_size == 0 { PAGE } else { ask.page_size.min(LARGEST_PAGE) } as usize;
    let fleet = view.state.fleet();
    let cluster = fleet.words.find_cluster(&ask.cluster);
    let unknown_cluster = !ask.cluster.is_empty() && cluster.is_none();
    let mut machines = Vec::new();
    if unknown_cluster {
        return Ok((machines, String::new()));
    }
    for slot in from..fleet.slots() {
        let ix = MachineIx::from_index(slot);
        let Some(machine) = fleet.get(ix) else { continue };
        let wanted_state = ask.states.is_empty() || ask.states.contains(&machine.state.number());
        if !wanted_state || (cluster.is_some() && machine.cluster() != cluster) {
            continue;
        }
        if machines.len() == size {
            return Ok((machines, slot.to_string()));
        }
        machines.push(rows::machine(&view.state, ix));
    }
    Ok((machines, String::new()))
}

fn need_rows(view: &View, decision: Option<&Decision>, ask: &ListNeedsRequest) -> (Vec<NeedRow>, u64) {
    let state = &view.state;
    let words = &state.fleet().words;
    let verdicts = by_row(decision);
    let wanted =
        |need: &&argosy_model::Need| ask.cluster.is_empty() || words.cluster_id(need.key.cluster) == ask.cluster;
    let total = state.demand().by_precedence().filter(wanted).count() as u64;
    let needs = state.demand().by_precedence().filter(wanted).take(limit(ask.limit));
    (needs.map(|need| rows::need(state, need, verdicts.get(&need.key).copied())).collect(), total)
}

fn shortfall_rows(view: &View, decision: Option<&Decision>, most: u32) -> (Vec<NeedRow>, BTreeMap<String, u64>) {
    let state = &view.state;
    let mut by_reason = BTreeMap::new();
    let mut found = Vec::new();
    for verdict in decision.into_iter().flat_map(Decision::shortfalls) {
        let reason = verdict.unmet.map_or("unknown", argosy_engine::Unmet::name);
        *by_reason.entry(reason.to_owned()).or_default() += 1;
        // A row that was withdrawn since the cycle is no longer short of anything.
        let needs = verdict.rows.iter().filter_map(|key| state.demand().get(key));
        found.extend(needs.map(|need| rows::need(state, need, Some(verdict))));
    }
    found.truncate(limit(most));
    (found, by_reason)
}

fn limit(asked: u32) -> usize {
    if asked == 0 { usize::MAX } else { asked as usize }
}
