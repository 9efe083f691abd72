//! Drafting events in the vocabulary of proto/argosy/v1/agent.proto, so that every source spells them alike.

use argosy_proto::argosy::v1::event_metric::Value;
use argosy_proto::argosy::v1::{
    EventMetric, EventSource, GpuDevice, HealthEvent, HealthEventType, HealthWatchSystem, XidDetail,
};

use crate::gpu::NvmlXid;
use crate::pci::PciAddress;
use crate::xid::{Fault, FaultKind};

/// Longest message, in characters.
const MESSAGE_CHARS: usize = 1_000;

/// The value of a metric of an event.
pub trait Metric {
    /// As it travels.
    fn value(self) -> Value;
}

impl Metric for u64 {
    fn value(self) -> Value {
        Value::Integer(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl Metric for u32 {
    fn value(self) -> Value {
        Value::Integer(i64::from(self))
    }
}

impl Metric for f64 {
    fn value(self) -> Value {
        Value::Number(self)
    }
}

impl Metric for bool {
    fn value(self) -> Value {
        Value::Flag(self)
    }
}

impl Metric for &str {
    fn value(self) -> Value {
        Value::Text(self.to_owned())
    }
}

/// An event being written.
#[derive(Clone, Debug)]
pub struct Draft(HealthEvent);

impl Draft {
    /// An event of the machine as a whole.
    #[must_use]
    pub fn new(event_type: HealthEventType, system: HealthWatchSystem, source: EventSource) -> Self {
        Self(HealthEvent {
            event_type: event_type.into(),
            system: system.into(),
            gpu_index: -1,
            sources: vec![source.into()],
            ..HealthEvent::default()
        })
    }

    /// About this device.
    #[must_use]
    pub fn device(mut self, device: &GpuDevice) -> Self {
        self.0.gpu_index = i32::try_from(device.index).unwrap_or(-1);
        self.0.gpu_uuid.clone_from(&device.uuid);
        self.0.pci_bus_id.clone_from(&device.pci_bus_id);
        self
    }

    /// For people.
    #[must_use]
    pub fn message(mut self, text: &str) -> Self {
        self.0.message = text.chars().take(MESSAGE_CHARS).collect();
        self
    }

    /// For policies.
    #[must_use]
    pub fn metric(mut self, key: &str, value: impl Metric) -> Self {
        self.0.metrics.insert(key.to_owned(), EventMetric { value: Some(value.value()) });
        self
    }

    /// The event.
    #[must_use]
    pub fn done(self) -> HealthEvent {
        self.0
    }
}

/// The event of a line of the kernel's log. `devices` are those that are known: the line gives an address only.
#[must_use]
pub fn of_fault(fault: &Fault, line: &str, devices: &[GpuDevice], driver_version: &str) -> HealthEvent {
    let (kind, system, key) = match fault.kind {
        FaultKind::Xid => (HealthEventType::Xid, HealthWatchSystem::Driver, "xid_code"),
        FaultKind::Sxid => (HealthEventType::Sxid, HealthWatchSystem::Nvswitch, "sxid_code"),
    };
    let detail = &fault.detail;
    let mut draft = Draft::new(kind, system, EventSource::KernelLog).message(line).metric(key, fault.code);
    if fault.kind == FaultKind::Xid {
        draft = placed(draft, fault.pci, devices);
    }
    if let Some(pid) = detail.pid {
        draft = draft.metric("pid", pid);
    }
    if let Some(link) = detail.link {
        draft = draft.metric("nvlink_link", link);
    }
    if let Some((before, now)) = detail.recovery {
        draft = draft.metric("recovery_action_before", before).metric("recovery_action", now);
    }
    let mut event = draft.done();
    event.pci_bus_id = fault.pci.map(|pci| pci.to_string()).unwrap_or_default();
    event.xid = Some(XidDetail {
        code: fault.code,
        sub_unit: detail.sub_unit.clone(),
        severity: detail.severity.clone(),
        link: detail.link,
        registers: detail.registers.clone(),
        recovery_action: detail.recovery.and_then(|(_, now)| i32::try_from(now).ok()),
        pid: detail.pid,
        process: detail.process.clone(),
        driver_version: driver_version.to_owned(),
    });
    event
}

/// The event of an XID that only the driver reported.
#[must_use]
pub fn of_nvml_xid(xid: &NvmlXid, devices: &[GpuDevice], driver_version: &str) -> HealthEvent {
    let draft = Draft::new(HealthEventType::Xid, HealthWatchSystem::Driver, EventSource::Nvml);
    let draft = match xid.code {
        Some(code) => draft.metric("xid_code", code).message(&format!("the driver reported XID {code}")),
        None => draft.message("the driver reported an XID that it cannot name"),
    };
    let mut event = placed(draft, xid.pci, devices).done();
    if event.gpu_uuid.is_empty() {
        event.gpu_uuid.clone_from(&xid.uuid);
    }
    event.pci_bus_id = xid.pci.map(|pci| pci.to_string()).unwrap_or_default();
    event.xid =
        xid.code.map(|code| XidDetail { code, driver_version: driver_version.to_owned(), ..XidDetail::default() });
    event
}

/// The event of a line that looks like a fault and cannot be read.
#[must_use]
pub fn of_unreadable(line: &str) -> HealthEvent {
    Draft::new(HealthEventType::Unknown, HealthWatchSystem::Driver, EventSource::KernelLog).message(line).done()
}

fn placed(draft: Draft, pci: Option<PciAddress>, devices: &[GpuDevice]) -> Draft {
    let address = pci.map(|pci| pci.to_string());
    match devices.iter().find(|device| address.as_deref() == Some(device.pci_bus_id.as_str())) {
        Some(device) => draft.device(device),
        None => draft,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xid::{Reading, read_line};

    #[test]
    fn an_xid_is_told_of_the_device_at_its_address_with_what_policies_ask_for() {
        let devices = [GpuDevice {
            index: 3,
            uuid: "GPU-3".to_owned(),
            pci_bus_id: "00000000:9b:00.0".to_owned(),
            ..GpuDevice::default()
        }];
        let line = "NVRM: Xid (PCI:0000:9b:00): 79, pid=7, name=x, GPU has fallen off the bus.";
        let Reading::Fault(fault) = read_line(line) else { panic!("not a fault") };
        let event = of_fault(&fault, line, &devices, "550.54");
        assert_eq!((event.gpu_index, event.gpu_uuid.as_str()), (3, "GPU-3"));
        assert_eq!(event.metrics["xid_code"].value, Some(Value::Integer(79)));
        assert_eq!(event.metrics["pid"].value, Some(Value::Integer(7)));
        let elsewhere = of_fault(&fault, line, &[], "");
        assert_eq!((elsewhere.gpu_index, elsewhere.pci_bus_id.as_str()), (-1, "00000000:9b:00.0"));
    }
}
