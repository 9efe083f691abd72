//! What the machines' agents report, as the desk takes it: safe once it is in the log.

use super::wire::event;
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
}
