//! One query: known, not supported, or failed. The three are never mixed up.

use std::collections::BTreeMap;

use nvml_wrapper::error::NvmlError;

/// Collects the answers of one device.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The queries that failed for another reason than lack of support, with what the driver said.
    pub(super) failed: BTreeMap<String, String>,
    /// What it said when it could not reach the device any more.
    pub(super) lost: Option<String>,
}

impl Answers {
    /// The value, or nothing where there is none to have. Remembers a failure under `name`.
    pub(super) fn take<T>(&mut self, name: &str, answer: Result<T, NvmlError>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(error) if is_unsupported(&error) => None,
            Err(error) => {
                if matches!(error, NvmlError::GpuLost) {
                    self.lost = Some(error.to_string());
                }
                self.failed.insert(name.to_owned(), error.to_string());
                None
            }
        }
    }
}

/// Whether the driver says that there is nothing to be had: the device cannot, or this driver is too old to be asked.
pub(super) fn is_unsupported(error: &NvmlError) -> bool {
    use NvmlError::{FailedToLoadSymbol, FunctionNotFound, NoData, NotSupported};
    matches!(error, NotSupported | FunctionNotFound | FailedToLoadSymbol(_) | NoData)
}
