//! The client of the CapacityProvider protocol.
//!
//! It turns an [`Order`] into one call with one deadline and the answer into [`Accepted`] or a [`Refusal`]; it never retries, because a
//! retry is a new attempt with a new fence and that is for the log to commit. [`Lister`] keeps up with the inventory. Connections,
//! TLS and concurrency are the caller's.

mod lister;
mod observed;
mod order;
mod refusal;

use std::future::Future;
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::ListRequestExtension;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_proto::bigfleet::v1alpha1::capacity_provider_client::CapacityProviderClient;
use bytes::Bytes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

pub use lister::{Lister, Page, PageKind, Rejected};
pub use observed::{HostRef, InvalidMachine, ObservedMachine};
pub use order::{Fence, FenceError, Mutation, Order, Tag};
pub use refusal::Refusal;

/// A listing of a large stock provider comes as one message.
const MAX_LISTING_BYTES: usize = 256 * 1024 * 1024;

/// How long a call may take before it counts as [`Refusal::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Create, Configure, Drain, Delete and Get. The calls only hand over work, so seconds are plenty.
    pub call: Duration,
    /// One page of a listing.
    pub list: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { call: Duration::from_secs(5), list: Duration::from_secs(60) }
    }
}

/// A provider took the order on.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The provider's own name for the transition; the same for every repeat of it.
    pub operation_id: String,
    /// The machine right after acceptance; `None` when the provider sent none or one that breaks the rules, which a listing will tell.
    pub machine: Option<ObservedMachine>,
}

/// A client of one provider. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct Client {
    rpc: CapacityProviderClient<Channel>,
    deadlines: Deadlines,
}

impl Client {
    /// A client over a connection of the caller's.
    #[must_use]
    pub fn new(channel: Channel, deadlines: Deadlines) -> Self {
        let rpc = CapacityProviderClient::new(channel).max_decoding_message_size(MAX_LISTING_BYTES);
        Self { rpc, deadlines }
    }

    /// Carries out one attempt at an operation. An `Err` says whether the provider may have acted nevertheless:
    /// [`Refusal::may_have_executed`].
    pub async fn carry_out(&self, order: Order) -> Result<Accepted, Refusal> {
        if fires(Failpoint::CallRepeated) {
            // As a network that delivers twice would: what came of the first is not heard.
            let _ = self.send(order.clone()).await;
        }
        let answer = self.send(order).await;
        if answer.is_ok() && fires(Failpoint::AnswerLost) {
            return Err(Refusal::Unavailable("the answer was lost".to_owned()));
        }
        answer
    }

    async fn send(&self, order: Order) -> Result<Accepted, Refusal> {
        let mut rpc = self.rpc.clone();
        let fence = order.fence;
        let (machine_id, argosy) = (order.machine_id, order.tag.map(Tag::into_wire));
        let (shard_id, shard_epoch, sequence_number) = (fence.shard().to_owned(), fence.epoch(), fence.sequence());
        let ack = match order.mutation {
            Mutation::Create => {
                let ask = api::CreateRequest { machine_id, shard_id, shard_epoch, sequence_number, argosy };
                self.call(self.deadlines.call, ask, |ask| async move { rpc.create(ask).await }).await
            }
            Mutation::Configure { cluster_id, bootstrap_blob, shard_metadata } => {
                let ask = api::ConfigureRequest {
                    machine_id,
                    cluster_id,
                    bootstrap_blob,
                    shard_id,
                    shard_epoch,
                    sequence_number,
                    shard_metadata,
                    argosy,
                };
                self.call(self.deadlines.call, ask, |ask| async move { rpc.configure(ask).await }).await
            }
            Mutation::Drain { grace_period_seconds } => {
                let grace_period_seconds = i64::from(grace_period_seconds);
                let ask = api::DrainRequest {
                    machine_id,
                    grace_period_seconds,
                    shard_id,
                    shard_epoch,
                    sequence_number,
                    argosy,
                };
                self.call(self.deadlines.call, ask, |ask| async move { rpc.drain(ask).await }).await
            }
            Mutation::Delete => {
                let ask = api::DeleteRequest { machine_id, shard_id, shard_epoch, sequence_number, argosy };
                self.call(self.deadlines.call, ask, |ask| async move { rpc.delete(ask).await }).await
            }
        }?;
        let machine = ack.machine.and_then(|machine| ObservedMachine::from_wire(machine).ok());
        Ok(Accepted { operation_id: ack.operation_id, machine })
    }

    /// One machine as it is now. A machine that breaks the rules of the contract is [`Refusal::Invalid`].
    pub async fn get(&self, machine_id: &str) -> Result<ObservedMachine, Refusal> {
        let mut rpc = self.rpc.clone();
        let ask = api::MachineRef { id: machine_id.to_owned() };
        let machine = self.call(self.deadlines.call, ask, |ask| async move { rpc.get(ask).await }).await?;
        ObservedMachine::from_wire(machine).map_err(|invalid| Refusal::Invalid(invalid.to_string()))
    }

    /// One answer to List as it came; [`Lister`] is what keeps up with an inventory.
    async fn list(&self, since: Bytes, max_results: i32) -> Result<api::MachineList, Refusal> {
        let mut rpc = self.rpc.clone();
        let argosy = Some(ListRequestExtension { incremental: true });
        let ask = api::ListFilter { states: Vec::new(), max_results, since_revision: since, argosy };
        self.call(self.deadlines.list, ask, |ask| async move { rpc.list(ask).await }).await
    }

    async fn call<A, R, F>(&self, limit: Duration, ask: A, send: impl FnOnce(Request<A>) -> F) -> Result<R, Refusal>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let limit = if fires(Failpoint::DeadlineShort) { limit / 1_000 } else { limit };
        let mut request = Request::new(ask);
        // The provider learns the deadline too, so that it does not work for a caller who has left.
        request.set_timeout(limit);
        match tokio::time::timeout(limit, send(request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Refusal::from_status(&status)),
            Err(_elapsed) => Err(Refusal::Timeout),
        }
    }
}
