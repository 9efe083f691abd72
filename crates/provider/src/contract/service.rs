//! The protocol's service over any book of ours: what is the same for each of them on the way in and on the way out.

use std::future::Future;

use argosy_proto::bigfleet::v1alpha1::capacity_provider_server::CapacityProvider;
use argosy_proto::bigfleet::v1alpha1::{
    ConfigureRequest, CreateRequest, DeleteRequest, DrainRequest, ListFilter, Machine, MachineList, MachineRef,
    TransitionAck,
};
use tonic::{Request, Response, Status};

use super::{Call, Refused};

/// A book that can be asked over the wire.
pub trait Books: Send + Sync + 'static {
    /// Takes a mutation on, or refuses it.
    fn mutate(&self, call: Call) -> impl Future<Output = Result<TransitionAck, Status>> + Send;

    /// One machine; `None` if there is none of this id.
    fn get(&self, id: String) -> impl Future<Output = Result<Option<Machine>, Status>> + Send;

    /// One page of the inventory.
    fn list(&self, filter: ListFilter) -> impl Future<Output = Result<MachineList, Status>> + Send;
}

/// CapacityProvider over a book.
#[derive(Clone, Debug)]
pub struct Service<B>(pub B);

impl<B: Books> Service<B> {
    async fn mutate(&self, call: Call) -> Result<Response<TransitionAck>, Status> {
        self.0.mutate(call).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl<B: Books> CapacityProvider for Service<B> {
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
        let machine = self.0.get(id).await?;
        machine.map(Response::new).ok_or_else(|| Refused::NotFound.into())
    }

    async fn list(&self, request: Request<ListFilter>) -> Result<Response<MachineList>, Status> {
        self.0.list(request.into_inner()).await.map(Response::new)
    }
}
