//! The sidecar's book as it is asked over the wire: what a call begins is the crew's to carry out.

use std::sync::Arc;

use argosy_proto::bigfleet::v1alpha1::{ListFilter, Machine, MachineList, TransitionAck};
use argosy_provider::contract::{Books, Call};
use tonic::Status;

use crate::crew::Crew;
use crate::desk::Desk;
use crate::error::SidecarError;

pub(crate) struct Kept {
    pub(crate) desk: Arc<Desk>,
    pub(crate) crew: Arc<Crew>,
}

impl From<SidecarError> for Status {
    fn from(error: SidecarError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl Books for Kept {
    async fn mutate(&self, call: Call) -> Result<TransitionAck, Status> {
        let id = call.machine_id.clone();
        let accepted = self.desk.run(move |book| book.mutate(call)).await??;
        if accepted.begins {
            self.crew.carry(id);
        }
        Ok(accepted.ack)
    }

    async fn get(&self, id: String) -> Result<Option<Machine>, Status> {
        Ok(self.desk.run(move |book| book.get(&id)).await?)
    }

    async fn list(&self, filter: ListFilter) -> Result<MachineList, Status> {
        Ok(self.desk.run(move |book| book.list(&filter)).await?)
    }
}
