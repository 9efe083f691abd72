//! The services that every gRPC server is expected to have: health and reflection.

use std::time::Duration;

use argosy_proto::FILE_DESCRIPTOR_SET;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::RoutesBuilder;
use tonic_health::ServingStatus;

use super::error::NodeError;
use super::monitor::Health;

/// How often the health service looks again.
const EVERY: Duration = Duration::from_secs(1);

/// Mounts `grpc.health.v1.Health` (serving exactly while `/readyz` says ready) and `grpc.reflection.v1`.
pub(super) fn mount_standard(
    routes: &mut RoutesBuilder,
    health: Health,
    work: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<(), NodeError> {
    let (reporter, service) = tonic_health::server::health_reporter();
    let stopping = stopping.clone();
    work.spawn(async move {
        loop {
            let serving = health.reasons().is_empty();
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            reporter.set_service_status("", status).await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stopping.cancelled() => break,
            }
        }
        reporter.set_service_status("", ServingStatus::NotServing).await;
    });
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| NodeError::Descriptors(error.to_string()))?;
    routes.add_service(service).add_service(reflection);
    Ok(())
}
