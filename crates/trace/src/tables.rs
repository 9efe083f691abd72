//! CSV tables by header name, with the place of every field.
//!
//! The files know no quotes; without quoting, the place of a field in its line is exact.

use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::problems::{BadRow, TraceError};

/// A column: its header, and whether a file must have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) header: &'static str,
    pub(super) required: bool,
}

impl Column {
    pub(super) const fn required(header: &'static str) -> Self {
        Self { header, required: true }
    }

    pub(super) const fn optional(header: &'static str) -> Self {
        Self { header, required: false }
    }
}

/// A file being read row by row.
pub(super) struct Table<'a> {
    path: PathBuf,
    reader: csv::Reader<&'a [u8]>,
    columns: &'static [Column],
    /// Where each column stands in this file.
    places: Vec<Option<usize>>,
    /// How many fields a row must have.
    width: usize,
    record: ByteRecord,
}

/// One row, and what is wrong with it so far.
pub(super) struct Row<'t> {
    path: &'t Path,
    columns: &'static [Column],
    places: &'t [Option<usize>],
    record: &'t ByteRecord,
    pub(super) bad: Vec<BadRow>,
}

impl<'a> Table<'a> {
    /// Reads the header. `what` is what the rows are, for people.
    pub(super) fn open(
        path: &Path,
        bytes: &'a [u8],
        what: &'static str,
        columns: &'static [Column],
    ) -> Result<Self, TraceError> {
        let mut reader = ReaderBuilder::new().quoting(false).flexible(true).has_headers(true).from_reader(bytes);
        let unreadable = |error: csv::Error| TraceError::Unreadable { path: path.to_owned(), source: error.into() };
        let headers = reader.byte_headers().map_err(unreadable)?.clone();
        let place = |column: &Column| headers.iter().position(|field| field.trim_ascii() == column.header.as_bytes());
        let places: Vec<Option<usize>> = columns.iter().map(place).collect();
        let missing: Vec<&str> = columns
            .iter()
            .zip(&places)
            .filter(|(column, place)| column.required && place.is_none())
            .map(|(column, _)| column.header)
            .collect();
        if !missing.is_empty() {
            let required: Vec<&str> = columns.iter().filter(|c| c.required).map(|c| c.header).collect();
            let (missing, required) = (missing.join(", "), required.join(", "));
            return Err(TraceError::Header { path: path.to_owned(), what, missing, required });
        }
        let width = headers.len();
        Ok(Self { path: path.to_owned(), reader, columns, places, width, record: ByteRecord::new() })
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| TraceError::Unreadable { path: self.path.clone(), source: error.into() })?;
        if !more {
            return Ok(None);
        }
        let mut row = Row {
            path: &self.path,
            columns: self.columns,
            places: &self.places,
            record: &self.record,
            bad: Vec::new(),
        };
        if self.record.len() != self.width {
            let message = format!("the row has {} fields, the header {}", self.record.len(), self.width);
            row.report_at(1, "", message);
        }
        Ok(Some(row))
    }
}

impl Row<'_> {
    /// The text of a field, trimmed; empty when the file or the row lacks it.
    pub(super) fn text(&mut self, column: usize) -> String {
        let field = self.places[column].and_then(|place| self.record.get(place)).unwrap_or_default();
        match std::str::from_utf8(field) {
            Ok(text) => text.trim().to_owned(),
            Err(_) => {
                self.report(column, "is not UTF-8");
                String::new()
            }
        }
    }

    /// A whole number that must be there.
    pub(super) fn number(&mut self, column: usize) -> u64 {
        match self.optional_number(column) {
            Some(number) => number,
            None => {
                if !self.bad.iter().any(|bad| bad.field == self.columns[column].header) {
                    self.report(column, "is empty; a whole number must stand here");
                }
                0
            }
        }
    }

    /// A whole number that may be missing.
    pub(super) fn optional_number(&mut self, column: usize) -> Option<u64> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        // Some exports of the trace write whole numbers as floats.
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        match whole.parse() {
            Ok(number) if number <= MOST => Some(number),
            _ => {
                let shown: String = text.chars().take(32).collect();
                self.report(column, format!("is '{shown}'; a whole number from 0 to {MOST} must stand here"));
                None
            }
        }
    }

    /// Reports a field.
    pub(super) fn report(&mut self, column: usize, message: impl Into<String>) {
        let place = self.places[column].unwrap_or(0);
        if place >= self.record.len() {
            // The row is too short, which is reported as such.
            return;
        }
        // Without quoting a field begins one byte after the end of the one before it: its bytes and one comma each.
        let before: usize = self.record.iter().take(place).map(|field| field.len() + 1).sum();
        self.report_at(before + 1, self.columns[column].header, message.into());
    }

    fn report_at(&mut self, column: usize, field: &'static str, message: String) {
        let line = self.record.position().map_or(0, csv::Position::line);
        self.bad.push(BadRow { path: self.path.to_owned(), line, column, field, message });
    }
}

/// No count, time or size of a trace is larger; sums over a trace cannot overflow.
const MOST: u64 = 1_000_000_000_000;
