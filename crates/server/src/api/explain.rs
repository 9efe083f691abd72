//! Explanations and what-ifs of `argosy.v1.Fleet`: the engine asked about a snapshot, and never on the shard's own threads.
//!
//! The answers leave in the form that docs/reference/explain.md describes. They are about the state that `as_of` names: what
//! the engine decides from it at the present moment. Only the plan is that of the leader's last cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_engine::Explainer;
use argosy_engine::explain::{Filter, PlanDiff, PlanExplanation};
use argosy_engine::whatif::{NeedSelector, Scenario, ScenarioError, what_if};
use argosy_model::{NeedKey, ShardTime};
use argosy_proto::argosy::v1::{
    AsOf, ExplainMachineRequest, ExplainMachineResponse, ExplainNeedsRequest, ExplainNeedsResponse, ExplainPlanRequest,
    ExplainPlanResponse, WhatIfRequest, WhatIfResponse,
};
use serde::Serialize;
use tonic::{Request, Response, Status};

use super::fleet::{FleetService, Source};
use super::refusal;
use super::site::passed_on;
use crate::leader::Decided;
use crate::replica::{Replica, View};

/// Needs that are explained when the caller does not say how many.
const NEEDS: u32 = 16;
/// Most needs that are explained at once.
const MOST_NEEDS: u32 = 100;
/// Most runs of the engine for one request.
const MOST_RUNS: u32 = 64;
/// Least runs that are granted, however large the shard is.
const LEAST_RUNS: u32 = 4;
/// Classes and needs that all runs of one request may look at, taken together.
const RUN_BUDGET: usize = 20_000_000;
/// Largest scenario, bytes.
const LARGEST_SCENARIO: usize = 1 << 20;

/// The present moment as a replica knows it.
fn now(replica: &Replica, view: &View) -> ShardTime {
    let leader = replica.leader();
    leader.map_or(view.state.now(), |leader| leader.now().max(view.state.now()))
}

fn json(value: &impl Serialize) -> Result<String, Status> {
    serde_json::to_string(value).map_err(|error| refusal::not_explained(&error))
}

impl FleetService {
    pub(super) async fn explain_needs(
        &self,
        request: Request<ExplainNeedsRequest>,
    ) -> Result<Response<ExplainNeedsResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                let at = now(&replica, &view);
                let ask = request.into_inner();
                let (needs_json, total) = self.studies.work_out(move || needs(&view, at, ask)).await??;
                Ok(Response::new(ExplainNeedsResponse { as_of, needs_json, total }))
            }
            Source::Elsewhere(mut client) => client.explain_needs(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    pub(super) async fn explain_machine(
        &self,
        request: Request<ExplainMachineRequest>,
    ) -> Result<Response<ExplainMachineResponse>, Status> {
        if !request.get_ref().shard.is_empty() {
            return self.explain_machine_of(request).await;
        }
        for shard in &self.site.placement.shards {
            let one = ExplainMachineRequest { shard: shard.id.to_string(), ..request.get_ref().clone() };
            let mut next = Request::new(one);
            *next.extensions_mut() = request.extensions().clone();
            match self.explain_machine_of(next).await {
                Err(status) if status.code() == tonic::Code::NotFound => {}
                answer => return answer,
            }
        }
        Err(refusal::unknown_machine(&request.get_ref().machine))
    }

    async fn explain_machine_of(
        &self,
        request: Request<ExplainMachineRequest>,
    ) -> Result<Response<ExplainMachineResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let ix = view.state.fleet().find(&ask.machine).ok_or_else(|| refusal::unknown_machine(&ask.machine))?;
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                let at = now(&replica, &view);
                let explain = move || Explainer::of(&view.state.view(at)).machine(ix);
                let explanation = self.studies.work_out(explain).await?;
                let machine_json = json(&explanation)?;
                Ok(Response::new(ExplainMachineResponse { as_of, machine_json }))
            }
            Source::Elsewhere(mut client) => client.explain_machine(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    pub(super) async fn explain_plan(
        &self,
        request: Request<ExplainPlanRequest>,
    ) -> Result<Response<ExplainPlanResponse>, Status> {
        let ask = request.get_ref();
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let leader = replica.leader();
                let answer = match leader.as_ref().and_then(|leader| leader.decided()) {
                    Some(decided) => {
                        let as_of = self.site.as_of(&replica, &decided.view, fresh);
                        self.studies.work_out(move || last_plan(as_of, &decided)).await??
                    }
                    None => {
                        let (as_of, at) = (self.site.as_of(&replica, &view, fresh), now(&replica, &view));
                        self.studies.work_out(move || next_plan(as_of, &view, at)).await??
                    }
                };
                Ok(Response::new(answer))
            }
            Source::Elsewhere(mut client) => client.explain_plan(passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    pub(super) async fn try_scenario(
        &self,
        request: Request<WhatIfRequest>,
    ) -> Result<Response<WhatIfResponse>, Status> {
        let ask = request.get_ref();
        if ask.scenario_json.len() > LARGEST_SCENARIO {
            return Err(refusal::bad_scenario(&"it is larger than 1 MiB"));
        }
        let scenario: Scenario =
            serde_json::from_str(&ask.scenario_json).map_err(|error| refusal::bad_scenario(&error))?;
        scenario.check().map_err(|error| refusal::bad_scenario(&error))?;
        match self.source(&ask.shard, ask.freshness, &request).await? {
            Source::View { replica, view, fresh } => {
                let as_of = Some(self.site.as_of(&replica, &view, fresh));
                let at = now(&replica, &view);
                let outcome = self.studies.work_out(move || what_if(&view.state.view(at), &scenario)).await?;
                let outcome = outcome.map_err(|error: ScenarioError| refusal::bad_scenario(&error))?;
                Ok(Response::new(WhatIfResponse { as_of, outcome_json: json(&outcome)? }))
            }
            Source::Elsewhere(mut client) => client.what_if(passed_on(request)).await.map_err(refusal::relayed),
        }
    }
}

/// The explanations of the needs that are asked for, and how many those are.
fn needs(view: &View, at: ShardTime, ask: ExplainNeedsRequest) -> Result<(Vec<String>, u64), Status> {
    let state = &view.state;
    let (cluster, priority) = (ask.cluster, ask.priority);
    let selector = NeedSelector { cluster, group: ask.group, priority, fingerprint: ask.fingerprint };
    let picked = selector.pick(&state.view(at));
    let explainer = Explainer::of(&state.view(at));
    let short: BTreeSet<NeedKey> =
        explainer.decision().shortfalls().flat_map(|verdict| verdict.rows.iter().copied()).collect();
    let picked: Vec<NeedKey> = picked.into_iter().filter(|key| !ask.only_short || short.contains(key)).collect();
    if picked.is_empty() {
        return Err(refusal::unknown_need(&selector.cluster));
    }
    let limit = if ask.limit == 0 { NEEDS } else { ask.limit.min(MOST_NEEDS) };
    let size = state.fleet().classes().iter().count() + state.demand().len();
    let granted = u32::try_from(RUN_BUDGET / size.max(1)).unwrap_or(u32::MAX).clamp(LEAST_RUNS, MOST_RUNS);
    let mut runs = ask.runs.min(granted);
    let mut explanations = Vec::new();
    for key in picked.iter().take(limit as usize) {
        let explained = if runs > 0 { explainer.need_with_remedies(key, runs) } else { explainer.need(key) };
        let Some(mut explanation) = explained else { continue };
        runs -= explanation.search.map_or(0, |search| search.runs);
        if let Some(held_back) = explanation.removed.iter_mut().find(|removed| removed.filter == Filter::HeldBack) {
            held_back.detail = state.lanes_passed_by(key.profile, at).join("; ");
        }
        explanations.push(json(&explanation)?);
    }
    Ok((explanations, picked.len() as u64))
}

/// The plan of the leader's last cycle, with what became of it.
fn last_plan(as_of: AsOf, decided: &Arc<Decided>) -> Result<ExplainPlanResponse, Status> {
    let state = &decided.view.state;
    let mut explanation = PlanExplanation::of(&state.view(decided.at), &decided.decision);
    explanation.diff = decided.before.as_ref().map(|(before, decision)| {
        PlanDiff::between((before.state.fleet(), decision), (state.fleet(), &decided.decision))
    });
    let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
    for (_, why) in &decided.taken.dropped {
        *dropped.entry(why.name().to_owned()).or_default() += 1;
    }
    Ok(ExplainPlanResponse { as_of: Some(as_of), cycle: decided.cycle, plan_json: json(&explanation)?, dropped })
}

/// The plan that a replica's state would lead to.
fn next_plan(as_of: AsOf, view: &View, at: ShardTime) -> Result<ExplainPlanResponse, Status> {
    let plan_json = json(&Explainer::of(&view.state.view(at)).plan())?;
    Ok(ExplainPlanResponse { as_of: Some(as_of), cycle: 0, plan_json, dropped: BTreeMap::new() })
}
