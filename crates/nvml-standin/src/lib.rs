//! A stand-in for NVIDIA's `libnvidia-ml.so.1`: the C entry points that nvml-wrapper calls, answered from a script.
//!
//! With it the agent's real NVML code (the loading of the library, every call, the event thread) runs where no GPU is. A test
//! copies the built library into a folder of its own, writes `nvml.json` beside it and points the agent there; each copy is a library
//! of its own with a script of its own, so tests do not meet. The script is read again whenever it has changed: values over time,
//! events and failures are a test that rewrites it. What the script does not mention is not supported, as with a real driver.
//!
//! Architecture invariant: it is loaded by path in tests and never linked into `argosy`. It is, with `hermetic`, the only crate that
//! may hold `unsafe`: a C library cannot be had without. All of it is of one kind, writing an answer through a pointer that the caller
//! gave for it, as NVML's own contract demands; `answer` holds those writes, the other files only name entry points.

mod answer;
mod device;
mod events;
mod script;
mod system;

use std::path::PathBuf;

/// The name under which the built library lies beside the tests of a package that depends on this one.
pub const FILE_NAME: &str = "libnvml_standin.so";

/// The name of the script, in the folder of the library.
pub const SCRIPT_NAME: &str = "nvml.json";

/// Where cargo has put the library, seen from the running test; `None` when it did not build one.
#[must_use]
pub fn built_library() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.parent()?.join(FILE_NAME);
    beside.is_file().then_some(beside)
}
