//! Event sets: each takes the events of the script in their order, from the one after those that the library has delivered.

use std::os::raw::{c_uint, c_ulonglong};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nvml_wrapper_sys::bindings::*;
use serde_json::Value;

use crate::answer::{give, handle_of, index_of};
use crate::script::{Answer, current, failure, of_device};

/// How often a waiting set looks into the script.
const LOOK: Duration = Duration::from_millis(5);

/// How many of the script's events have been delivered.
static DELIVERED: Mutex<usize> = Mutex::new(0);

/// There is one set; its handle is never looked into.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetCreate(set: *mut nvmlEventSet_t) -> nvmlReturn_t {
    give(set, current().map(|_| 1 as nvmlEventSet_t))
}

/// Succeeds for the kinds under `event_types`.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceRegisterEvents(
    device: nvmlDevice_t,
    types: c_ulonglong,
    _set: nvmlEventSet_t,
) -> nvmlReturn_t {
    match of_device(index_of(device), "event_types") {
        Err(code) => code,
        Ok(known) if types & !known.as_u64().unwrap_or(0) == 0 => nvmlReturn_enum_NVML_SUCCESS,
        Ok(_) => nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED,
    }
}

/// The next of `events: [{"gpu": 0, "xid": 79}]`, or `TIMEOUT`; an event `{"fails": "!GPU_IS_LOST"}` fails the call.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait_v2(
    _set: nvmlEventSet_t,
    data: *mut nvmlEventData_t,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    let until = Instant::now() + Duration::from_millis(u64::from(timeout_ms));
    loop {
        match next() {
            Err(code) => return code,
            Ok(Some(event)) => return give(data, event),
            Ok(None) if Instant::now() >= until => return nvmlReturn_enum_NVML_ERROR_TIMEOUT,
            Ok(None) => std::thread::sleep(LOOK),
        }
    }
}

/// Nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetFree(_set: nvmlEventSet_t) -> nvmlReturn_t {
    nvmlReturn_enum_NVML_SUCCESS
}

fn next() -> Answer<Option<Answer<nvmlEventData_t>>> {
    let script = current()?;
    let mut delivered = DELIVERED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(event) = script["events"].get(*delivered) else { return Ok(None) };
    *delivered += 1;
    Ok(Some(read(event)))
}

fn read(event: &Value) -> Answer<nvmlEventData_t> {
    if let Some(code) = failure(&event["fails"]) {
        return Err(code);
    }
    let number = |key: &str, absent: u64| event[key].as_u64().unwrap_or(absent);
    Ok(nvmlEventData_t {
        device: handle_of(usize::try_from(number("gpu", 0)).unwrap_or(usize::MAX - 1)),
        eventType: number("type", u64::from(nvmlEventTypeXidCriticalError)),
        eventData: number("xid", 0),
        gpuInstanceId: u32::MAX,
        computeInstanceId: u32::MAX,
    })
}
