//! The agent's journal: every record under its number, on disk until a leader has taken it, bounded.
//!
//! - A number is given once, for ever: numbers are reserved on disk before they are used, so that an agent that crashed leaves a
//!   gap rather than a number with two meanings.
//! - Records and what their sources need to go on (`Marks`) are written together: after a crash both are there or neither, so
//!   a source is never read twice and never skipped.
//! - Events and results are on disk before they are sent. Samples are written without waiting for the disk.
//! - A full journal gives up its oldest sample first; when there are none, its oldest event. Both are counted.
//! - A disk that fails must not silence a sick machine: the journal goes on in memory, under a new name.

mod disk;
mod frame;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use argosy_proto::argosy::v1::AgentRecord;
use argosy_proto::argosy::v1::agent_record::Record;
use prost::Message as _;

pub use disk::{FileDisk, JournalDisk};
use frame::Frame;
pub use frame::Marks;

use crate::host::Moment;

/// Numbers reserved at a time.
const RESERVE: u64 = 4_096;
/// A file that is this many times longer than what it has to hold is written anew.
const SLACK: usize = 2;
/// And this much, in bytes, so that an empty journal is not written anew all the time.
const SPARE: usize = 256 * 1024;

/// A name for a new journal, which no other has.
#[must_use]
pub fn fresh_name() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The journal.
pub struct Journal {
    disk: Option<Box<dyn JournalDisk>>,
    name: String,
    records: VecDeque<AgentRecord>,
    /// Of all records, encoded.
    bytes: usize,
    /// How many of them are samples, and how many events.
    samples: usize,
    events: usize,
    limit: usize,
    last: u64,
    reserved: u64,
    acknowledged: u64,
    dropped_samples: u64,
    dropped_events: u64,
    marks: Marks,
    /// Length of the file.
    written: usize,
}

impl Journal {
    /// Reads what the disk has, and goes on behind it. `fresh_name` names the journal if it is a new one. A disk that cannot be
    /// read or written leaves a journal in memory.
    #[must_use]
    pub fn open(disk: Box<dyn JournalDisk>, fresh_name: &str, limit: usize) -> Self {
        let mut journal = Self {
            disk: None,
            name: fresh_name.to_owned(),
            records: VecDeque::new(),
            bytes: 0,
            samples: 0,
            events: 0,
            limit,
            last: 0,
            reserved: 0,
            acknowledged: 0,
            dropped_samples: 0,
            dropped_events: 0,
            marks: Marks::default(),
            written: 0,
        };
        let mut disk = disk;
        match disk.read() {
            Ok(bytes) => {
                for frame in frame::read_all(&bytes) {
                    journal.replay(frame);
                }
                // What was reserved and not seen may have been sent.
                journal.last = journal.reserved.max(journal.last);
                journal.disk = Some(disk);
                journal.rewrite();
            }
            Err(error) => tracing::error!("ARG-1104: the journal cannot be read: {error}; going on in memory"),
        }
        journal
    }

    fn replay(&mut self, frame: Frame) {
        if !frame.journal.is_empty() {
            self.name = frame.journal;
        }
        self.last = frame.records.last().map_or(self.last, |record| record.sequence.max(self.last));
        for record in frame.records {
            self.push(record);
        }
        self.reserved = self.reserved.max(frame.reserved);
        if let Some(marks) = frame.marks {
            self.marks = marks;
        }
        self.dropped_samples = self.dropped_samples.max(frame.dropped_samples);
        self.dropped_events = self.dropped_events.max(frame.dropped_events);
        self.forget(frame.acknowledged);
    }

    /// The journal's name. It changes only when its disk fails.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last number that a leader took; 0 before the first.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Where the sources of the last records stood.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Samples, and other records, that were given up since the journal began.
    #[must_use]
    pub fn dropped(&self) -> (u64, u64) {
        (self.dropped_samples, self.dropped_events)
    }

    /// How many records wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.records.len()
    }

    /// How many of them are events.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.events
    }

    /// Writes records, seen at their moments in the boot `boot_id`, and where their sources stand now.
    pub fn append(&mut self, boot_id: &str, records: Vec<(Moment, Record)>, marks: Option<Marks>) {
        if records.is_empty() && marks.as_ref().is_none_or(|marks| *marks == self.marks) {
            return;
        }
        let wanted = self.last + records.len() as u64;
        let reserve = (wanted > self.reserved).then(|| wanted + RESERVE);
        let durable = reserve.is_some() || records.iter().any(|(_, record)| !matches!(record, Record::Sample(_)));
        let records: Vec<AgentRecord> = records
            .into_iter()
            .map(|(at, record)| {
                self.last += 1;
                let boot_id = boot_id.to_owned();
                let Moment { boottime_ms, unix_ms } = at;
                AgentRecord { sequence: self.last, boot_id, boottime_ms, unix_ms, record: Some(record) }
            })
            .collect();
        self.reserved = reserve.unwrap_or(self.reserved);
        let frame =
            Frame { records: records.clone(), marks: marks.clone(), reserved: self.reserved, ..Frame::default() };
        self.marks = marks.unwrap_or_else(|| std::mem::take(&mut self.marks));
        for record in records {
            self.push(record);
        }
        self.write(&frame, durable);
    }

    /// The records after `sequence`, as many as fit into `bytes` but at least one.
    #[must_use]
    pub fn after(&self, sequence: u64, bytes: usize) -> Vec<AgentRecord> {
        let mut left = bytes;
        let first = self.records.partition_point(|record| record.sequence <= sequence);
        let mut batch = Vec::new();
        for record in self.records.iter().skip(first) {
            let length = record.encoded_len();
            if length > left && !batch.is_empty() {
                break;
            }
            left = left.saturating_sub(length);
            batch.push(record.clone());
        }
        batch
    }

    /// A leader has taken everything up to `sequence` of the journal `name`.
    pub fn acknowledge(&mut self, name: &str, sequence: u64) {
        // A number that was never given out is not ours to forget by.
        if name == self.name && sequence > self.acknowledged && sequence <= self.last {
            self.forget(sequence);
            self.write(&Frame { acknowledged: sequence, ..Frame::default() }, false);
        }
    }

    fn forget(&mut self, sequence: u64) {
        self.acknowledged = self.acknowledged.max(sequence);
        while self.records.front().is_some_and(|record| record.sequence <= self.acknowledged) {
            self.take(0);
        }
    }

    fn push(&mut self, record: AgentRecord) {
        self.bytes += record.encoded_len();
        self.samples += usize::from(is_sample(&record));
        self.events += usize::from(is_event(&record));
        self.records.push_back(record);
        while self.bytes > self.limit && self.records.len() > 1 {
            // A journal of events alone is not searched for samples at each of them.
            let sample = if self.samples == 0 { None } else { self.records.iter().position(is_sample) };
            match sample {
                Some(at) => {
                    self.dropped_samples += 1;
                    self.take(at);
                }
                None => {
                    self.dropped_events += 1;
                    self.take(0);
                }
            }
        }
    }

    fn take(&mut self, at: usize) {
        if let Some(record) = self.records.remove(at) {
            self.bytes -= record.encoded_len();
            self.samples -= usize::from(is_sample(&record));
            self.events -= usize::from(is_event(&record));
        }
    }

    fn write(&mut self, frame: &Frame, durable: bool) {
        if self.written > SLACK * self.bytes + SPARE {
            return self.rewrite();
        }
        let bytes = frame::encode(frame);
        self.written += bytes.len();
        let Some(disk) = &mut self.disk else { return };
        let done = disk.append(&bytes).and_then(|()| if durable { disk.sync() } else { Ok(()) });
        if let Err(error) = done {
            self.lose_disk(&error);
        }
    }

    /// Writes the file anew, with what it has to hold and nothing else.
    fn rewrite(&mut self) {
        let whole = Frame {
            journal: self.name.clone(),
            records: self.records.iter().cloned().collect(),
            marks: Some(self.marks.clone()),
            acknowledged: self.acknowledged,
            reserved: self.reserved,
            dropped_samples: self.dropped_samples,
            dropped_events: self.dropped_events,
        };
        let bytes = frame::encode(&whole);
        self.written = bytes.len();
        let Some(disk) = &mut self.disk else { return };
        if let Err(error) = disk.replace(&bytes) {
            self.lose_disk(&error);
        }
    }

    /// Goes on in memory, under a name that no file has: what is numbered from here on is forgotten with this process.
    fn lose_disk(&mut self, error: &std::io::Error) {
        tracing::error!("ARG-1104: the journal cannot be written: {error}; going on in memory");
        self.disk = None;
        self.name = fresh_name();
        self.acknowledged = 0;
        self.last = 0;
        for record in &mut self.records {
            self.last += 1;
            record.sequence = self.last;
        }
    }
}

fn is_sample(record: &AgentRecord) -> bool {
    matches!(record.record, Some(Record::Sample(_)))
}

fn is_event(record: &AgentRecord) -> bool {
    matches!(record.record, Some(Record::Event(_)))
}
