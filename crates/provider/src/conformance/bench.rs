//! The caller's side of the suite: calls under fresh fences, and waiting for a state.

use std::time::Duration;

use argosy_model::State;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_proto::bigfleet::v1alpha1::capacity_provider_client::CapacityProviderClient;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::Settings;
use crate::client;
use crate::contract::{Ask, Call, Kind, MAX_MESSAGE_BYTES, Token};

/// Between two looks at a machine: the protocol tells nobody when a transition ends.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Bench {
    rpc: CapacityProviderClient<Channel>,
    pub(super) slots: [String; 3],
    pub(super) epoch: i64,
    patience: Duration,
    sequence: i64,
}

impl Bench {
    pub(super) fn new(channel: Channel, settings: &Settings) -> Self {
        Self {
            rpc: CapacityProviderClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES),
            slots: settings.slots.clone(),
            epoch: settings.epoch,
            patience: settings.patience,
            sequence: 0,
        }
    }

    /// A fence newer than all before.
    pub(super) fn fence(&mut self) -> Token {
        self.sequence += 1;
        Token { shard: "conformance".to_owned(), epoch: self.epoch, sequence: self.sequence }
    }

    /// A call under a fence of its own.
    pub(super) async fn call(&mut self, machine: &str, ask: Ask) -> Result<api::TransitionAck, Status> {
        let fence = self.fence();
        self.call_under(machine, ask, fence).await
    }

    pub(super) async fn call_under(&self, machine: &str, ask: Ask, token: Token) -> Result<api::TransitionAck, Status> {
        let call = Call { machine_id: machine.to_owned(), ask, token, tag: Default::default() };
        client::send(self.rpc.clone(), call, None).await
    }

    pub(super) async fn get(&self, machine: &str) -> Result<api::Machine, Status> {
        self.rpc.clone().get(api::MachineRef { id: machine.to_owned() }).await.map(tonic::Response::into_inner)
    }

    pub(super) async fn list(&self, filter: api::ListFilter) -> Result<api::MachineList, String> {
        self.rpc.clone().list(filter).await.map(tonic::Response::into_inner).map_err(|status| format!("List: {status}"))
    }

    /// Asks until the machine is in this state.
    pub(super) async fn reaches(&self, machine: &str, state: State) -> Result<api::Machine, String> {
        let until = Instant::now() + self.patience;
        loop {
            let seen = self.get(machine).await.map_err(|status| format!("Get {machine}: {status}"))?;
            if seen.state == state.number() {
                return Ok(seen);
            }
            if Instant::now() > until || seen.state == State::Failed.number() {
                let at = State::from_number(seen.state).map_or("in no known state", State::name);
                return Err(format!("{machine} does not become {}: it is {at} {}", state.name(), seen.last_error));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Carries a transition out to its end.
    pub(super) async fn through(&mut self, machine: &str, ask: Ask) -> Result<String, String> {
        let kind = ask.kind();
        let ack = self.call(machine, ask).await.map_err(|status| format!("{} {machine}: {status}", kind.name()))?;
        self.reaches(machine, kind.to()).await?;
        Ok(ack.operation_id)
    }

    /// Gives a host back, as far as the provider does such a thing.
    pub(super) async fn give_back(&mut self, machine: &str) -> Result<(), String> {
        match self.call(machine, Ask::Delete).await {
            Ok(_) => self.reaches(machine, Kind::Delete.to()).await.map(drop),
            Err(status) if status.code() == Code::Unimplemented => Ok(()),
            Err(status) => Err(format!("delete {machine}: {status}")),
        }
    }
}

/// Fails unless a call was refused with this code.
pub(super) fn refused<T>(what: &str, outcome: Result<T, Status>, code: Code) -> Result<(), String> {
    match outcome {
        Err(status) if status.code() == code => Ok(()),
        Err(status) => Err(format!("{what}: {:?} instead of {code:?}: {}", status.code(), status.message())),
        Ok(_) => Err(format!("{what}: accepted instead of {code:?}")),
    }
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
