//! Changes between one look at the GPUs and the next, as events.
//!
//! What was true before and is still true is not news. The baseline of every counter is kept by the agent's journal together with
//! the events that came of it, so that a restarted agent neither repeats an event nor misses what happened while it was down.
//! After a boot the counters begin anew; the devices that were there are remembered, so that one that did not come back is missed.

mod counters;
mod presence;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use argosy_proto::argosy::v1::{EventSource, HealthEvent, HealthEventType, HealthWatchSystem};
use serde::{Deserialize, Serialize};

use crate::event::Draft;
use crate::gpu::Look;
use counters::Counters;

/// From where on a number is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Degrees Celsius, rising: reaching each is an event.
    pub temperature_celsius: Vec<u32>,
    /// How far below the first a device must cool before it can be hot again.
    pub temperature_margin: u32,
    /// Corrected errors and link noise are told at most this often for each device: milliseconds.
    pub noise_interval_ms: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { temperature_celsius: vec![85, 95], temperature_margin: 5, noise_interval_ms: 60_000 }
    }
}

/// What was known after the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Baseline {
    boot_id: String,
    driver_lost: bool,
    devices: BTreeMap<String, Known>,
    /// The lost devices that have been told of.
    lost: BTreeSet<String>,
}

/// A device that has been seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    index: u32,
    pci_bus_id: String,
    counters: Option<Counters>,
}

/// Turns looks into events.
#[derive(Clone, Debug)]
pub struct Watch {
    thresholds: Thresholds,
    baseline: Baseline,
    /// Set until the first look of a boot.
    booted: Option<String>,
}

impl Watch {
    /// Goes on from a baseline that [`Self::baseline`] returned, in the boot `boot_id`. One that cannot be read is as none.
    #[must_use]
    pub fn resume(thresholds: Thresholds, baseline: &[u8], boot_id: &str) -> Self {
        let mut known: Baseline = serde_json::from_slice(baseline).unwrap_or_default();
        let booted = (known.boot_id != boot_id).then(|| std::mem::replace(&mut known.boot_id, boot_id.to_owned()));
        if booted.is_some() {
            known.driver_lost = false;
            known.lost.clear();
            known.devices.values_mut().for_each(|device| device.counters = None);
        }
        Self { thresholds, baseline: known, booted }
    }

    /// To be kept, together with the events of the last look.
    #[must_use]
    pub fn baseline(&self) -> Vec<u8> {
        serde_json::to_vec(&self.baseline).unwrap_or_default()
    }

    /// What a look at `now_ms` since boot brings that was not so before.
    pub fn observe(&mut self, look: &Look, now_ms: u64) -> Vec<HealthEvent> {
        let mut events = Vec::new();
        if let Some(before) = self.booted.take() {
            events.push(boot(look, &before));
        }
        presence::observe(&mut self.baseline, look, &mut events);
        for (device, sample) in look.devices.iter().zip(&look.samples) {
            let Some(known) = self.baseline.devices.get_mut(&device.uuid) else { continue };
            let counters = known.counters.take().unwrap_or_else(|| Counters::first(sample));
            known.counters = Some(counters.advance(device, sample, &self.thresholds, now_ms, &mut events));
        }
        events
    }
}

/// The boot check: is what should be there there?
fn boot(look: &Look, before: &str) -> HealthEvent {
    let found = look.devices.len();
    let text = match look.lost.len() {
        0 => format!("booted with {found} GPUs, driver {:?}", look.driver.version),
        lost => format!("booted with {found} GPUs and {lost} that cannot be reached"),
    };
    let draft = Draft::new(HealthEventType::Boot, HealthWatchSystem::Unknown, EventSource::Sample).message(&text);
    draft.metric("boot_id_before", before).done()
}
