//! From the agents' protocol to the words of policies. The names are the same on purpose: see proto/argosy/v1/agent.proto.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use argosy_health::{Event, EventType, Metric, System, XidDetail};
use argosy_proto::argosy::v1::event_metric::Value;
use argosy_proto::argosy::v1::{self as wire, GpuSample};

/// An event as a policy sees it.
#[must_use]
pub fn event(event: &wire::HealthEvent, unix_ms: i64, boot_id: &str) -> Event {
    let kind = event.event_type().as_str_name().trim_start_matches("HEALTH_EVENT_TYPE_").to_lowercase();
    let system = event.system().as_str_name().trim_start_matches("HEALTH_WATCH_SYSTEM_");
    let mut metrics: BTreeMap<String, Metric> =
        event.metrics.iter().filter_map(|(key, value)| Some((key.clone(), metric(value)?))).collect();
    let event_type = EventType::of_name(&kind).unwrap_or_default();
    if event_type == EventType::Boot {
        metrics.insert("boot_id".to_owned(), Metric::Text(boot_id.to_owned()));
    }
    let millis = Duration::from_millis(u64::try_from(unix_ms).unwrap_or_default());
    Event {
        event_type,
        system: System::of_name(&format!("DCGM_HEALTH_WATCH_{system}")).unwrap_or_default(),
        gpu_index: event.gpu_index,
        gpu_uuid: event.gpu_uuid.clone(),
        timestamp: humantime::format_rfc3339_seconds(UNIX_EPOCH + millis).to_string(),
        message: event.message.clone(),
        metrics,
        xid: event.xid.as_ref().map(detail).unwrap_or_default(),
    }
}

fn metric(metric: &wire::EventMetric) -> Option<Metric> {
    Some(match metric.value.as_ref()? {
        Value::Integer(int) => Metric::Int(*int),
        Value::Number(float) => Metric::Float(*float),
        Value::Flag(on) => Metric::Bool(*on),
        Value::Text(text) => Metric::of_text(text),
    })
}

fn detail(xid: &wire::XidDetail) -> XidDetail {
    XidDetail {
        sub_unit: xid.sub_unit.clone(),
        severity: xid.severity.clone(),
        registers: xid.registers.clone(),
        recovery_action: xid.recovery_action.map(i64::from),
        driver_version: xid.driver_version.clone(),
    }
}

/// What a GPU's numbers say, one reading for each kind that the sample has numbers of.
#[must_use]
pub fn readings(sample: &GpuSample) -> Vec<Event> {
    let gpu_index = i32::try_from(sample.index).unwrap_or(-1);
    let of = |event_type, system, metrics: Vec<(&str, Option<Metric>)>| {
        let known = metrics.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let metrics: BTreeMap<String, Metric> = known.collect();
        let gpu_uuid = sample.uuid.clone();
        (!metrics.is_empty()).then(|| Event { event_type, system, gpu_index, gpu_uuid, metrics, ..Event::default() })
    };
    let count = |count: Option<u64>| count.map(|count| Metric::Int(i64::try_from(count).unwrap_or(i64::MAX)));
    let small = |count: Option<u32>| count.map(|count| Metric::Int(count.into()));
    let ecc = sample.ecc_volatile.unwrap_or_default();
    let remap = sample.row_remap;
    let watts = sample.power_milliwatts.map(|milliwatts| Metric::Float(f64::from(milliwatts) / 1_000.0));
    let thermal = vec![
        ("temperature", small(sample.temperature_celsius)),
        ("memory_temperature", small(sample.memory_temperature_celsius)),
    ];
    let memory = vec![
        ("ecc_sbe_count", count(ecc.corrected)),
        ("ecc_dbe_count", count(ecc.uncorrected)),
        ("row_remap_pending", remap.map(|remap| Metric::Bool(remap.pending))),
        ("row_remap_failure", remap.map(|remap| Metric::Bool(remap.failure))),
    ];
    let readings = [
        of(EventType::Thermal, System::Thermal, thermal),
        of(EventType::Power, System::Power, vec![("power_watts", watts)]),
        of(EventType::Memory, System::Mem, memory),
        of(EventType::Pcie, System::Pcie, vec![("pcie_replays", count(sample.pcie_replays))]),
    ];
    readings.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_system_of_the_protocol_has_its_word() {
        for number in 0..64 {
            let kind = wire::HealthEventType::try_from(number);
            let system = wire::HealthWatchSystem::try_from(number);
            let message = wire::HealthEvent {
                event_type: kind.map_or(0, i32::from),
                system: system.map_or(0, i32::from),
                ..wire::HealthEvent::default()
            };
            let read = event(&message, 0, "b");
            assert_eq!(kind.is_ok_and(|_| number > 0), read.event_type != EventType::Unknown, "type {number}");
            assert_eq!(system.is_ok_and(|_| number > 0), read.system != System::Unknown, "system {number}");
        }
    }

    #[test]
    fn an_event_of_an_agent_is_what_a_policy_of_navarch_expects() {
        let code = wire::EventMetric { value: Some(Value::Integer(79)) };
        let message = wire::HealthEvent {
            event_type: wire::HealthEventType::Xid.into(),
            system: wire::HealthWatchSystem::Driver.into(),
            gpu_index: 3,
            metrics: [("xid_code".to_owned(), code)].into(),
            ..wire::HealthEvent::default()
        };
        let read = event(&message, 1_000, "b");
        assert_eq!((read.code(), read.system.name()), (Some(79), "DCGM_HEALTH_WATCH_DRIVER"));
        assert_eq!(read.timestamp, "1970-01-01T00:00:01Z");
    }

    #[test]
    fn what_is_read_of_a_gpu_that_is_well_is_well_by_the_policy_of_a_new_installation() {
        let sample = GpuSample {
            temperature_celsius: Some(40),
            memory_temperature_celsius: Some(50),
            power_milliwatts: Some(300_000),
            ecc_volatile: Some(wire::EccCounts { corrected: Some(3), uncorrected: Some(0) }),
            row_remap: Some(wire::RowRemap::default()),
            pcie_replays: Some(17),
            ..GpuSample::default()
        };
        let read = readings(&sample);
        assert_eq!(read.len(), 4);
        let rules = argosy_health::Policy::standard().rules_of(None);
        let mut watch = argosy_health::Watch::new(rules, argosy_health::Facts::default(), argosy_model::ShardTime(0));
        for reading in read {
            watch.take(argosy_model::ShardTime(1_000), argosy_health::Input::Reading(reading));
            assert_eq!(watch.verdict().line(), "healthy (observe)");
        }
    }

    #[test]
    fn what_a_device_does_not_support_is_absent_and_never_zero() {
        assert_eq!(readings(&GpuSample::default()), []);
        let hot = GpuSample { index: 2, temperature_celsius: Some(91), ..GpuSample::default() };
        let read = readings(&hot);
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].gpu_index, read[0].metrics.len()), (2, 1));
    }
}
