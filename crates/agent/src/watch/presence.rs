//! Is the driver there, and are the devices?

use argosy_proto::argosy::v1::{EventSource, GpuDriverState, HealthEvent, HealthEventType, HealthWatchSystem};

use super::{Baseline, Known};
use crate::event::Draft;
use crate::gpu::{Look, LostDevice};

/// Tells of a driver or a device that went, or came back.
pub(super) fn observe(known: &mut Baseline, look: &Look, events: &mut Vec<HealthEvent>) {
    let lost = look.driver.state() == GpuDriverState::Lost;
    if lost && !known.driver_lost {
        events.push(failed(&format!("the GPU driver cannot be asked: {}", look.driver.error)).done());
    }
    if known.driver_lost && !lost {
        events.push(recovered(&format!("the GPU driver answers again, version {:?}", look.driver.version)).done());
    }
    known.driver_lost = lost;
    if lost {
        // Nothing is known of any device now: one event for the driver, not one for each.
        return;
    }
    let missing = missing(known, look);
    for device in look.lost.iter().chain(&missing) {
        if known.lost.insert(name(device)) {
            events.push(gone(device, known));
        }
    }
    for device in &look.devices {
        let names = [device.uuid.clone(), device.pci_bus_id.clone()];
        if names.iter().filter(|name| known.lost.remove(*name)).count() > 0 {
            events.push(recovered("device_lost: the device answers again").device(device).done());
        }
        let entry = known.devices.entry(device.uuid.clone()).or_default();
        *entry = Known { index: device.index, pci_bus_id: device.pci_bus_id.clone(), counters: entry.counters.take() };
    }
    let places: Vec<String> = look.lost.iter().chain(&missing).map(name).collect();
    known.lost.retain(|name| places.contains(name));
    forget_replaced(known, look);
}

/// The devices that were there, and that neither answer nor are told as lost, and whose place nobody else has taken.
fn missing(known: &Baseline, look: &Look) -> Vec<LostDevice> {
    let there = |uuid: &str, place: &str| {
        look.devices.iter().any(|device| device.uuid == uuid || device.pci_bus_id == place)
            || look.lost.iter().any(|lost| lost.uuid == uuid || lost.pci_bus_id == place)
    };
    let mut gone: Vec<LostDevice> = known
        .devices
        .iter()
        .filter(|(uuid, device)| !there(uuid, &device.pci_bus_id))
        .map(|(uuid, device)| LostDevice {
            index: Some(device.index),
            pci_bus_id: device.pci_bus_id.clone(),
            uuid: uuid.clone(),
            error: "the driver no longer lists it".to_owned(),
        })
        .collect();
    // A lost device that names nothing but its index is one of these.
    let nameless = look.lost.iter().filter(|lost| lost.uuid.is_empty() && lost.pci_bus_id.is_empty()).count();
    gone.truncate(gone.len().saturating_sub(nameless));
    gone
}

/// A device whose place another has taken was replaced by people.
fn forget_replaced(known: &mut Baseline, look: &Look) {
    let holder = |place: &str| look.devices.iter().find(|device| device.pci_bus_id == place).map(|device| &device.uuid);
    known.devices.retain(|uuid, device| holder(&device.pci_bus_id).is_none_or(|now| now == uuid));
}

/// What a lost device is remembered by.
fn name(device: &LostDevice) -> String {
    match (&*device.uuid, &*device.pci_bus_id, device.index) {
        ("", "", Some(index)) => format!("gpu {index}"),
        ("", "", None) => device.error.clone(),
        ("", place, _) => place.to_owned(),
        (uuid, ..) => uuid.to_owned(),
    }
}

fn gone(device: &LostDevice, known: &Baseline) -> HealthEvent {
    let mut event = failed(&format!("device_lost: {}: {}", name(device), device.error)).done();
    let by_place =
        || known.devices.iter().find(|(_, seen)| seen.pci_bus_id == device.pci_bus_id && !device.pci_bus_id.is_empty());
    let by_index = || known.devices.iter().find(|(_, seen)| Some(seen.index) == device.index);
    let seen = known.devices.get_key_value(&device.uuid).or_else(by_place).or_else(by_index);
    event.gpu_uuid = seen.map_or_else(|| device.uuid.clone(), |(uuid, _)| uuid.clone());
    event.pci_bus_id = seen.map_or_else(|| device.pci_bus_id.clone(), |(_, seen)| seen.pci_bus_id.clone());
    let index = seen.map(|(_, seen)| seen.index).or(device.index);
    event.gpu_index = index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
    event
}

fn failed(text: &str) -> Draft {
    Draft::new(HealthEventType::DriverError, HealthWatchSystem::Driver, EventSource::Sample).message(text)
}

fn recovered(text: &str) -> Draft {
    Draft::new(HealthEventType::Recovered, HealthWatchSystem::Driver, EventSource::Sample).message(text)
}
