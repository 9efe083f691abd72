//! The script: which devices there are, what each query answers, which events come, what fails.
//!
//! Values are JSON numbers, strings and booleans under the keys that the entry points name. `"!NOT_SUPPORTED"`, `"!GPU_IS_LOST"` and
//! the like are failures; a device with `"lost": true` fails every query; a top-level `"driver": "!DRIVER_NOT_LOADED"` fails every
//! call. An absent key is not supported.

use std::ffi::CStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use nvml_wrapper_sys::bindings::*;
use serde_json::Value;

use crate::SCRIPT_NAME;

/// What a query gets: a value, or NVML's code of a failure.
pub(crate) type Answer<T> = Result<T, nvmlReturn_t>;

struct Read {
    stamp: (SystemTime, u64, u64),
    script: Arc<Value>,
}

static LAST: Mutex<Option<Read>> = Mutex::new(None);

/// The script as it stands in the file now. One that cannot be read is a driver that is not there.
pub(crate) fn current() -> Answer<Arc<Value>> {
    let path = folder().ok_or(nvmlReturn_enum_NVML_ERROR_LIBRARY_NOT_FOUND)?.join(SCRIPT_NAME);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let meta = std::fs::metadata(&path).map_err(|_| nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED)?;
    let stamp = (meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), meta.ino());
    if let Some(read) = last.as_ref().filter(|read| read.stamp == stamp) {
        return usable(Arc::clone(&read.script));
    }
    let text = std::fs::read(&path).map_err(|_| nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED)?;
    let script = serde_json::from_slice(&text).map_err(|_| nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH)?;
    let script = Arc::new(script);
    *last = Some(Read { stamp, script: Arc::clone(&script) });
    usable(script)
}

fn usable(script: Arc<Value>) -> Answer<Arc<Value>> {
    match failure(&script["driver"]) {
        Some(code) => Err(code),
        None => Ok(script),
    }
}

/// The number of devices that the driver lists.
pub(crate) fn devices() -> Answer<usize> {
    let script = current()?;
    if let Some(code) = failure(&script["gpu_count"]) {
        return Err(code);
    }
    Ok(script["gpus"].as_array().map_or(0, Vec::len))
}

/// A device's value under `key`.
pub(crate) fn of_device(index: usize, key: &str) -> Answer<Value> {
    let script = current()?;
    let device = script["gpus"].get(index).ok_or(nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST)?;
    if device["lost"] == Value::Bool(true) {
        return Err(nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST);
    }
    found(&device[key])
}

/// A value of the system under `key`.
pub(crate) fn of_system(key: &str) -> Answer<Value> {
    found(&current()?[key])
}

fn found(value: &Value) -> Answer<Value> {
    match (value, failure(value)) {
        (_, Some(code)) => Err(code),
        (Value::Null, None) => Err(nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED),
        (value, None) => Ok(value.clone()),
    }
}

/// The code of a failure, where the value says one.
pub(crate) fn failure(value: &Value) -> Option<nvmlReturn_t> {
    Some(match value.as_str()?.strip_prefix('!')? {
        "UNINITIALIZED" => nvmlReturn_enum_NVML_ERROR_UNINITIALIZED,
        "INVALID_ARGUMENT" => nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
        "NOT_SUPPORTED" => nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
        "NO_PERMISSION" => nvmlReturn_enum_NVML_ERROR_NO_PERMISSION,
        "NOT_FOUND" => nvmlReturn_enum_NVML_ERROR_NOT_FOUND,
        "DRIVER_NOT_LOADED" => nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED,
        "TIMEOUT" => nvmlReturn_enum_NVML_ERROR_TIMEOUT,
        "GPU_IS_LOST" => nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST,
        "RESET_REQUIRED" => nvmlReturn_enum_NVML_ERROR_RESET_REQUIRED,
        "LIB_RM_VERSION_MISMATCH" => nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        "NO_DATA" => nvmlReturn_enum_NVML_ERROR_NO_DATA,
        _ => nvmlReturn_enum_NVML_ERROR_UNKNOWN,
    })
}

/// The folder of the file that this code was loaded from: every copy of the library has its own.
fn folder() -> Option<PathBuf> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let here: fn() -> Option<PathBuf> = folder;
    // SAFETY: `here` points into this library and `info` is ours to be written.
    let known = unsafe { libc::dladdr(here as *const libc::c_void, &raw mut info) } != 0;
    if !known || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: after a success `dli_fname` is a string that lives as long as this library is loaded.
    let file = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(file.to_str().ok()?).parent()?.to_path_buf())
}
