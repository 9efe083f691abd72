//! The client of the CapacityProvider protocol.
//!
//! It turns an [`Order`] into one call with one deadline and the answer into [`Accepted`] or a [`Refusal`]; it never retries, because a
//! retry is a new attempt with a new fence and that is for the log to commit. [`Lister`] keeps up with the inventory. Connections,
//! TLS and concurrency are the caller's.

mod lister;
mod observed;
mod order;
mod refusal;
mod wire;

use std::future::Future;
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::ListRequestExtension;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_proto::bigfleet::v1alpha1::capacity_provider_client::CapacityProviderClient;
use bytes::Bytes;
use tonic::transport::Channel;
use tonic::{Response, Status};

pub use lister::{Lister, Page, PageKind, Rejected};
pub use observed::{HostRef, InvalidMachine, ObservedMachine};
pub use order::{Fence, FenceError, Mutation, Order, Tag};
pub use refusal::Refusal;
pub(crate) use wire::send;

use wire::asked;

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
        let (rpc, call) = (self.rpc.clone(), order.into_call());
        let ack = self.call(self.deadlines.call, |limit| send(rpc, call, Some(limit))).await?;
        let machine = ack.machine.and_then(|machine| ObservedMachine::from_wire(machine).ok());
        Ok(Accepted { operation_id: ack.operation_id, machine })
    }

    /// One machine as it is now. A machine that breaks the rules of the contract is [`Refusal::Invalid`].
    pub async fn get(&self, machine_id: &str) -> Result<ObservedMachine, Refusal> {
        let mut rpc = self.rpc.clone();
        let ask = api::MachineRef { id: machine_id.to_owned() };
        let answer = |limit| async move { rpc.get(asked(ask, Some(limit))).await.map(Response::into_inner) };
        let machine = self.call(self.deadlines.call, answer).await?;
        ObservedMachine::from_wire(machine).map_err(|invalid| Refusal::Invalid(invalid.to_string()))
    }

    /// One answer to List as it came; [`Lister`] is what keeps up with an inventory.
    async fn list(&self, since: Bytes, max_results: i32) -> Result<api::MachineList, Refusal> {
        let mut rpc = self.rpc.clone();
        let argosy = Some(ListRequestExtension { incremental: true });
        let ask = api::ListFilter { states: Vec::new(), max_results, since_revision: since, argosy };
        let answer = |limit| async move { rpc.list(asked(ask, Some(limit))).await.map(Response::into_inner) };
        self.call(self.deadlines.list, answer).await
    }

    async fn call<R, F>(&self, limit: Duration, answer: impl FnOnce(Duration) -> F) -> Result<R, Refusal>
    where
        F: Future<Output = Result<R, Status>>,
    {
        let limit = if fires(Failpoint::DeadlineShort) { limit / 1_000 } else { limit };
        match tokio::time::timeout(limit, answer(limit)).await {
            Ok(answer) => answer.map_err(|status| Refusal::from_status(&status)),
            Err(_elapsed) => Err(Refusal::Timeout),
        }
    }
}
