//! `/dev/kmsg`: one record for every read, from the oldest that the kernel still has.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::KernelLog;
use super::record::{Entry, parse_record};

/// No record is longer.
const LONGEST: usize = 16 * 1024;

/// The log of the running kernel.
#[derive(Debug)]
pub struct KmsgDevice {
    device: File,
    buffer: Vec<u8>,
    lost: u64,
}

impl KmsgDevice {
    /// Opens the device for reading that does not block.
    ///
    /// # Errors
    /// When there is none, or this user may not read it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
        let device = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        Ok(Self { device, buffer: vec![0; LONGEST], lost: 0 })
    }
}

impl KernelLog for KmsgDevice {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            match self.device.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    let record = parse_record(&String::from_utf8_lossy(&self.buffer[..length]));
                    if let Some(entry) = record.filter(|entry| entry.by_kernel) {
                        return Ok(Some(entry));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The next record was overwritten, or is longer than any may be; the reader stands behind it now.
                Err(error) if is(&error, Errno::PIPE) || is(&error, Errno::INVAL) => self.lost += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
