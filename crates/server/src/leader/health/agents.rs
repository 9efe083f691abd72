//! What the machines' agents report, as the desk takes it: safe once it is in the log.

use argosy_health::Facts;
use argosy_proto::argosy::v1::{AgentInventory, AgentSample};

use super::wire::{event, readings};
use super::{HealthDesk, Reported};
use crate::leader::agents::{AgentEvents, SeenEvent, Taking};

impl AgentEvents for HealthDesk {
    fn acknowledged(&self, machine: &str, journal: &str) -> u64 {
        Self::acknowledged(self, machine, journal)
    }

    fn take<'a>(&'a self, machine: &'a str, journal: &'a str, events: Vec<SeenEvent>) -> Taking<'a> {
        let reported = events.into_iter().map(|seen| {
            let event = event(&seen.event, seen.unix_ms, &seen.boot_id);
            Reported { sequence: seen.sequence, event }
        });
        let reported = reported.collect();
        Box::pin(async move { self.report(machine, journal, reported).await.map_err(|error| error.to_string()) })
    }

    fn heard(&self, machine: &str) {
        Self::heard(self, machine);
    }

    fn sampled(&self, machine: &str, sample: &AgentSample) {
        let readings = sample.gpus.iter().flat_map(readings).collect();
        if let Err(error) = self.read(machine, readings) {
            tracing::debug!(machine, %error, "readings were not taken");
        }
    }

    fn inventoried(&self, machine: &str, inventory: &AgentInventory) {
        // Where one GPU's domain is not known, nothing is: then the whole machine is one.
        let domains = inventory.gpus.iter().map(|gpu| gpu.nvlink_domain).collect::<Option<_>>().unwrap_or_default();
        let gpus = u32::try_from(inventory.gpus.len()).unwrap_or(u32::MAX);
        if let Err(error) = self.describe(machine, Facts { gpus, domains }) {
            tracing::debug!(machine, %error, "the inventory was not taken");
        }
    }
}
