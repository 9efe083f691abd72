//! Simulated clusters: demand that follows the workload catalogue, sent through real operators' sessions.

use std::sync::Arc;
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::{BootstrapRequest, ReclaimInstruction};
use argosy_workload::catalogue::Catalogue;
use argosy_workload::cluster::{Course, SimulatedCluster};
use argosy_workload::fleet::ClusterPlan;
use argosy_workload::session::{BootstrapBlob, ClusterSide, OperatorSession, SessionConfig};
use tokio::time::Instant;

use crate::blueprint::Blueprint;
use crate::clients::Clients;
use crate::error::FleetError;

/// The clusters of a local fleet, each with its session.
#[derive(Debug)]
pub struct Clusters {
    members: Vec<Member>,
    started: Instant,
}

#[derive(Debug)]
struct Member {
    cluster: SimulatedCluster,
    session: OperatorSession,
    submitted: bool,
}

/// What the clusters have sent and been told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Pods that ask for capacity now.
    pub pods: u64,
    /// Roll-ups that were acknowledged.
    pub rollups_acknowledged: u64,
    /// Connections that came to something.
    pub greetings: u64,
}

/// The side of a cluster that has no nodes: it hands out a blob and drains at once.
#[derive(Debug)]
pub struct Obliging;

impl ClusterSide for Obliging {
    fn bootstrap(&self, request: &BootstrapRequest) -> Result<BootstrapBlob, String> {
        let user_data = format!("#cloud-config\n# joins {}\n", request.cluster_id).into_bytes();
        Ok(BootstrapBlob { user_data, ttl_seconds: 3_600 })
    }

    fn reclaim(&self, instruction: &ReclaimInstruction) -> impl Future<Output = usize> + Send {
        std::future::ready(instruction.nodes.len())
    }
}

impl Clusters {
    /// Starts every cluster of the plan.
    pub fn start(
        plans: &[ClusterPlan],
        catalogue: &Arc<Catalogue>,
        course: &Course,
        blueprint: &Blueprint,
        clients: &Clients,
    ) -> Result<Self, FleetError> {
        let seed = blueprint.sizing.seed;
        let member = |plan: &ClusterPlan| {
            let cluster = SimulatedCluster::new(plan.clone(), course.clone(), Arc::clone(catalogue), seed);
            let session = session(&plan.id, blueprint, clients)?;
            Ok(Member { cluster, session, submitted: false })
        };
        let members = plans.iter().map(member).collect::<Result<_, FleetError>>()?;
        Ok(Self { members, started: Instant::now() })
    }

    /// Lets the time that has passed since the start happen in every cluster, and sends what changed.
    pub fn tick(&mut self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stamp = i64::try_from(Duration::from_millis(now_ms).as_nanos()).unwrap_or(i64::MAX);
        for member in &mut self.members {
            let activity = member.cluster.advance(now_ms);
            if activity != Default::default() || !member.submitted {
                member.session.submit(member.cluster.rollup(stamp));
                member.submitted = true;
            }
        }
    }

    /// What has been sent and acknowledged.
    pub fn traffic(&self) -> Traffic {
        self.members.iter().fold(Traffic::default(), |sum, member| {
            let counts = member.session.counts();
            Traffic {
                pods: sum.pods + member.cluster.pods(),
                rollups_acknowledged: sum.rollups_acknowledged + counts.rollups_acknowledged,
                greetings: sum.greetings + counts.greetings_acknowledged,
            }
        })
    }
}

/// An operator's session of `cluster` with a fleet, over the certificate of that cluster.
pub fn session(cluster: &str, blueprint: &Blueprint, clients: &Clients) -> Result<OperatorSession, FleetError> {
    let addresses = blueprint.nodes.iter().map(|node| node.id.clone()).collect();
    let config = SessionConfig::new(cluster, addresses, blueprint.sizing.seed);
    let connect = clients.dialler(cluster)?;
    Ok(OperatorSession::start(config, connect, Arc::new(Obliging)))
}
