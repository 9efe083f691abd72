//! `argosy.v1.MachineHealth`: the policy in force, whether verdicts act, and what is said of the machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_health::Policy;
use argosy_health::policy::DEFAULT;
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::argosy::v1::machine_health_server::MachineHealth;
use argosy_proto::argosy::v1::{
    ClearHealthRequest, ClearHealthResponse, GetHealthRequest, HealthSummary, SetHealthModeRequest,
    SetHealthModeResponse, SetHealthPolicyRequest, SetHealthPolicyResponse,
};
use argosy_shard::Command;
use tonic::{Request, Response, Status};

use super::refusal;
use super::site::{Place, Site, by, commit, passed_on};

/// The service.
#[derive(Clone)]
pub struct HealthService {
    site: Arc<Site>,
}

impl HealthService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[tonic::async_trait]
impl MachineHealth for HealthService {
    async fn get_health(&self, request: Request<GetHealthRequest>) -> Result<Response<HealthSummary>, Status> {
        let replica = match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => replica,
            Place::There(channel) => {
                return MachineHealthClient::new(channel)
                    .get_health(passed_on(request))
                    .await
                    .map_err(refusal::relayed);
            }
        };
        let view = self.site.fresh(&replica).await?;
        let health = view.state.health();
        let mut machines: BTreeMap<String, u64> = BTreeMap::new();
        for (_, kept) in health.iter() {
            *machines.entry(kept.verdict.health.clone()).or_default() += 1;
        }
        Ok(Response::new(HealthSummary {
            as_of: Some(self.site.as_of(&replica, &view, true)),
            acts: health.acts(),
            policy_revision: health.policy().map_or(0, |policy| policy.revision),
            policy: health.policy().map_or(DEFAULT, |policy| policy.text.as_str()).to_owned(),
            machines,
            unfit: health.iter().filter(|(_, kept)| kept.verdict.unfit).count() as u64,
        }))
    }

    async fn set_health_policy(
        &self,
        request: Request<SetHealthPolicyRequest>,
    ) -> Result<Response<SetHealthPolicyResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let text = request.into_inner().policy;
                if !text.is_empty() {
                    Policy::parse("policy", &text).map_err(|error| Status::invalid_argument(error.to_string()))?;
                }
                let revision = commit(&replica, Command::SetHealthPolicy { text, by }).await?;
                Ok(Response::new(SetHealthPolicyResponse { revision }))
            }
            Place::There(channel) => {
                let mut client = MachineHealthClient::new(channel);
                client.set_health_policy(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn set_health_mode(
        &self,
        request: Request<SetHealthModeRequest>,
    ) -> Result<Response<SetHealthModeResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let revision = commit(&replica, Command::SetHealthActs { on: request.get_ref().acts, by }).await?;
                Ok(Response::new(SetHealthModeResponse { revision }))
            }
            Place::There(channel) => {
                let mut client = MachineHealthClient::new(channel);
                client.set_health_mode(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn clear_health(
        &self,
        request: Request<ClearHealthRequest>,
    ) -> Result<Response<ClearHealthResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let machine = request.into_inner().machine;
                if self.site.fresh(&replica).await?.state.fleet().find(&machine).is_none() {
                    return Err(refusal::unknown_machine(&machine));
                }
                commit(&replica, Command::Audit { act: format!("clear the health of {machine}"), by }).await?;
                let leader = replica.leader().ok_or_else(refusal::no_leader)?;
                leader.health().clear(&machine).await.map_err(|error| Status::unavailable(error.to_string()))?;
                let verdict = leader.health().verdict(&machine).map(|verdict| verdict.line()).unwrap_or_default();
                Ok(Response::new(ClearHealthResponse { verdict }))
            }
            Place::There(channel) => {
                let mut client = MachineHealthClient::new(channel);
                client.clear_health(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }
}
