//! CapacityProvider over the book.

use std::sync::Arc;

use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProvider;
use argosy_proto::bigfleet::v1alpha1::{
    ConfigureRequest, CreateRequest, DeleteRequest, DrainRequest, ListFilter, Machine, MachineList, MachineRef,
    TransitionAck,
};
use argosy_provider::contract::{Call, Refused};
use tonic::{Request, Response, Status};

use crate::crew::Crew;
use crate::desk::Desk;
use crate::error::SidecarError;

pub(crate) struct Service {
    pub(crate) desk: Arc<Desk>,
    pub(crate) crew: Arc<Crew>,
}

impl Service {
    async fn mutate(&self, call: Call) -> Result<Response<TransitionAck>, Status> {
        let id = call.machine_id.clone();
        let accepted = self.desk.run(move |book| book.mutate(call)).await??;
        if accepted.begins {
            self.crew.carry(id);
        }
        Ok(Response::new(accepted.ack))
    }
}

impl From<SidecarError> for Status {
    fn from(error: SidecarError) -> Self {
        Self::unavailable(error.to_string())
    }
}

#[tonic::async_trait]
impl CapacityProvider for Service {
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
        let machine = self.desk.run(move |book| book.get(&id)).await?;
        machine.map(Response::new).ok_or_else(|| Refused::NotFound.into())
    }

    async fn list(&self, request: Request<ListFilter>) -> Result<Response<MachineList>, Status> {
        let filter = request.into_inner();
        Ok(Response::new(self.desk.run(move |book| book.list(&filter)).await?))
    }
}
