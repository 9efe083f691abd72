//! Entry points about one device. The macros say which key of the script answers which function.

use std::os::raw::{c_char, c_int, c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::*;
use serde_json::Value;

use crate::answer::{give, give_text, index_of, number, small, whole};
use crate::script::{Answer, failure, of_device};

/// Functions that answer one number of 32 bits (`small`) or 64 (`large`).
macro_rules! numbers {
    ($($width:ident $symbol:ident = $key:literal),+ $(,)?) => {
        $( numbers!(@ $width $symbol $key); )+
    };
    (@ small $symbol:ident $key:literal) => {
        #[doc = concat!("`", $key, "`.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $symbol(device: nvmlDevice_t, out: *mut c_uint) -> nvmlReturn_t {
            give(out, small(device, $key))
        }
    };
    (@ large $symbol:ident $key:literal) => {
        #[doc = concat!("`", $key, "`.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $symbol(device: nvmlDevice_t, out: *mut c_ulonglong) -> nvmlReturn_t {
            give(out, number(device, $key))
        }
    };
}

numbers! {
    small nvmlDeviceGetIndex = "index",
    small nvmlDeviceGetPowerUsage = "power_usage",
    small nvmlDeviceGetEnforcedPowerLimit = "power_limit",
    small nvmlDeviceGetCurrPcieLinkGeneration = "pcie_generation",
    small nvmlDeviceGetMaxPcieLinkGeneration = "pcie_generation_max",
    small nvmlDeviceGetCurrPcieLinkWidth = "pcie_width",
    small nvmlDeviceGetMaxPcieLinkWidth = "pcie_width_max",
    small nvmlDeviceGetPcieReplayCounter = "pcie_replays",
    small nvmlDeviceGetArchitecture = "architecture",
    small nvmlDeviceGetPerformanceState = "performance_state",
    small nvmlDeviceGetRetiredPagesPendingStatus = "retirement_pending",
    large nvmlDeviceGetCurrentClocksThrottleReasons = "throttle_reasons",
    large nvmlDeviceGetSupportedEventTypes = "event_types",
    large nvmlDeviceGetTotalEnergyConsumption = "energy",
}

/// Functions that answer one string.
macro_rules! texts {
    ($($symbol:ident = $key:literal),+ $(,)?) => {
        $(
            #[doc = concat!("`", $key, "`.")]
            #[unsafe(no_mangle)]
            pub extern "C" fn $symbol(device: nvmlDevice_t, out: *mut c_char, length: c_uint) -> nvmlReturn_t {
                give_text(out, length, of_device(index_of(device), $key))
            }
        )+
    };
}

texts! {
    nvmlDeviceGetName = "name",
    nvmlDeviceGetUUID = "uuid",
    nvmlDeviceGetSerial = "serial",
    nvmlDeviceGetVbiosVersion = "vbios",
}

/// `temperature`; there is one sensor.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTemperature(device: nvmlDevice_t, _sensor: c_uint, out: *mut c_uint) -> nvmlReturn_t {
    give(out, small(device, "temperature"))
}

/// `clock_graphics`, `clock_sm`, `clock_memory`, `clock_video`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetClockInfo(device: nvmlDevice_t, which: c_uint, out: *mut c_uint) -> nvmlReturn_t {
    let key = ["clock_graphics", "clock_sm", "clock_memory", "clock_video"].get(which as usize);
    give(out, small(device, key.copied().unwrap_or_default()))
}

/// `fan`, for every fan.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFanSpeed_v2(device: nvmlDevice_t, _fan: c_uint, out: *mut c_uint) -> nvmlReturn_t {
    give(out, small(device, "fan"))
}

/// `utilization: [gpu, memory]`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUtilizationRates(device: nvmlDevice_t, out: *mut nvmlUtilization_t) -> nvmlReturn_t {
    let pair = numbers_of::<2>(device, "utilization");
    give(out, pair.map(|[gpu, memory]| nvmlUtilization_t { gpu: clip(gpu), memory: clip(memory) }))
}

/// `memory: [total, reserved, free, used]`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: nvmlDevice_t, out: *mut nvmlMemory_v2_t) -> nvmlReturn_t {
    let four = numbers_of::<4>(device, "memory");
    give(out, four.map(|[total, reserved, free, used]| nvmlMemory_v2_t { version: 2, total, reserved, free, used }))
}

/// `ecc_mode: [current, pending]`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetEccMode(device: nvmlDevice_t, now: *mut c_uint, later: *mut c_uint) -> nvmlReturn_t {
    give_pair(device, "ecc_mode", now, later)
}

/// `mig_mode: [current, pending]`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMigMode(device: nvmlDevice_t, now: *mut c_uint, later: *mut c_uint) -> nvmlReturn_t {
    give_pair(device, "mig_mode", now, later)
}

/// `pci_bus_id`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPciInfo_v3(device: nvmlDevice_t, out: *mut nvmlPciInfo_t) -> nvmlReturn_t {
    let info = of_device(index_of(device), "pci_bus_id").map(|value| {
        let text = value.as_str().unwrap_or_default();
        let mut info = nvmlPciInfo_t {
            busIdLegacy: [0; 16],
            domain: 0,
            bus: 0,
            device: 0,
            pciDeviceId: 0,
            pciSubSystemId: 0,
            busId: [0; 32],
        };
        for (to, from) in info.busId.iter_mut().zip(text.bytes().take(31)) {
            *to = from.cast_signed();
        }
        info
    });
    give(out, info)
}

/// `ecc_volatile: [corrected, uncorrected]` and `ecc_aggregate`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: nvmlDevice_t,
    error: nvmlMemoryErrorType_t,
    counter: nvmlEccCounterType_t,
    out: *mut c_ulonglong,
) -> nvmlReturn_t {
    let key = if counter == nvmlEccCounterType_enum_NVML_VOLATILE_ECC { "ecc_volatile" } else { "ecc_aggregate" };
    let uncorrected = error == nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_UNCORRECTED;
    give(out, numbers_of::<2>(device, key).map(|counts| counts[usize::from(uncorrected)]))
}

/// `retired_pages: [by single-bit errors, by a double-bit error]`: the count only, which is all that is asked for.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetRetiredPages(
    device: nvmlDevice_t,
    cause: nvmlPageRetirementCause_t,
    count: *mut c_uint,
    _addresses: *mut c_ulonglong,
) -> nvmlReturn_t {
    give(count, retired(device, cause))
}

/// As [`nvmlDeviceGetRetiredPages`]; the addresses stay as the caller had them.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetRetiredPages_v2(
    device: nvmlDevice_t,
    cause: nvmlPageRetirementCause_t,
    count: *mut c_uint,
    _addresses: *mut c_ulonglong,
    _timestamps: *mut c_ulonglong,
) -> nvmlReturn_t {
    give(count, retired(device, cause))
}

fn retired(device: nvmlDevice_t, cause: nvmlPageRetirementCause_t) -> Answer<c_uint> {
    let double = nvmlPageRetirementCause_enum_NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR;
    Ok(clip(numbers_of::<2>(device, "retired_pages")?[usize::from(cause == double)]))
}

/// `nvlinks[link].active`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetNvLinkState(device: nvmlDevice_t, link: c_uint, out: *mut c_uint) -> nvmlReturn_t {
    give(out, of_link(device, link, "active").and_then(|value| whole(&value)).map(clip))
}

/// `nvlinks[link].errors: [replay, recovery, crc flit, crc data]`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetNvLinkErrorCounter(
    device: nvmlDevice_t,
    link: c_uint,
    counter: nvmlNvLinkErrorCounter_t,
    out: *mut c_ulonglong,
) -> nvmlReturn_t {
    let errors = of_link(device, link, "errors");
    give(out, errors.and_then(|errors| whole(&errors[counter as usize])))
}

fn of_link(device: nvmlDevice_t, link: c_uint, key: &str) -> Answer<Value> {
    let links = of_device(index_of(device), "nvlinks")?;
    let link = links.get(link as usize).ok_or(nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT)?;
    match (&link[key], failure(&link[key])) {
        (_, Some(code)) => Err(code),
        (Value::Null, None) => Err(nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED),
        (value, None) => Ok(value.clone()),
    }
}

/// `fields: {"142": 3}`: a number by the number of the field.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFieldValues(
    device: nvmlDevice_t,
    count: c_int,
    values: *mut nvmlFieldValue_t,
) -> nvmlReturn_t {
    // A device that is lost fails the call and not the fields.
    if let Err(code) = of_device(index_of(device), "uuid") {
        return code;
    }
    let fields = of_device(index_of(device), "fields").unwrap_or(Value::Null);
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: by NVML's contract `values` points to `count` of them, each with its field id filled in.
        let field = unsafe { &mut *values.add(at) };
        let value = &fields[field.fieldId.to_string()];
        field.nvmlReturn = failure(value).unwrap_or(match value {
            Value::Null => nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
            _ => nvmlReturn_enum_NVML_SUCCESS,
        });
        field.valueType = nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        field.value = nvmlValue_t { ullVal: whole(value).unwrap_or(0) };
    }
    nvmlReturn_enum_NVML_SUCCESS
}

fn numbers_of<const N: usize>(device: nvmlDevice_t, key: &str) -> Answer<[u64; N]> {
    let list = of_device(index_of(device), key)?;
    let mut numbers = [0; N];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = whole(&list[at])?;
    }
    Ok(numbers)
}

fn give_pair(device: nvmlDevice_t, key: &str, now: *mut c_uint, later: *mut c_uint) -> nvmlReturn_t {
    let pair = numbers_of::<2>(device, key);
    give(now, pair.map(|pair| clip(pair[0]))).max(give(later, pair.map(|pair| clip(pair[1]))))
}

fn clip(number: u64) -> c_uint {
    c_uint::try_from(number).unwrap_or(c_uint::MAX)
}
