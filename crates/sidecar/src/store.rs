//! What survives a crash: every record of the book, one write transaction for each answer, synced before it is given.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use uuid::Uuid;

use crate::book::{Record, Stored};
use crate::error::SidecarError;
use crate::private;

const HEADER: TableDefinition<&str, &str> = TableDefinition::new("header");
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
const BOOK_KEY: &str = "book";
/// The first byte of every record; a reader refuses what it does not know.
const VERSION: u8 = 1;
/// The book lies in memory; the store is written and hardly read.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

fn failed(error: impl std::fmt::Display) -> SidecarError {
    SidecarError::Store(error.to_string())
}

impl Store {
    /// Opens the store, or makes a new one, and reads what it knows.
    pub(crate) fn open(path: &Path) -> Result<(Self, Stored), SidecarError> {
        // The library makes it for all to read.
        private::open(path, OpenOptions::new().append(true)).map_err(failed)?;
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(failed)?;
        let store = Self { database };
        let book = store.name()?;
        let records = store.read()?;
        Ok((store, Stored { book, records }))
    }

    /// The book's own name; a new one when there was none.
    fn name(&self) -> Result<String, SidecarError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        let name = {
            transaction.open_table(RECORDS).map_err(failed)?;
            let mut header = transaction.open_table(HEADER).map_err(failed)?;
            let known = header.get(BOOK_KEY).map_err(failed)?.map(|name| name.value().to_owned());
            match known {
                Some(name) => name,
                None => {
                    let name = Uuid::new_v4().simple().to_string()[..8].to_owned();
                    header.insert(BOOK_KEY, name.as_str()).map_err(failed)?;
                    name
                }
            }
        };
        transaction.commit().map_err(failed)?;
        Ok(name)
    }

    fn read(&self) -> Result<BTreeMap<String, Record>, SidecarError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(RECORDS).map_err(failed)?;
        let mut records = BTreeMap::new();
        for row in table.iter().map_err(failed)? {
            let (id, bytes) = row.map_err(failed)?;
            let record = decode(bytes.value()).map_err(|error| failed(format!("machine {}: {error}", id.value())))?;
            records.insert(id.value().to_owned(), record);
        }
        Ok(records)
    }

    /// Makes changes durable.
    pub(crate) fn commit(&self, changed: &[(String, Record)]) -> Result<(), SidecarError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        {
            let mut table = transaction.open_table(RECORDS).map_err(failed)?;
            for (id, record) in changed {
                let bytes = postcard::to_extend(record, vec![VERSION]).map_err(failed)?;
                table.insert(id.as_str(), bytes.as_slice()).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }
}

fn decode(bytes: &[u8]) -> Result<Record, String> {
    match bytes.split_first() {
        Some((&VERSION, record)) => postcard::from_bytes(record).map_err(|error| format!("damaged record: {error}")),
        Some((version, _)) => Err(format!("a record of format {version}, which this version does not know")),
        None => Err("an empty record".to_owned()),
    }
}
