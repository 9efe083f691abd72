//! A device's numbers at one moment.

use argosy_proto::argosy::v1::{EccCounts, GpuSample, NvLinkSample, RowRemap};
use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, RetirementCause, TemperatureSensor};
use nvml_wrapper::enum_wrappers::nv_link::ErrorCounter;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id;

use super::ask::{Answers, is_unsupported};
use super::device::throttle_names;

/// Asks for everything. The second value is what the driver said if it could not reach the device any more.
pub(super) fn sample(device: &Device<'_>, index: u32, uuid: &str, links: u32) -> (GpuSample, Option<String>) {
    let mut answers = Answers::default();
    let mut sample = GpuSample { index, uuid: uuid.to_owned(), ..GpuSample::default() };
    load(device, &mut answers, &mut sample);
    memory_health(device, &mut answers, &mut sample);
    bus(device, links, &mut answers, &mut sample);
    fields(device, &mut answers, &mut sample);
    sample.failed_queries = answers.failed;
    (sample, answers.lost)
}

fn load(device: &Device<'_>, answers: &mut Answers, sample: &mut GpuSample) {
    sample.temperature_celsius = answers.take("temperature", device.temperature(TemperatureSensor::Gpu));
    sample.power_milliwatts = answers.take("power", device.power_usage());
    sample.energy_millijoules = answers.take("energy", device.total_energy_consumption());
    let utilization = answers.take("utilization", device.utilization_rates());
    sample.utilization_percent = utilization.as_ref().map(|rates| rates.gpu);
    sample.memory_utilization_percent = utilization.map(|rates| rates.memory);
    sample.memory_used_bytes = answers.take("memory", device.memory_info()).map(|memory| memory.used);
    sample.sm_clock_mhz = answers.take("sm_clock", device.clock_info(Clock::SM));
    sample.memory_clock_mhz = answers.take("memory_clock", device.clock_info(Clock::Memory));
    sample.fan_percent = answers.take("fan", device.fan_speed(0));
    sample.performance_state = answers.take("performance_state", device.performance_state()).map(|state| state.as_c());
    let reasons = answers.take("throttle_reasons", device.current_throttle_reasons());
    sample.throttle_reasons = reasons.map(|reasons| reasons.bits());
    sample.throttle_reason_names = sample.throttle_reasons.map(throttle_names).unwrap_or_default();
}

fn memory_health(device: &Device<'_>, answers: &mut Answers, sample: &mut GpuSample) {
    sample.ecc_volatile = ecc(device, EccCounter::Volatile, "ecc_volatile", answers);
    sample.ecc_aggregate = ecc(device, EccCounter::Aggregate, "ecc_aggregate", answers);
    let mut retired = |cause, name: &str| {
        let pages = answers.take(name, device.retired_pages(cause));
        pages.map(|pages| u32::try_from(pages.len()).unwrap_or(u32::MAX))
    };
    sample.retired_pages_sbe = retired(RetirementCause::MultipleSingleBitEccErrors, "retired_pages_sbe");
    sample.retired_pages_dbe = retired(RetirementCause::DoubleBitEccError, "retired_pages_dbe");
    sample.retirement_pending = answers.take("retirement_pending", device.are_pages_pending_retired());
}

fn ecc(device: &Device<'_>, since: EccCounter, name: &str, answers: &mut Answers) -> Option<EccCounts> {
    let mut count = |error: MemoryError| answers.take(name, device.total_ecc_errors(error, since));
    let counts = EccCounts { corrected: count(MemoryError::Corrected), uncorrected: count(MemoryError::Uncorrected) };
    (counts != EccCounts::default()).then_some(counts)
}

fn bus(device: &Device<'_>, links: u32, answers: &mut Answers, sample: &mut GpuSample) {
    sample.pcie_generation = answers.take("pcie_generation", device.current_pcie_link_gen());
    sample.pcie_width = answers.take("pcie_width", device.current_pcie_link_width());
    sample.pcie_replays = answers.take("pcie_replays", device.pcie_replay_counter()).map(u64::from);
    for link in 0..links {
        let wrapper = device.link_wrapper_for(link);
        let Some(active) = answers.take(&format!("nvlink_{link}"), wrapper.is_active()) else { continue };
        let mut errors =
            |counter, name: &str| answers.take(&format!("nvlink_{link}_{name}"), wrapper.error_counter(counter));
        sample.nvlinks.push(NvLinkSample {
            link,
            active,
            replay_errors: errors(ErrorCounter::DlReplay, "replay"),
            recovery_errors: errors(ErrorCounter::DlRecovery, "recovery"),
            crc_flit_errors: errors(ErrorCounter::DlCrcFlit, "crc_flit"),
            crc_data_errors: errors(ErrorCounter::DlCrcData, "crc_data"),
        });
    }
}

/// What NVML gives only by the number of a field.
fn fields(device: &Device<'_>, answers: &mut Answers, sample: &mut GpuSample) {
    let wanted = [
        field_id::NVML_FI_DEV_REMAPPED_COR,
        field_id::NVML_FI_DEV_REMAPPED_UNC,
        field_id::NVML_FI_DEV_REMAPPED_PENDING,
        field_id::NVML_FI_DEV_REMAPPED_FAILURE,
        field_id::NVML_FI_DEV_MEMORY_TEMP,
        field_id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
    ];
    let names = ["row_remap_corrected", "row_remap_uncorrected", "row_remap_pending", "row_remap_failure"];
    let names = names.into_iter().chain(["memory_temperature", "recovery_action"]);
    let Some(values) = answers.take("fields", device.field_values_for(&wanted.map(FieldId))) else { return };
    let mut numbers = names.zip(values).map(|(name, value)| {
        let value = value.and_then(|value| value.value);
        // A driver that has never heard of a field calls the number invalid.
        let value =
            value.map_err(|error| if matches!(error, NvmlError::InvalidArg) { NvmlError::NotSupported } else { error });
        answers.take(name, value).and_then(|value| whole(&value))
    });
    let mut next = || numbers.next().flatten();
    let (corrected, uncorrected, pending, failure) = (next(), next(), next(), next());
    sample.memory_temperature_celsius = next().and_then(|number| u32::try_from(number).ok());
    sample.recovery_action = next().and_then(|number| i32::try_from(number).ok());
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    if let (Some(corrected), Some(uncorrected)) = (corrected, uncorrected) {
        sample.row_remap = Some(RowRemap {
            corrected: small(corrected),
            uncorrected: small(uncorrected),
            pending: pending.is_some_and(|number| number != 0),
            failure: failure.is_some_and(|number| number != 0),
        });
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: &SampleValue) -> Option<u64> {
    match *value {
        SampleValue::U32(number) => Some(u64::from(number)),
        SampleValue::U64(number) => Some(number),
        SampleValue::I64(number) => u64::try_from(number).ok(),
        SampleValue::F64(number) => (number >= 0.0 && number.is_finite()).then_some(number as u64),
    }
}

/// Whether an error means that the driver as a whole is gone, and not one query.
pub(super) fn is_driver_gone(error: &NvmlError) -> bool {
    use NvmlError::{DriverNotLoaded, LibRmVersionMismatch, Uninitialized, Unknown};
    !is_unsupported(error) && matches!(error, DriverNotLoaded | LibRmVersionMismatch | Uninitialized | Unknown)
}
