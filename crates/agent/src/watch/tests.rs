//! Looks in a row, and what of them is news.

use argosy_proto::argosy::v1::event_metric::Value;
use argosy_proto::argosy::v1::{
    EccCounts, GpuDevice, GpuDriver, GpuDriverState, GpuSample, HealthEvent, HealthEventType as Type, NvLinkSample,
    RowRemap,
};

use super::{Thresholds, Watch};
use crate::gpu::{Look, LostDevice};

fn device(index: u32) -> GpuDevice {
    GpuDevice {
        index,
        uuid: format!("GPU-{index}"),
        pci_bus_id: format!("00000000:{index:02x}:00.0"),
        pcie_width_max: Some(16),
        ..GpuDevice::default()
    }
}

fn look(gpus: u32) -> Look {
    let driver = GpuDriver { state: GpuDriverState::Working.into(), ..GpuDriver::default() };
    let devices: Vec<_> = (0..gpus).map(device).collect();
    let samples =
        devices.iter().map(|d| GpuSample { index: d.index, uuid: d.uuid.clone(), ..GpuSample::default() }).collect();
    Look { driver, devices, samples, lost: Vec::new() }
}

fn driver_lost() -> Look {
    let driver =
        GpuDriver { state: GpuDriverState::Lost.into(), error: "not loaded".to_owned(), ..GpuDriver::default() };
    Look { driver, ..Look::default() }
}

fn kinds(events: &[HealthEvent]) -> Vec<(Type, i32)> {
    events.iter().map(|event| (event.event_type(), event.gpu_index)).collect()
}

fn integer(event: &HealthEvent, key: &str) -> Option<i64> {
    match event.metrics.get(key)?.value {
        Some(Value::Integer(number)) => Some(number),
        _ => None,
    }
}

/// A watch that has seen its boot.
fn watch(first: &Look) -> Watch {
    let mut watch = Watch::resume(Thresholds::default(), b"", "boot-1");
    assert_eq!(kinds(&watch.observe(first, 0)), [(Type::Boot, -1)]);
    watch
}

#[test]
fn a_lost_driver_is_one_event_and_no_gpu_is_made_up_for_it() {
    let mut watch = watch(&look(8));
    let events = watch.observe(&driver_lost(), 10_000);
    assert_eq!(kinds(&events), [(Type::DriverError, -1)]);
    assert!(watch.observe(&driver_lost(), 20_000).is_empty(), "the same loss twice");
    assert_eq!(kinds(&watch.observe(&look(8), 30_000)), [(Type::Recovered, -1)]);
}

#[test]
fn a_gpu_that_fell_off_the_bus_is_told_once_and_by_its_uuid() {
    let mut watch = watch(&look(8));
    let mut fallen = look(8);
    fallen.devices.remove(3);
    fallen.samples.remove(3);
    fallen.lost.push(LostDevice { index: Some(3), error: "fell off".to_owned(), ..LostDevice::default() });
    let events = watch.observe(&fallen, 10_000);
    assert_eq!(kinds(&events), [(Type::DriverError, 3)]);
    assert_eq!(events[0].gpu_uuid, "GPU-3");
    assert!(watch.observe(&fallen, 20_000).is_empty());
    assert!(watch.observe(&fallen, 30_000).is_empty());
}

#[test]
fn a_gpu_that_is_no_longer_listed_is_missed_also_after_a_boot() {
    let mut watch = watch(&look(8));
    assert_eq!(kinds(&watch.observe(&look(7), 10_000)), [(Type::DriverError, 7)]);
    assert_eq!(kinds(&watch.observe(&look(8), 20_000)), [(Type::Recovered, 7)]);
    let mut next_boot = Watch::resume(Thresholds::default(), &watch.baseline(), "boot-2");
    assert_eq!(kinds(&next_boot.observe(&look(7), 0)), [(Type::Boot, -1), (Type::DriverError, 7)]);
}

#[test]
fn a_gpu_that_people_replaced_is_not_missed() {
    let mut watch = watch(&look(2));
    let mut replaced = look(2);
    "GPU-new".clone_into(&mut replaced.devices[1].uuid);
    "GPU-new".clone_into(&mut replaced.samples[1].uuid);
    assert_eq!(watch.observe(&replaced, 10_000), []);
    assert_eq!(watch.observe(&replaced, 20_000), []);
}

#[test]
fn a_restarted_agent_repeats_nothing_and_misses_nothing() {
    let mut broken = look(1);
    broken.samples[0].ecc_volatile = Some(EccCounts { corrected: Some(0), uncorrected: Some(1) });
    let mut first = watch(&look(1));
    assert_eq!(kinds(&first.observe(&broken, 10_000)), [(Type::EccDbe, 0)]);
    let mut again = Watch::resume(Thresholds::default(), &first.baseline(), "boot-1");
    assert_eq!(again.observe(&broken, 20_000), [], "an old error was told again");
    let mut again = Watch::resume(Thresholds::default(), &first.baseline(), "boot-1");
    broken.samples[0].ecc_volatile = Some(EccCounts { corrected: Some(0), uncorrected: Some(3) });
    let events = again.observe(&broken, 20_000);
    assert_eq!(integer(&events[0], "ecc_dbe_delta"), Some(2), "what happened meanwhile");
    assert_eq!(integer(&events[0], "ecc_dbe_count"), Some(3));
}

#[test]
fn damage_that_is_there_at_first_sight_is_news_and_noise_is_not() {
    let mut old = look(1);
    let sample = &mut old.samples[0];
    sample.ecc_volatile = Some(EccCounts { corrected: Some(500), uncorrected: Some(2) });
    sample.row_remap = Some(RowRemap { corrected: 3, uncorrected: 1, pending: true, failure: false });
    sample.pcie_replays = Some(9);
    sample.recovery_action = Some(1);
    let mut watch = Watch::resume(Thresholds::default(), b"not a baseline", "boot-1");
    let events = watch.observe(&old, 0);
    let expected = [(Type::Boot, -1), (Type::EccDbe, 0), (Type::RowRemap, 0), (Type::RecoveryAction, 0)];
    assert_eq!(kinds(&events), expected);
}

#[test]
fn a_counter_that_fell_was_reset_and_counts_from_nothing() {
    let with = |count| {
        let mut look = look(1);
        look.samples[0].ecc_volatile = Some(EccCounts { corrected: None, uncorrected: Some(count) });
        look
    };
    let mut watch = watch(&with(0));
    assert_eq!(watch.observe(&with(5), 10).len(), 1);
    assert_eq!(watch.observe(&with(0), 20), []);
    assert_eq!(integer(&watch.observe(&with(1), 30)[0], "ecc_dbe_delta"), Some(1));
}

#[test]
fn heat_is_told_at_each_threshold_and_again_only_after_it_cooled() {
    let at = |degrees| {
        let mut look = look(1);
        look.samples[0].temperature_celsius = Some(degrees);
        look
    };
    let mut watch = watch(&at(40));
    let told: Vec<usize> =
        [84, 85, 90, 84, 86, 95, 99, 84, 81, 80, 85].map(|t| watch.observe(&at(t), 0).len()).to_vec();
    assert_eq!(told, [0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1]);
}

#[test]
fn a_link_that_goes_down_is_told_and_its_noise_only_now_and_then() {
    let with = |active, errors| {
        let mut look = look(1);
        let link = NvLinkSample { link: 4, active, replay_errors: Some(errors), ..NvLinkSample::default() };
        look.samples[0].nvlinks.push(link);
        look
    };
    let mut watch = watch(&with(true, 7));
    assert_eq!(kinds(&watch.observe(&with(false, 7), 0)), [(Type::Nvlink, 0)]);
    assert_eq!(kinds(&watch.observe(&with(true, 7), 0)), [(Type::Recovered, 0)]);
    assert_eq!(integer(&watch.observe(&with(true, 8), 0)[0], "nvlink_errors_delta"), Some(1));
    assert_eq!(watch.observe(&with(true, 20), 59_999), []);
    assert_eq!(
        integer(&watch.observe(&with(true, 30), 60_000)[0], "nvlink_errors_delta"),
        Some(22),
        "errors were lost"
    );
}

#[test]
fn fewer_lanes_are_told_and_a_slower_link_of_an_idle_device_is_not() {
    let with = |generation, width| {
        let mut look = look(1);
        look.samples[0].pcie_generation = Some(generation);
        look.samples[0].pcie_width = Some(width);
        look
    };
    let mut watch = watch(&with(5, 16));
    assert_eq!(watch.observe(&with(1, 16), 0), []);
    assert_eq!(kinds(&watch.observe(&with(5, 8), 0)), [(Type::Pcie, 0)]);
    assert_eq!(watch.observe(&with(5, 8), 0), []);
}

#[test]
fn clocks_held_down_by_heat_or_power_are_told_and_by_idling_are_not() {
    let with = |reasons| {
        let mut look = look(1);
        look.samples[0].throttle_reasons = Some(reasons);
        look
    };
    let mut watch = watch(&with(1));
    assert_eq!(watch.observe(&with(0x1 | 0x4 | 0x8), 0), []);
    assert_eq!(kinds(&watch.observe(&with(0x40), 0)), [(Type::Throttle, 0)]);
    assert_eq!(watch.observe(&with(0x40), 0), []);
    assert_eq!(kinds(&watch.observe(&with(0xc0), 0)), [(Type::Throttle, 0)]);
}
