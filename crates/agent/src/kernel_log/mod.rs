//! The kernel's log, read from where an earlier reader stopped and never waited for.
//!
//! Reading never blocks: `/dev/kmsg` is opened non-blocking, and a reader that has come to its end says so. A record is named by its
//! boot and its sequence number, which is how a restarted agent knows what it has reported (the journal keeps the last number).
//! Records that user space wrote are left out: only the kernel is believed about the kernel.

mod device;
mod file;
mod record;

#[cfg(test)]
mod tests;

use std::io;

pub use device::KmsgDevice;
pub use file::LogFile;
pub use record::{Entry, parse_record};

/// Where the kernel shows its log.
pub const DEVICE: &str = "/dev/kmsg";

/// A source of log records, oldest first. Implementations return at once, with or without a record.
pub trait KernelLog: Send {
    /// The next record of the kernel's own; `None` when there is none yet.
    ///
    /// # Errors
    /// When the source is broken. Trying again later is right.
    fn next(&mut self) -> io::Result<Option<Entry>>;

    /// How many records the kernel overwrote before they were read.
    fn lost(&self) -> u64 {
        0
    }
}
