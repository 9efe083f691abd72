//! The simulated fleet as a book that is asked over the wire, where answers may get lost or come late.

use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::{ListFilter, Machine, MachineList, TransitionAck};
use tonic::Status;

use super::runtime::Handle;
use super::world::{Answer, Lost};
use crate::contract::{Books, Call};

impl Books for Handle {
    async fn mutate(&self, call: Call) -> Result<TransitionAck, Status> {
        let Answer { ack, lost, delay_ms } = self.run(move |world| world.mutate(call)).await??;
        match lost {
            Some(Lost::Error) => return Err(Status::unavailable("the connection to the cloud broke off")),
            Some(Lost::Silence) => {
                self.stopping().cancelled().await;
                return Err(Status::unavailable("the provider is stopping"));
            }
            None => {}
        }
        held_back(delay_ms).await;
        Ok(ack)
    }

    async fn get(&self, id: String) -> Result<Option<Machine>, Status> {
        let (machine, delay_ms) = self.run(move |world| (world.get(&id), world.list_delay_ms())).await?;
        held_back(delay_ms).await;
        Ok(machine)
    }

    async fn list(&self, filter: ListFilter) -> Result<MachineList, Status> {
        let (list, delay_ms) = self.run(move |world| (world.list(&filter), world.list_delay_ms())).await?;
        held_back(delay_ms).await;
        Ok(list)
    }
}

async fn held_back(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
