//! The agents: what they notice of failures, recoveries and repairs, in the words of their protocol; and what a repair mends.

use std::collections::BTreeMap;

use argosy_health::{ActionClass, Event, EventType, Metric, System, table};
use argosy_repair::Class;

use super::condition::Failure;
use super::record::FailureKind;

/// A temperature at which nothing is wrong, and one at which a GPU is about to be switched off.
const FINE: i64 = 55;
const HOT: i64 = 95;

/// What an agent says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// Something happened.
    Event(Event),
    /// Numbers.
    Reading(Event),
}

/// The GPU of a failure as agents number it; -1 is the machine.
fn gpu(failure: &Failure) -> i32 {
    failure.gpu.and_then(|gpu| i32::try_from(gpu).ok()).unwrap_or(-1)
}

/// The reading of a GPU that is well.
pub(super) fn fine(gpu: i32) -> Event {
    reading(gpu, FINE)
}

fn reading(gpu_index: i32, temperature: i64) -> Event {
    let metrics = BTreeMap::from([("temperature".to_owned(), Metric::Int(temperature))]);
    Event { system: System::Thermal, metrics, ..Event::plain(EventType::Thermal, gpu_index) }
}

/// What the agent of a machine says of a failure; nothing of one that keeps it from saying anything.
pub(super) fn broke(failure: &Failure) -> Option<Said> {
    let gpu = gpu(failure);
    let event = match failure.kind {
        FailureKind::Network | FailureKind::BootFailure => return None,
        FailureKind::Temperature => return Some(Said::Reading(reading(gpu, HOT))),
        FailureKind::XidError | FailureKind::NvlinkError => Event::xid(gpu, failure.xid.unwrap_or(0).into()),
        FailureKind::MemoryError => {
            let metrics = BTreeMap::from([("ecc_dbe_count".to_owned(), Metric::Int(1))]);
            Event { system: System::Mem, metrics, ..Event::plain(EventType::EccDbe, gpu) }
        }
        FailureKind::NvmlFailure => Event { system: System::Driver, ..Event::plain(EventType::DriverError, -1) },
        FailureKind::DeviceError => Event { system: System::Driver, ..Event::plain(EventType::DriverError, gpu) },
    };
    Some(Said::Event(Event { message: failure.message.clone(), ..event }))
}

/// What it says when that is over.
pub(super) fn mended(failure: &Failure) -> Option<Said> {
    let system = match failure.kind {
        FailureKind::Network | FailureKind::BootFailure => return None,
        FailureKind::Temperature => return Some(Said::Reading(fine(gpu(failure)))),
        FailureKind::MemoryError => System::Mem,
        _ => System::Driver,
    };
    let at = if failure.kind == FailureKind::NvmlFailure { -1 } else { gpu(failure) };
    Some(Said::Event(Event { system, ..Event::plain(EventType::Recovered, at) }))
}

/// What the leader makes of an agent that it no longer hears.
pub(super) fn silent() -> Event {
    let message = "nothing is heard of its agent".to_owned();
    Event { system: System::Agent, message, ..Event::plain(EventType::AgentSilent, -1) }
}

/// What it makes of one that it hears again.
pub(super) fn heard() -> Event {
    Event { system: System::Agent, ..Event::plain(EventType::Recovered, -1) }
}

/// All GPUs of a machine were reset.
pub(super) fn reset() -> Event {
    Event { system: System::Driver, ..Event::plain(EventType::GpuReset, -1) }
}

/// The mildest repair that mends a failure, if any does: for what shows as an XID, what the one table of XIDs advises. What an outage
/// caused is mended by its end alone, and no repair cools a machine.
pub(super) fn cure(failure: &Failure) -> Option<Class> {
    if failure.outage.is_some() {
        return None;
    }
    match failure.kind {
        FailureKind::XidError | FailureKind::NvlinkError => {
            let advice = table::resolve(&Event::xid(gpu(failure), failure.xid?.into()))?.class;
            match advice {
                ActionClass::Observe | ActionClass::RestartWorkload | ActionClass::ResetGpu => Some(Class::ResetGpu),
                ActionClass::RebootHost => Some(Class::RebootHost),
                ActionClass::Quarantine | ActionClass::Replace => None,
            }
        }
        FailureKind::MemoryError => Some(Class::ResetGpu),
        FailureKind::NvmlFailure | FailureKind::DeviceError => Some(Class::RebootHost),
        FailureKind::Temperature | FailureKind::Network | FailureKind::BootFailure => None,
    }
}

/// A host has booted.
pub(super) fn booted(boot: u64) -> Event {
    let metrics = BTreeMap::from([("boot_id".to_owned(), Metric::Text(format!("boot-{boot}")))]);
    Event { metrics, ..Event::plain(EventType::Boot, -1) }
}
