//! A file in place of the kernel's log: for tests, and for sites where only a log daemon may read the device.
//!
//! Lines are records in the form of `/dev/kmsg`, or bare messages: those are numbered by line, and have no time of their own.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use super::KernelLog;
use super::record::{Entry, parse_record};

/// A growing file of log lines.
#[derive(Debug)]
pub struct LogFile {
    lines: BufReader<File>,
    /// A last line that has no end yet.
    begun: Vec<u8>,
    number: u64,
}

impl LogFile {
    /// Opens the file, at its start.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { lines: BufReader::new(File::open(path)?), begun: Vec::new(), number: 0 })
    }
}

impl KernelLog for LogFile {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            self.lines.read_until(b'\n', &mut self.begun)?;
            if self.begun.last() != Some(&b'\n') {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.begun)).trim_end().to_owned();
            self.number += 1;
            let bare = || Entry { sequence: self.number, boottime_ms: 0, by_kernel: true, text: line.clone() };
            let entry = parse_record(&line).unwrap_or_else(bare);
            if entry.by_kernel {
                return Ok(Some(entry));
            }
        }
    }
}
