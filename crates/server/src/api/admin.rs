//! `argosy.v1.Admin`: rails, machines, membership, snapshots. Every change names its author and reason; the log keeps both.

use std::sync::Arc;
use std::time::Duration;

use argosy_failpoint::{Failpoint, Planted, pause, planted};
use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::admin_server::Admin;
use argosy_proto::argosy::v1::{
    ChangeMemberRequest, ChangeMemberResponse, NodeStatusRequest, NodeStatusResponse, ResumeShardRequest,
    ResumeShardResponse, SetCordonRequest, SetCordonResponse, SetRailsRequest, SetRailsResponse, ShardStatus,
    TakeSnapshotRequest, TakeSnapshotResponse,
};
use argosy_raft::{Group, MembershipError, NodeId};
use argosy_shard::{By, Command};
use tokio::sync::Mutex;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::site::{COORDINATOR, Place, Site, by, caller, commit, is_forwarded, members, passed_on};
use super::{refusal, rows};
use crate::replica::Replica;

/// Everything in parts per million; a cap as high as this is no cap.
const WHOLE_PPM: u32 = 1_000_000;
/// How late a change of settings may be at a failpoint: longer than an election.
const LATE: Duration = Duration::from_secs(2);

/// The service.
#[derive(Clone)]
pub struct AdminService {
    site: Arc<Site>,
    /// Held while rails are read, changed and committed: a change names some of them and keeps the others as they are. Whoever asked for a change
    /// may leave before it is known to be made or not; it is held until then nevertheless.
    settings: Arc<Mutex<()>>,
}

impl AdminService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site, settings: Arc::default() }
    }

    async fn set_rails_here(
        &self,
        replica: &Replica,
        ask: &SetRailsRequest,
        by: By,
    ) -> Result<SetRailsResponse, Status> {
        let alone = match planted(Planted::UpdateLost) {
            true => None,
            false => Some(Arc::clone(&self.settings).lock_owned().await),
        };
        // Taken before the settings are read: what this leadership has read, only this leadership can commit.
        let leader = replica.leader().ok_or_else(refusal::no_leader)?;
        let view = self.site.fresh(replica).await?;
        let mut settings = view.state.settings().clone();
        let policy = &mut settings.policy;
        policy.kill_switch = ask.kill_switch.unwrap_or(policy.kill_switch);
        policy.dry_run = ask.dry_run.unwrap_or(policy.dry_run);
        policy.empty_rollup_guard = ask.empty_rollup_guard.unwrap_or(policy.empty_rollup_guard);
        if let Some(ppm) = ask.reclaim_cap_ppm {
            policy.reclaim_cap_ppm = (ppm != WHOLE_PPM).then_some(ppm);
        }
        settings.check().map_err(refusal::bad_setting)?;
        if let Some(pause) = pause(Failpoint::SettingsLate, LATE) {
            tokio::time::sleep(pause).await;
        }
        let change = Command::SetSettings { settings: Box::new(settings), by };
        let committing = async move {
            let committed = leader.commit(change).await;
            drop(alone);
            committed
        };
        let committed = tokio::spawn(committing).await.map_err(|ended| refusal::outcome_unknown(&ended))?;
        let committed = committed.map_err(|error| refusal::not_committed(&error))?;
        Ok(SetRailsResponse { rails: Some(rows::rails(&replica.view().state)), revision: committed.index })
    }

    /// Runs a change of members on the group's leader, here or elsewhere.
    async fn change<F>(&self, request: Request<ChangeMemberRequest>, change: Change, elsewhere: F) -> Answer
    where
        F: AsyncFnOnce(AdminClient<Channel>, Request<ChangeMemberRequest>) -> Answer,
    {
        let (group_name, node) = (request.get_ref().group.clone(), self.site.number(&request.get_ref().node)?);
        let group = self.site.group(&group_name)?.clone();
        if let Some(channel) = self.site.leader(&group, is_forwarded(&request)).await? {
            return elsewhere(AdminClient::new(channel), passed_on(request)).await.map_err(refusal::relayed);
        }
        tracing::warn!(
            audit = true,
            who = caller(&request),
            group = group_name,
            node = request.get_ref().node,
            ?change,
            "membership change asked for"
        );
        let force = request.get_ref().force;
        change.carry_out(&group, node, force).await.map_err(|error| refusal::membership(&error))?;
        let status = Some(group_status(&self.site, &group_name, &group));
        Ok(Response::new(ChangeMemberResponse { status }))
    }
}

type Answer = Result<Response<ChangeMemberResponse>, Status>;

/// What is to be done to a group's members.
#[derive(Clone, Copy, Debug)]
enum Change {
    AddLearner,
    Promote,
    Remove,
    Transfer,
}

impl Change {
    async fn carry_out(self, group: &Group, node: NodeId, force: bool) -> Result<(), MembershipError> {
        match self {
            Self::AddLearner => group.add_learner(node).await,
            Self::Promote => group.promote(node).await,
            Self::Remove if force => group.remove_by_force(node).await,
            Self::Remove => group.remove(node).await,
            Self::Transfer => group.transfer_leader(node).await,
        }
    }
}

fn group_status(site: &Site, name: &str, group: &Group) -> ShardStatus {
    let status = group.status();
    let (voters, learners) = members(site, &status);
    let home = site.placement.shards.iter().find(|shard| shard.id.as_str() == name);
    ShardStatus {
        shard: name.to_owned(),
        home_region: home.map(|shard| shard.home_region.to_string()).unwrap_or_default(),
        leader: status.leadership.leader.map(|node| site.name(node)).unwrap_or_default(),
        term: status.leadership.term,
        committed: status.committed,
        applied: status.applied,
        voters,
        learners,
        halted: status.halted.unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn set_rails(&self, request: Request<SetRailsRequest>) -> Result<Response<SetRailsResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => self.set_rails_here(&replica, request.get_ref(), by).await.map(Response::new),
            Place::There(channel) => {
                AdminClient::new(channel).set_rails(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn set_cordon(&self, request: Request<SetCordonRequest>) -> Result<Response<SetCordonResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                let SetCordonRequest { machine, cordoned, .. } = request.into_inner();
                if self.site.fresh(&replica).await?.state.fleet().find(&machine).is_none() {
                    return Err(refusal::unknown_machine(&machine));
                }
                let revision = commit(&replica, Command::Cordon { machine, on: cordoned, by }).await?;
                Ok(Response::new(SetCordonResponse { revision }))
            }
            Place::There(channel) => {
                AdminClient::new(channel).set_cordon(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn resume_shard(
        &self,
        request: Request<ResumeShardRequest>,
    ) -> Result<Response<ResumeShardResponse>, Status> {
        let by = by(&request, &request.get_ref().reason)?;
        match self.site.place(&request.get_ref().shard, &request).await? {
            Place::Here(replica) => {
                if self.site.fresh(&replica).await?.state.halted().is_none() {
                    return Err(refusal::not_halted(replica.name()));
                }
                let revision = commit(&replica, Command::Resume { by }).await?;
                Ok(Response::new(ResumeShardResponse { revision }))
            }
            Place::There(channel) => {
                AdminClient::new(channel).resume_shard(passed_on(request)).await.map_err(refusal::relayed)
            }
        }
    }

    async fn add_learner(&self, request: Request<ChangeMemberRequest>) -> Answer {
        self.change(request, Change::AddLearner, async |mut client, request| client.add_learner(request).await).await
    }

    async fn promote_voter(&self, request: Request<ChangeMemberRequest>) -> Answer {
        self.change(request, Change::Promote, async |mut client, request| client.promote_voter(request).await).await
    }

    async fn remove_member(&self, request: Request<ChangeMemberRequest>) -> Answer {
        self.change(request, Change::Remove, async |mut client, request| client.remove_member(request).await).await
    }

    async fn transfer_leader(&self, request: Request<ChangeMemberRequest>) -> Answer {
        self.change(request, Change::Transfer, async |mut client, request| client.transfer_leader(request).await).await
    }

    async fn take_snapshot(
        &self,
        request: Request<TakeSnapshotRequest>,
    ) -> Result<Response<TakeSnapshotResponse>, Status> {
        let group = self.site.group(&request.get_ref().group)?;
        let revision = group.snapshot_now().await.map_err(|error| refusal::snapshot(&error))?;
        Ok(Response::new(TakeSnapshotResponse { revision }))
    }

    async fn node_status(&self, _: Request<NodeStatusRequest>) -> Result<Response<NodeStatusResponse>, Status> {
        let site = &self.site;
        let coordinator = site.coordinator.iter().map(|c| group_status(site, COORDINATOR, c.group()));
        let shards = site.shards.iter().map(|replica| group_status(site, replica.name(), replica.group()));
        let counters = site.store.counters();
        Ok(Response::new(NodeStatusResponse {
            node: site.node.id.to_string(),
            region: site.node.region.to_string(),
            zone: site.node.zone.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            groups: coordinator.chain(shards).collect(),
            acknowledged_writes: counters.acknowledged,
            synced_writes: counters.synced,
            syncs: counters.syncs,
            resident_bytes: resident_bytes(),
        }))
    }
}

/// Memory of this process that is in RAM, bytes; 0 where the system does not say. Source: proc_pid_statm(5).
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}
