//! `argosy.v1.MachineRepair`: what is in repair and what it waits for, the policy in force, and what people order by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::{Duration, MachineIx, ShardTime};
use argosy_proto::argosy::v1::machine_repair_client::MachineRepairClient;
use argosy_proto::argosy::v1::machine_repair_server::MachineRepair;
use argosy_proto::argosy::v1::{
    AsOf, GetRepairsRequest, HoldRepairRequest, OpenBreaker, RepairChanged, RepairHold, RepairNowRequest, RepairRow,
    RepairSummary, ResetBreakerRequest, SetRepairPolicyRequest, UsedBudget,
};
use argosy_repair::{Class, Counts, Domain, Scope, Situation, wait};
use argosy_shard::{Command, ShardState};
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};
use crate::leader::wall_clock;

/// The service.
#[derive(Clone)]
pub struct RepairService {
    site: Arc<Site>,
}

impl RepairService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl MachineRepair for RepairService {
    async fn get_repairs(&self, request: Request<GetRepairsRequest>) -> Result<Response<RepairSummary>, Status> {
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let view = self.site.fresh(&replica).await?;
                let as_of = self.site.as_of(&replica, &view, true);
                let now = replica.leader().map_or(view.state.now(), |leader| leader.now());
                Ok(Response::new(summary(&view.state, now, as_of)))
            }
            Place::There(channel) => {
                MachineRepairClient::new(channel).get_repairs(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn set_repair_policy(
        &self,
        request: Request<SetRepairPolicyRequest>,
    ) -> Result<Response<RepairChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let text = &request.get_ref().policy;
                let parse = || argosy_repair::parse("policy", text).map(Box::new);
                let policy = (!text.is_empty()).then(parse).transpose();
                let policy = policy.map_err(|error| Status::invalid_argument(error.to_string()))?;
                changed(commit(&replica, Command::SetRepairPolicy { policy, by }).await?)
            }
            Place::There(channel) => {
                MachineRepairClient::new(channel).set_repair_policy(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn hold_repair(&self, request: Request<HoldRepairRequest>) -> Result<Response<RepairChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let HoldRepairRequest { machine, for_ms, .. } = request.into_inner();
                let span = Duration(for_ms);
                changed(commit(&replica, Command::HoldRepair { machine, span, by }).await?)
            }
            Place::There(channel) => {
                MachineRepairClient::new(channel).hold_repair(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn repair_now(&self, request: Request<RepairNowRequest>) -> Result<Response<RepairChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        let class = request.get_ref().class.parse::<Class>();
        let class = class.map_err(|error| Status::invalid_argument(format!("ARG-1023: {error}")))?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let machine = request.into_inner().machine;
                changed(commit(&replica, Command::RepairNow { machine, class, by }).await?)
            }
            Place::There(channel) => {
                MachineRepairClient::new(channel).repair_now(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn reset_breaker(&self, request: Request<ResetBreakerRequest>) -> Result<Response<RepairChanged>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        let domain = domain(request.get_ref())?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => changed(commit(&replica, Command::ResetBreaker { domain, by }).await?),
            Place::There(channel) => {
                MachineRepairClient::new(channel).reset_breaker(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}

fn changed(revision: u64) -> Result<Response<RepairChanged>, Status> {
    Ok(Response::new(RepairChanged { revision }))
}

fn domain(request: &ResetBreakerRequest) -> Result<Option<Domain>, Status> {
    if request.scope.is_empty() {
        return Ok(None);
    }
    let scope = Scope::ALL.into_iter().find(|scope| scope.name() == request.scope);
    let unknown =
        || Status::invalid_argument("ARG-1023: a breaker is per shard, cluster, pool, zone or rack; name one of these");
    Ok(Some(Domain { scope: scope.ok_or_else(unknown)?, name: request.name.as_str().into() }))
}

fn summary(state: &ShardState, now: ShardTime, as_of: AsOf) -> RepairSummary {
    let (repairs, id) = (state.repairs(), |machine: MachineIx| state.fleet().id(machine).to_owned());
    let holds = repairs.book().holds(now).map(|(machine, hold)| RepairHold {
        machine: id(machine),
        left_ms: hold.until.since(now).0,
        actor: hold.actor.clone(),
        reason: hold.reason.clone(),
    });
    let (rows, breakers, budgets) = state.look_at_repairs(now, wall_clock(), |at| looked_at(at, &id));
    RepairSummary {
        as_of: Some(as_of),
        acts: state.health().acts(),
        policy_revision: repairs.revision(),
        policy: argosy_repair::file::to_yaml(repairs.policy()),
        repairs: rows,
        breakers,
        budgets,
        holds: holds.collect(),
        counts: counts(repairs.book().counts()),
    }
}

/// Repairs with what they wait for, open breakers, and used budgets, as the next decision will see them.
fn looked_at(
    at: &Situation<'_>,
    id: &dyn Fn(MachineIx) -> String,
) -> (Vec<RepairRow>, Vec<OpenBreaker>, Vec<UsedBudget>) {
    let gate = at.gate();
    let rows = at.book.repairs().filter_map(|(machine, repair)| {
        let wait = wait(at, &gate, machine)?;
        Some(RepairRow {
            machine: id(machine),
            class: repair.class.name().to_owned(),
            step: repair.step.name().to_owned(),
            waits_for: wait.name().to_owned(),
            waits: wait.text(at.now),
            reason: repair.reason.clone(),
            age_ms: at.now.since(repair.since).0,
            attempts: repair.attempts,
            failure: repair.failure.clone(),
            ordered_by: repair.ordered.as_ref().map(|order| order.actor.clone()).unwrap_or_default(),
        })
    });
    let breakers = gate.open().iter().map(|(domain, trip)| OpenBreaker {
        scope: domain.scope.name().to_owned(),
        name: domain.name.to_string(),
        found: trip.found,
        of: trip.of,
        age_ms: at.now.since(trip.at).0,
        closes_in_ms: trip.until.map(|until| until.since(at.now).0),
    });
    let budgets = gate.budgets().map(|(budget, domain, used, of)| UsedBudget {
        budget: u32::try_from(budget).unwrap_or(u32::MAX),
        scope: domain.scope.name().to_owned(),
        name: domain.name.to_string(),
        used,
        of,
    });
    (rows.collect(), breakers.collect(), budgets.collect())
}

fn counts(counts: &Counts) -> BTreeMap<String, u64> {
    let Counts { opened, admitted, orders, failed, recovered, repaired, replaced, quarantined, gone, trips } = *counts;
    let named = [
        ("opened", opened),
        ("admitted", admitted),
        ("orders", orders),
        ("failed", failed),
        ("recovered", recovered),
        ("repaired", repaired),
        ("replaced", replaced),
        ("quarantined", quarantined),
        ("gone", gone),
        ("trips", trips),
    ];
    named.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
