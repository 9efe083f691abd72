//! CapacityProvider over the simulated fleet.

use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProvider;
use argosy_proto::bigfleet::v1alpha1::{
    ConfigureRequest, CreateRequest, DeleteRequest, DrainRequest, ListFilter, Machine, MachineList, MachineRef,
    TransitionAck,
};
use tonic::{Request, Response, Status};

use super::runtime::Handle;
use super::world::{Answer, Lost};
use crate::contract::{Call, Refused};

#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) fleet: Handle,
}

impl Provider {
    async fn mutate(&self, call: Call) -> Result<Response<TransitionAck>, Status> {
        let Answer { ack, lost, delay_ms } = self.fleet.run(move |world| world.mutate(call)).await??;
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

#[tonic::async_trait]
impl CapacityProvider for Provider {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<TransitionAck>, Status> {
        self.mutate(request.into_inner().into()).await
    }

    async fn configure(&self, request: Request<ConfigureRequest>) -> Result<Response<TransitionAck>, Status> {
        self.mutate(request.into_inner().into()).await
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<TransitionAck>, Status> {
        self.mutate(request.into_inner().into()).await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<TransitionAck>, Status> {
        self.mutate(request.into_inner().into()).await
    }

    async fn get(&self, request: Request<MachineRef>) -> Result<Response<Machine>, Status> {
        let id = request.into_inner().id;
        if id.is_empty() {
            return Err(Status::invalid_argument("id must not be empty"));
        }
        let machine = self.fleet.run(move |world| world.get(&id)).await?;
        machine.map(Response::new).ok_or_else(|| Refused::NotFound.into())
    }

    async fn list(&self, request: Request<ListFilter>) -> Result<Response<MachineList>, Status> {
        let filter = request.into_inner();
        self.fleet.run(move |world| world.list(&filter)).await.map(Response::new)
    }
}
