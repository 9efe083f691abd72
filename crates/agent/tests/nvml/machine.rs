//! A healthy machine, and one that supports little.

use argosy_agent::gpu::{Expected, Gpus as _};
use argosy_agent::json::of_message;
use argosy_proto::argosy::v1::{EccCounts, GpuDriverState, RowRemap};
use serde_json::json;

use crate::stage::{Stage, driver, healthy};

#[test]
fn everything_that_a_device_supports_is_read() {
    let stage = healthy(2);
    let look = stage.gpus(Expected::OnBus).look();
    assert_eq!(look.driver.state(), GpuDriverState::Working);
    assert_eq!((look.driver.version.as_str(), look.driver.cuda_version.as_str()), ("550.54.15", "12.4"));
    assert_eq!((look.devices.len(), look.lost.len()), (2, 0));
    let (device, sample) = (&look.devices[1], &look.samples[1]);
    assert_eq!((device.uuid.as_str(), device.pci_bus_id.as_str()), ("GPU-1", "00000000:3c:00.0"));
    assert_eq!(device.architecture.as_deref(), Some("Hopper"));
    assert_eq!((device.memory_bytes, device.nvlinks, device.ecc_enabled), (Some(85_899_345_920), Some(2), Some(true)));
    assert_eq!((device.power_limit_milliwatts, device.mig_enabled), (Some(700_000), Some(false)));
    assert_eq!((sample.temperature_celsius, sample.memory_temperature_celsius), (Some(34), Some(41)));
    assert_eq!((sample.utilization_percent, sample.memory_utilization_percent), (Some(7), Some(3)));
    assert_eq!(sample.ecc_volatile, Some(EccCounts { corrected: Some(2), uncorrected: Some(0) }));
    assert_eq!(sample.ecc_aggregate, Some(EccCounts { corrected: Some(9), uncorrected: Some(1) }));
    assert_eq!(sample.row_remap, Some(RowRemap { corrected: 3, uncorrected: 1, pending: false, failure: false }));
    assert_eq!(sample.throttle_reason_names, ["idle"]);
    assert_eq!(
        sample.nvlinks.iter().map(|link| (link.active, link.replay_errors)).collect::<Vec<_>>(),
        [(true, Some(1)), (false, Some(0))]
    );
    assert_eq!(sample.recovery_action, Some(0));
    assert!(sample.failed_queries.is_empty(), "{:?}", sample.failed_queries);
}

#[test]
fn what_a_device_does_not_support_is_absent_and_never_zero() {
    let bare = json!({"uuid": "GPU-0", "name": "Tesla", "pci_bus_id": "00000000:3b:00.0", "temperature": 40});
    let stage = Stage::new(&driver(&[bare]), &["0000:3b:00.0"]);
    let look = stage.gpus(Expected::OnBus).look();
    assert!(look.lost.is_empty(), "a modest device is not a lost one: {:?}", look.lost);
    let shown = of_message(&argosy_proto::argosy::v1::AgentSample { gpus: look.samples, ..Default::default() });
    assert_eq!(shown, json!({"gpus": [{"uuid": "GPU-0", "temperature_celsius": 40}]}));
}

#[test]
fn a_query_that_fails_is_named_and_takes_no_other_with_it() {
    let mut sick = crate::stage::gpu(0);
    sick["power_usage"] = json!("!UNKNOWN");
    sick["fields"]["230"] = json!("!NO_PERMISSION");
    let stage = Stage::new(&driver(&[sick]), &["0000:3b:00.0"]);
    let look = stage.gpus(Expected::OnBus).look();
    let sample = &look.samples[0];
    assert_eq!((sample.power_milliwatts, sample.recovery_action), (None, None));
    assert_eq!(sample.failed_queries.keys().collect::<Vec<_>>(), ["power", "recovery_action"]);
    assert_eq!((sample.temperature_celsius, sample.utilization_percent), (Some(34), Some(7)));
}

#[test]
fn values_change_over_time_and_so_does_the_sample() {
    let stage = healthy(1);
    let mut gpus = stage.gpus(Expected::OnBus);
    assert_eq!(gpus.look().samples[0].temperature_celsius, Some(34));
    let mut hot = crate::stage::gpu(0);
    hot["temperature"] = json!(96);
    stage.play(&driver(&[hot]));
    assert_eq!(gpus.look().samples[0].temperature_celsius, Some(96));
}
