//! Writing answers through the caller's pointers, as NVML's contract has it: non-null, of the stated type, of the stated length.

use std::os::raw::{c_char, c_uint};

use nvml_wrapper_sys::bindings::*;
use serde_json::Value;

use crate::script::{Answer, of_device};

/// A device handle is the device's index in the script, and one more, so that none is null.
pub(crate) fn index_of(device: nvmlDevice_t) -> usize {
    (device as usize).wrapping_sub(1)
}

/// The handle of a device.
pub(crate) fn handle_of(index: usize) -> nvmlDevice_t {
    (index + 1) as nvmlDevice_t
}

/// Writes `answer` to `out`, and turns it into NVML's return code.
pub(crate) fn give<T>(out: *mut T, answer: Answer<T>) -> nvmlReturn_t {
    match answer {
        Err(code) => code,
        Ok(_) if out.is_null() => nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
        Ok(value) => {
            // SAFETY: not null, and by NVML's contract a place for one `T`.
            unsafe { out.write(value) };
            nvmlReturn_enum_NVML_SUCCESS
        }
    }
}

/// Writes a string with its terminator into a buffer of `length` bytes.
pub(crate) fn give_text(buffer: *mut c_char, length: c_uint, answer: Answer<Value>) -> nvmlReturn_t {
    let text = match answer {
        Err(code) => return code,
        Ok(value) => value.as_str().unwrap_or_default().to_owned(),
    };
    if buffer.is_null() || text.len() >= length as usize {
        return nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE;
    }
    for (at, byte) in text.bytes().chain([0]).enumerate() {
        // SAFETY: `at` is below `length`, the size of the caller's buffer.
        unsafe { buffer.add(at).write(byte.cast_signed()) };
    }
    nvmlReturn_enum_NVML_SUCCESS
}

/// A device's value as a whole number; booleans count as 0 and 1.
pub(crate) fn number(device: nvmlDevice_t, key: &str) -> Answer<u64> {
    whole(&of_device(index_of(device), key)?)
}

/// A value as a whole number.
pub(crate) fn whole(value: &Value) -> Answer<u64> {
    let number = value.as_bool().map(u64::from).or_else(|| value.as_u64());
    number.ok_or(nvmlReturn_enum_NVML_ERROR_UNKNOWN)
}

/// A device's value as NVML's usual 32 bits.
pub(crate) fn small(device: nvmlDevice_t, key: &str) -> Answer<c_uint> {
    u32::try_from(number(device, key)?).map_err(|_| nvmlReturn_enum_NVML_ERROR_UNKNOWN)
}
