//! Everything that the agent can see of a machine at one moment, once: what `argosy agent --once` prints.

use std::io;

use argosy_proto::argosy::v1::{AgentInventory, AgentSample, HealthEvent};
use serde_json::{Value, json};

use crate::event;
use crate::gpu::Look;
use crate::host::{CpuTicks, Host};
use crate::json::of_message;
use crate::kernel_log::KernelLog;
use crate::xid::{Reading, read_line};

/// Most faults of the kernel's log that a snapshot shows; the newest.
const FAULTS: usize = 100;

/// A whole snapshot as JSON: `inventory` and `sample` as in proto/argosy/v1/agent.proto, the devices that do not answer, and the
/// faults that the kernel's log still holds, or why it cannot be read.
#[must_use]
pub fn to_json(
    inventory: &AgentInventory,
    sample: &AgentSample,
    look: &Look,
    log: io::Result<Vec<HealthEvent>>,
) -> Value {
    let lost: Vec<Value> = look
        .lost
        .iter()
        .map(|device| json!({"index": device.index, "uuid": device.uuid, "pci_bus_id": device.pci_bus_id, "error": device.error}))
        .collect();
    let kernel_log = match log {
        Ok(faults) => json!({"faults": faults.iter().map(of_message).collect::<Vec<_>>()}),
        Err(error) => json!({"error": error.to_string()}),
    };
    json!({
        "inventory": of_message(inventory),
        "sample": of_message(sample),
        "lost_devices": lost,
        "kernel_log": kernel_log,
    })
}

/// The same for people: one fact a line, `sample.gpus.0.temperature_celsius = 34`.
#[must_use]
pub fn lines(shown: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    flatten(shown, "", &mut lines);
    lines
}

fn flatten(value: &Value, path: &str, lines: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(value, &below(name), lines)),
        Value::Array(items) if !items.iter().all(Value::is_string) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(item, &below(&at.to_string()), lines));
        }
        Value::String(text) => lines.push(format!("{path} = {text}")),
        other => lines.push(format!("{path} = {other}")),
    }
}

/// The faults that a log holds now, oldest first.
///
/// # Errors
/// When the log cannot be read.
pub fn faults(log: &mut dyn KernelLog, look: &Look) -> io::Result<Vec<HealthEvent>> {
    let mut faults = Vec::new();
    while let Some(entry) = log.next()? {
        match read_line(&entry.text) {
            Reading::Other => {}
            Reading::Unreadable => faults.push(event::of_unreadable(&entry.text)),
            Reading::Fault(fault) => {
                faults.push(event::of_fault(&fault, &entry.text, &look.devices, &look.driver.version))
            }
        }
    }
    faults.drain(..faults.len().saturating_sub(FAULTS));
    Ok(faults)
}

/// What the machine is.
#[must_use]
pub fn inventory(host: &Host, instance_id: &str, look: &Look) -> AgentInventory {
    let said = Some(instance_id.to_owned()).filter(|id| !id.is_empty());
    AgentInventory {
        hostname: host.hostname(),
        kernel: host.release(),
        instance_id: said.or_else(|| host.instance_id()).unwrap_or_default(),
        cpus: host.cpus(),
        memory_bytes: host.memory().map_or(0, |memory| memory.total_bytes),
        driver: Some(look.driver.clone()),
        gpus: look.devices.clone(),
    }
}

/// Its numbers, and the ticks to give to the next call.
#[must_use]
pub fn sample(host: &Host, before: Option<CpuTicks>, look: &Look) -> (AgentSample, Option<CpuTicks>) {
    let (now, memory) = (host.cpu(), host.memory());
    let sample = AgentSample {
        cpu_percent: before.zip(now).and_then(|(before, now)| busy(before, now)),
        memory_total_bytes: memory.map(|memory| memory.total_bytes),
        memory_available_bytes: memory.map(|memory| memory.available_bytes),
        load_1m: host.load(),
        gpus: look.samples.clone(),
    };
    (sample, now)
}

/// The share of all processors in use between two readings; unknown when no time went by.
#[allow(clippy::cast_precision_loss)]
fn busy(before: CpuTicks, now: CpuTicks) -> Option<f64> {
    let total = now.total.checked_sub(before.total).filter(|ticks| *ticks > 0)?;
    let busy = now.busy.saturating_sub(before.busy).min(total);
    Some(busy as f64 * 100.0 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_processors_is_that_between_two_samples() {
        let at = |total, busy| CpuTicks { total, busy };
        assert_eq!(busy(at(100, 50), at(200, 75)), Some(25.0));
        assert_eq!(busy(at(100, 50), at(100, 50)), None, "no time went by");
        assert_eq!(busy(at(100, 50), at(90, 20)), None, "the counters began anew");
    }
}
