//! Entry points about the driver as a whole, and those that find devices.

use std::os::raw::{c_char, c_int, c_uint};

use nvml_wrapper_sys::bindings::*;

use crate::answer::{give, give_text, handle_of, whole};
use crate::script::{current, devices, failure, of_device, of_system};

/// Succeeds when there is a script that does not say otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    match current() {
        Err(code) => code,
        Ok(script) => failure(&script["init"]).unwrap_or(nvmlReturn_enum_NVML_SUCCESS),
    }
}

/// Does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    nvmlReturn_enum_NVML_SUCCESS
}

/// `driver_version`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) -> nvmlReturn_t {
    give_text(version, length, of_system("driver_version"))
}

/// `nvml_version`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetNVMLVersion(version: *mut c_char, length: c_uint) -> nvmlReturn_t {
    give_text(version, length, of_system("nvml_version"))
}

/// `cuda_version`, as NVML counts: 12040 for 12.4.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetCudaDriverVersion_v2(version: *mut c_int) -> nvmlReturn_t {
    let number = of_system("cuda_version").and_then(|value| whole(&value));
    let fits = number.and_then(|n| c_int::try_from(n).map_err(|_| nvmlReturn_enum_NVML_ERROR_UNKNOWN));
    give(version, fits)
}

/// As many as the script has, or the failure under `gpu_count`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> nvmlReturn_t {
    give(count, devices().map(|n| c_uint::try_from(n).unwrap_or(c_uint::MAX)))
}

/// A lost device has no handle.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut nvmlDevice_t) -> nvmlReturn_t {
    let index = index as usize;
    let there = devices().and_then(|count| match index < count {
        true => of_device(index, "uuid").map(|_| handle_of(index)),
        false => Err(nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT),
    });
    give(device, there)
}
