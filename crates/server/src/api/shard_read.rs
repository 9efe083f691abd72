//! `bigfleet.v1alpha1.ShardRead`: how each need fared in the last cycle, for existing dashboards.
//!
//! A stock dashboard asks a shard at its own address. One address of ours stands for every shard, so the answer goes over
//! all of them: the shard of the cluster that is asked for, or all shards one after the other.

use std::pin::Pin;
use std::sync::Arc;

use argosy_engine::{Candidate, Matching, Unmet, Verdict, WouldDo};
use argosy_model::{Need, Vocabulary};
use argosy_proto::bigfleet::v1alpha1::inspect_needs_response::Frame;
use argosy_proto::bigfleet::v1alpha1::shard_read_client::ShardReadClient;
use argosy_proto::bigfleet::v1alpha1::shard_read_server::ShardRead;
use argosy_proto::bigfleet::v1alpha1::{
    DomainCoverage, InspectNeedsHeader, InspectNeedsRequest, InspectNeedsResponse, MatchingSupply, NeedView,
    PreemptionSummary, Resources, UnmetReason,
};
use futures::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::rows;
use super::site::{Place, Site, passed_on};
use crate::leader::Decided;
use crate::replica::Replica;

/// The service.
#[derive(Clone)]
pub struct ShardReadService {
    site: Arc<Site>,
}

/// What the last cycle of one shard found: the header and its needs.
struct Inspected {
    header: InspectNeedsHeader,
    needs: Vec<NeedView>,
}

impl ShardReadService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// The shards that may know of a cluster: the one that it is bound to, or all.
    fn shards_of(&self, cluster: &str) -> Vec<String> {
        let bound = |shard: &&crate::config::ShardPlacement| shard.clusters.iter().any(|c| c.as_str() == cluster);
        let shards = &self.site.placement.shards;
        match shards.iter().find(bound) {
            Some(shard) => vec![shard.id.to_string()],
            None => shards.iter().map(|shard| shard.id.to_string()).collect(),
        }
    }

    async fn inspect(&self, shard: &str, request: &Request<InspectNeedsRequest>) -> Result<Inspected, Status> {
        match self.site.place(shard, request).await? {
            Place::Here(replica) => Ok(inspect_here(&replica, &request.get_ref().cluster_id)),
            Place::There(channel) => {
                let mut next = Request::new(InspectNeedsRequest { limit: 0, ..request.get_ref().clone() });
                *next.extensions_mut() = request.extensions().clone();
                let mut next = passed_on(next);
                next.metadata_mut().insert(ONE_SHARD, shard.parse().map_err(|_| super::refusal::no_leader())?);
                let mut answers = ShardReadClient::new(channel).inspect_needs(next).await?.into_inner();
                let mut inspected = Inspected { header: InspectNeedsHeader::default(), needs: Vec::new() };
                while let Some(answer) = answers.message().await? {
                    match answer.frame {
                        Some(Frame::Header(header)) => inspected.header = header,
                        Some(Frame::Need(need)) => inspected.needs.push(need),
                        None => {}
                    }
                }
                Ok(inspected)
            }
        }
    }
}

/// On a request that a node passes on: the one shard that it is about.
const ONE_SHARD: &str = "argosy-shard";

fn inspect_here(replica: &Replica, cluster: &str) -> Inspected {
    let decided = replica.leader().and_then(|leader| leader.decided());
    let Some(decided) = decided else {
        return Inspected { header: InspectNeedsHeader::default(), needs: Vec::new() };
    };
    let state = &decided.view.state;
    let words = &state.fleet().words;
    let in_cluster = |need: &&Need| cluster.is_empty() || words.cluster_id(need.key.cluster) == cluster;
    let mut would_do = WouldDo::of(state.fleet());
    let needs: Vec<NeedView> = decided
        .decision
        .verdicts
        .iter()
        .flat_map(|verdict| {
            verdict.rows.iter().filter_map(|row| state.demand().get(row)).map(move |need| (need, verdict))
        })
        .filter(|(need, _)| in_cluster(need))
        .map(|(need, verdict)| {
            let matching = would_do.for_verdict(verdict, state.demand());
            view(&decided, need, verdict, matching)
        })
        .collect();
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let header = InspectNeedsHeader {
        cycle: i64::try_from(decided.cycle).unwrap_or(i64::MAX),
        computed_at_unix_nanos: nanos(decided.at.0),
        total_needs: count(needs.len()),
    };
    Inspected { header, needs }
}

fn view(decided: &Decided, need: &Need, verdict: &Verdict, matching: Matching) -> NeedView {
    let state = &decided.view.state;
    let words = &state.fleet().words;
    let profile = words.profile_of(need.key.profile);
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let mark = state.demand().mark(&need.key);
    let cycles = |since: Option<argosy_model::ShardTime>| {
        since.map_or(0, |since| i32::try_from(decided.at.since(since).as_secs() / STOCK_CYCLE_S).unwrap_or(i32::MAX))
    };
    NeedView {
        need: Some(rows::capacity_need(words, need, profile)),
        cluster_id: words.cluster_id(need.key.cluster).to_owned(),
        arrival_unix_nanos: nanos(need.arrival.0),
        profile_fingerprint: words.fingerprint(profile),
        satisfied: verdict.unmet.is_none(),
        residual_deficit: Some(Resources { resources: rows::quantities(words, &verdict.residual) }),
        claimed_machine_count: count(verdict.claimed),
        bootstrap_count: count(verdict.bootstraps),
        provision_count: count(verdict.provisions),
        same_domain: verdict.domain.map(|domain| words.text(domain).to_owned()).unwrap_or_default(),
        same_satisfiable: verdict.unmet != Some(Unmet::TopologyUnsatisfiable),
        acquisition_parked: verdict.unmet == Some(Unmet::Parked),
        parked_age_cycles: cycles(mark.hopeless_since),
        age_cycles_unmet: cycles(verdict.unmet_since),
        unmet_reason: reason(verdict.unmet).into(),
        matching_supply: Some(MatchingSupply {
            idle: count(matching.idle),
            configured: count(matching.configured),
            speculative: count(matching.speculative),
            // Counted by class: there is no cap.
            capped: false,
        }),
        preemption: Some(PreemptionSummary {
            victims_found: count(verdict.victims),
            capacity_freed: Some(Resources { resources: rows::quantities(words, &verdict.freed) }),
        }),
        same_candidates: verdict.candidates.iter().map(|candidate| coverage(words, candidate)).collect(),
    }
}

fn coverage(words: &Vocabulary, candidate: &Candidate) -> DomainCoverage {
    DomainCoverage {
        domain: words.text(candidate.domain).to_owned(),
        coverage_per_mille: i32::try_from(candidate.coverage_per_mille).unwrap_or(i32::MAX),
        satisfiable: candidate.is_enough,
    }
}

/// Ages of the protocol count cycles of ten seconds; ours are moments.
const STOCK_CYCLE_S: u64 = 10;

fn reason(unmet: Option<Unmet>) -> UnmetReason {
    match unmet {
        None => UnmetReason::Unspecified,
        Some(Unmet::NoMatchingSupply) => UnmetReason::NoMatchingSupply,
        Some(Unmet::TopologyUnsatisfiable | Unmet::Parked) => UnmetReason::TopologyUnsatisfiable,
        Some(Unmet::PreemptionExhausted) => UnmetReason::PreemptionExhausted,
        Some(Unmet::PriorityStarved | Unmet::InFlight) => UnmetReason::PriorityStarved,
    }
}

/// Shard time as the nanoseconds of the protocol. It is no date: shard time begins with the shard.
fn nanos(ms: u64) -> i64 {
    i64::try_from(ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

type Frames = Pin<Box<dyn Stream<Item = Result<InspectNeedsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ShardRead for ShardReadService {
    type InspectNeedsStream = Frames;

    async fn inspect_needs(&self, request: Request<InspectNeedsRequest>) -> Result<Response<Frames>, Status> {
        let one = request.metadata().get(ONE_SHARD).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let shards = one.map_or_else(|| self.shards_of(&request.get_ref().cluster_id), |shard| vec![shard]);
        let mut header = InspectNeedsHeader::default();
        let mut needs = Vec::new();
        for shard in shards {
            let found = self.inspect(&shard, &request).await?;
            header.cycle = header.cycle.max(found.header.cycle);
            header.computed_at_unix_nanos = header.computed_at_unix_nanos.max(found.header.computed_at_unix_nanos);
            header.total_needs = header.total_needs.saturating_add(found.header.total_needs);
            needs.extend(found.needs);
        }
        let precedence = |view: &NeedView| std::cmp::Reverse(view.need.as_ref().map_or(0, |need| need.priority));
        needs.sort_by(|a, b| {
            let key = |view: &NeedView| (precedence(view), view.arrival_unix_nanos);
            key(a).cmp(&key(b)).then_with(|| a.cluster_id.cmp(&b.cluster_id))
        });
        let limit = usize::try_from(request.get_ref().limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let frame = |frame| Ok(InspectNeedsResponse { frame: Some(frame) });
        let needs = stream::iter(needs.into_iter().take(limit)).map(move |need| frame(Frame::Need(need)));
        Ok(Response::new(Box::pin(stream::iter([frame(Frame::Header(header))]).chain(needs))))
    }
}
