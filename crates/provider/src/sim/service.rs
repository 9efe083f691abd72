//! CapacityProvider over the simulated fleet.

use std::time::Duration;

use argosy_proto::argosy::v1::OperationTag;
use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProvider;
use argosy_proto::bigfleet::v1alpha1::{
    ConfigureRequest, CreateRequest, DeleteRequest, DrainRequest, ListFilter, Machine, MachineList, MachineRef,
    TransitionAck,
};
use tonic::{Request, Response, Status};

use super::fence::Token;
use super::runtime::Handle;
use super::world::{Answer, Ask, Call, Lost, Refused};

/// The standard trailer in which gRPC servers say how long to wait.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) fleet: Handle,
}

impl Provider {
    async fn mutate(&self, call: Call) -> Result<Response<TransitionAck>, Status> {
        let Answer { ack, lost, delay_ms } = self.fleet.run(move |world| world.mutate(call)).await?.map_err(status)?;
        match lost {
            Some(Lost::Error) => return Err(Status::unavailable("the connection to the cloud broke off")),
            Some(Lost::Silence) => {
                self.fleet.stopping().cancelled().await;
                return Err(Status::unavailable("the provider is stopping"));
            }
            None => {}
        }
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        Ok(Response::new(ack))
    }
}

fn status(refused: Refused) -> Status {
    match refused {
        Refused::Invalid(what) => Status::invalid_argument(what),
        Refused::Fenced => {
            Status::failed_precondition("fenced: a newer token of this shard has been seen for this machine")
        }
        Refused::NotFound => Status::not_found("no such machine"),
        Refused::OutOfPosition(what) => Status::internal(what),
        Refused::Unavailable => Status::unavailable("the cloud does not answer"),
        Refused::Throttled { pause_ms } => {
            let mut status = Status::resource_exhausted("too many calls; slow down");
            status.metadata_mut().insert(PUSHBACK, pause_ms.into());
            status
        }
    }
}

fn call(machine_id: String, ask: Ask, fence: (String, i64, i64), tag: Option<OperationTag>) -> Call {
    let token = Token { shard: fence.0, epoch: fence.1, sequence: fence.2 };
    Call { machine_id, ask, token, tag: tag.unwrap_or_default() }
}

#[tonic::async_trait]
impl CapacityProvider for Provider {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<TransitionAck>, Status> {
        let ask = request.into_inner();
        let fence = (ask.shard_id, ask.shard_epoch, ask.sequence_number);
        self.mutate(call(ask.machine_id, Ask::Create, fence, ask.argosy)).await
    }

    async fn configure(&self, request: Request<ConfigureRequest>) -> Result<Response<TransitionAck>, Status> {
        let ask = request.into_inner();
        let fence = (ask.shard_id, ask.shard_epoch, ask.sequence_number);
        let blob_bytes = ask.bootstrap_blob.len();
        let configure = Ask::Configure { cluster: ask.cluster_id, metadata: ask.shard_metadata, blob_bytes };
        self.mutate(call(ask.machine_id, configure, fence, ask.argosy)).await
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<TransitionAck>, Status> {
        let ask = request.into_inner();
        let fence = (ask.shard_id, ask.shard_epoch, ask.sequence_number);
        let drain = Ask::Drain { grace_s: ask.grace_period_seconds };
        self.mutate(call(ask.machine_id, drain, fence, ask.argosy)).await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<TransitionAck>, Status> {
        let ask = request.into_inner();
        let fence = (ask.shard_id, ask.shard_epoch, ask.sequence_number);
        self.mutate(call(ask.machine_id, Ask::Delete, fence, ask.argosy)).await
    }

    async fn get(&self, request: Request<MachineRef>) -> Result<Response<Machine>, Status> {
        let id = request.into_inner().id;
        if id.is_empty() {
            return Err(Status::invalid_argument("id must not be empty"));
        }
        let machine = self.fleet.run(move |world| world.get(&id)).await?;
        machine.map(Response::new).ok_or_else(|| status(Refused::NotFound))
    }

    async fn list(&self, request: Request<ListFilter>) -> Result<Response<MachineList>, Status> {
        let filter = request.into_inner();
        self.fleet.run(move |world| world.list(&filter)).await.map(Response::new)
    }
}
