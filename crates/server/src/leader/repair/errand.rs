//! One order to one agent: told as often as it takes, until its time is over.

use std::sync::Arc;

use argosy_health::ActionClass;
use argosy_proto::argosy::v1::{AgentCommand, AgentCommandKind, AgentCommandState, AgentCommandUpdate};
use argosy_repair::{Acted, Class};
use argosy_shard::RepairOrder;
use tokio::time::{Duration, Instant, sleep};

use super::is_for_gpus;
use crate::leader::agents::Agents;
use crate::leader::health::HealthDesk;

/// Between two looks for an agent that is not connected.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest wait for word from an agent in one go.
const WAIT: Duration = Duration::from_secs(30);

/// An order on its way.
pub(super) struct Errand {
    pub(super) order: RepairOrder,
    pub(super) machine: String,
    pub(super) reason: String,
}

/// What came of it; nothing, if its time was over first.
pub(super) struct Word {
    pub(super) order: RepairOrder,
    pub(super) machine: String,
    pub(super) outcome: Option<Acted>,
}

impl Errand {
    /// Tells the agent, and returns what it says.
    pub(super) async fn run(self, agents: Arc<Agents>, health: Arc<HealthDesk>, ends: Instant) -> Word {
        let mut outcome = None;
        while outcome.is_none() && Instant::now() < ends {
            let left = ends.saturating_duration_since(Instant::now());
            let command = self.command(left, &agents, &health);
            match agents.command(&self.machine, command, left.min(WAIT)).await {
                Ok(update) => outcome = said(&update),
                // Not connected: it may come in time.
                Err(_) => sleep(AGAIN.min(left)).await,
            }
        }
        Word { order: self.order, machine: self.machine, outcome }
    }

    fn command(&self, left: Duration, agents: &Agents, health: &HealthDesk) -> AgentCommand {
        let kind = match self.order.class {
            Class::ResetGpu => AgentCommandKind::ResetGpu,
            _ => AgentCommandKind::Reboot,
        };
        AgentCommand {
            id: format!("repair-{}-{}", self.machine, self.order.order),
            kind: kind.into(),
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            gpu_uuids: if is_for_gpus(self.order.class) { self.gpus(agents, health) } else { Vec::new() },
            reason: self.reason.clone(),
        }
    }

    /// The GPUs that a reset is owed; none, which means all, unless each of them is known.
    fn gpus(&self, agents: &Agents, health: &HealthDesk) -> Vec<String> {
        let (Some(verdict), Some(detail)) = (health.verdict(&self.machine), agents.detail(&self.machine)) else {
            return Vec::new();
        };
        let gpus = detail.inventory.map(|inventory| inventory.gpus).unwrap_or_default();
        let owed = verdict.owed.iter().filter(|due| due.class == ActionClass::ResetGpu);
        let uuid = |index: i32| {
            let device = gpus.iter().find(|device| i32::try_from(device.index) == Ok(index));
            device.map(|device| device.uuid.clone()).filter(|uuid| !uuid.is_empty())
        };
        owed.map(|due| uuid(due.gpu)).collect::<Option<Vec<_>>>().unwrap_or_default()
    }
}

/// What an agent's word comes to; nothing as long as it is at it.
fn said(update: &AgentCommandUpdate) -> Option<Acted> {
    let text = || format!("its agent: {}", update.output.trim());
    match update.state() {
        AgentCommandState::Unspecified | AgentCommandState::Sent | AgentCommandState::Accepted => None,
        AgentCommandState::Succeeded => Some(Acted::Done),
        AgentCommandState::Refused => Some(Acted::Impossible(text())),
        AgentCommandState::Failed | AgentCommandState::TimedOut | AgentCommandState::Interrupted => {
            Some(Acted::Failed(text()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(state: AgentCommandState) -> Option<Acted> {
        said(&AgentCommandUpdate { state: state.into(), output: " no \n".to_owned(), ..AgentCommandUpdate::default() })
    }

    #[test]
    fn what_a_site_has_not_switched_on_is_not_tried_again_and_what_failed_is() {
        assert_eq!(word(AgentCommandState::Accepted), None);
        assert_eq!(word(AgentCommandState::Succeeded), Some(Acted::Done));
        assert_eq!(word(AgentCommandState::Refused), Some(Acted::Impossible("its agent: no".to_owned())));
        assert_eq!(word(AgentCommandState::TimedOut), Some(Acted::Failed("its agent: no".to_owned())));
    }
}
