//! What people and tools ask of a node: reads, administration, stepping. Any node takes any request; what concerns a
//! shard that another node leads is passed on to it once.
//!
//! Nothing here decides, and nothing here writes but through the log of the shard or the membership of its group.

mod admin;
mod agents;
mod consolidation;
mod explain;
mod fleet;
mod health;
mod lanes;
mod lockstep;
mod notify;
mod pools;
mod recent;
mod refusal;
mod repair;
mod rows;
mod shard_read;
mod site;
mod study;
mod tokens;

pub use admin::AdminService;
pub use agents::AgentService;
pub use consolidation::ConsolidationService;
pub use fleet::FleetService;
pub use health::HealthService;
pub use lanes::LaneService;
pub use lockstep::LockstepService;
pub use notify::NotificationService;
pub use pools::PoolService;
pub use repair::RepairService;
pub use shard_read::ShardReadService;
pub use site::{COORDINATOR, FORWARDED, Site};
pub use tokens::TokenService;

use std::sync::Arc;

use argosy_proto::argosy::v1::admin_server::AdminServer;
use argosy_proto::argosy::v1::consolidation_server::ConsolidationServer;
use argosy_proto::argosy::v1::fleet_server::FleetServer;
use argosy_proto::argosy::v1::join_tokens_server::JoinTokensServer;
use argosy_proto::argosy::v1::lanes_server::LanesServer;
use argosy_proto::argosy::v1::lockstep_server::LockstepServer;
use argosy_proto::argosy::v1::machine_health_server::MachineHealthServer;
use argosy_proto::argosy::v1::machine_repair_server::MachineRepairServer;
use argosy_proto::argosy::v1::node_agents_server::NodeAgentsServer;
use argosy_proto::argosy::v1::notifications_server::NotificationsServer;
use argosy_proto::argosy::v1::pools_server::PoolsServer;
use argosy_proto::bigfleet::v1alpha1::shard_read_server::ShardReadServer;
use tonic::service::RoutesBuilder;

/// Mounts every service of this module.
pub fn mount(routes: &mut RoutesBuilder, site: &Arc<Site>) {
    routes
        .add_service(FleetServer::new(FleetService::new(Arc::clone(site))))
        .add_service(AdminServer::new(AdminService::new(Arc::clone(site))))
        .add_service(PoolsServer::new(PoolService::new(Arc::clone(site))))
        .add_service(LanesServer::new(LaneService::new(Arc::clone(site))))
        .add_service(ConsolidationServer::new(ConsolidationService::new(Arc::clone(site))))
        .add_service(MachineHealthServer::new(HealthService::new(Arc::clone(site))))
        .add_service(MachineRepairServer::new(RepairService::new(Arc::clone(site))))
        .add_service(NotificationsServer::new(NotificationService::new(Arc::clone(site))))
        .add_service(NodeAgentsServer::new(AgentService::new(Arc::clone(site))))
        .add_service(JoinTokensServer::new(TokenService::new(Arc::clone(site))))
        .add_service(LockstepServer::new(LockstepService::new(Arc::clone(site))))
        .add_service(ShardReadServer::new(ShardReadService::new(Arc::clone(site))));
}
