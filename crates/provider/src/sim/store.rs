//! The embedded store of the simulated provider: machines that differ from the catalogue, marks, and the ledger of effects.
//!
//! One write transaction for each batch of calls, synced before any of them is answered. A machine that is as the catalogue made it has
//! no record, so a fresh fleet of a million costs nothing here.

use std::path::Path;

use argosy_proto::argosy::v1::{Effect, Faults};
use prost::Message;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::error::SimError;
use super::slot::Life;
use super::world::{Journal, Stored, World};
use crate::contract::Marks;

const HEADER: TableDefinition<&str, &[u8]> = TableDefinition::new("header");
const LIVES: TableDefinition<&str, &[u8]> = TableDefinition::new("lives");
const STRANGERS: TableDefinition<&str, &[u8]> = TableDefinition::new("strangers");
/// Values are `argosy.v1.Effect`, so other tools can read the ledger.
const EFFECTS: TableDefinition<u64, &[u8]> = TableDefinition::new("effects");

const HEADER_KEY: &str = "header";
const IDENTITY_KEY: &str = "identity";
/// The first byte of every record of ours; a reader refuses what it does not know.
const VERSION: u8 = 1;
/// The fleet lies in memory; the store is written and hardly read.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Which fleet the store is of; written once.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    catalogue: String,
    seed: u64,
}

/// Where the fleet stands; written with every batch.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    starts: u64,
    now_ms: u64,
    faults: Vec<u8>,
    faults_since: (u64, u64),
}

/// The open store.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    starts: u64,
}

fn failed(error: impl std::fmt::Display) -> SimError {
    SimError::Store(error.to_string())
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(record, vec![VERSION]).expect("our records always serialise")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SimError> {
    match bytes.split_first() {
        Some((&VERSION, record)) => {
            postcard::from_bytes(record).map_err(|error| failed(format!("damaged record: {error}")))
        }
        Some((version, _)) => Err(failed(format!("a record of format {version}, which this version does not know"))),
        None => Err(failed("an empty record")),
    }
}

impl Store {
    /// Opens the store, or one in memory, and reads what it knows. The start is counted, so that cursors of earlier runs are not taken for
    /// cursors of this one.
    pub(super) fn open(
        path: Option<&Path>,
        catalogue: &Catalogue,
        seed: u64,
        faults: Faults,
    ) -> Result<(Self, Stored), SimError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = match path {
            Some(path) => builder.create(path).map_err(failed)?,
            None => builder.create_with_backend(redb::backends::InMemoryBackend::new()).map_err(failed)?,
        };
        let mut store = Self { database, starts: 0 };
        store.identify(&Identity { catalogue: catalogue.to_toml(), seed })?;
        let mut stored = store.read()?;
        match store.header::<Header>(HEADER_KEY)? {
            None => stored.faults = faults,
            Some(header) => {
                (stored.starts, stored.now_ms, stored.faults_since) =
                    (header.starts, header.now_ms, header.faults_since);
                stored.faults = Faults::decode(header.faults.as_slice()).map_err(failed)?;
                // A profile given at this start replaces the one in force, as SetFaults would.
                if faults != Faults::default() && faults != stored.faults {
                    (stored.faults, stored.faults_since) = (faults, (header.now_ms, header.faults_since.1 + 1));
                }
            }
        }
        store.starts = stored.starts + 1;
        Ok((store, stored))
    }

    /// Makes the tables and writes down whose store this is, or checks it.
    fn identify(&self, identity: &Identity) -> Result<(), SimError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        {
            transaction.open_table(LIVES).map_err(failed)?;
            transaction.open_table(STRANGERS).map_err(failed)?;
            transaction.open_table(EFFECTS).map_err(failed)?;
            let mut header = transaction.open_table(HEADER).map_err(failed)?;
            let known: Option<Identity> =
                header.get(IDENTITY_KEY).map_err(failed)?.map(|record| decode(record.value())).transpose()?;
            match known {
                None => drop(header.insert(IDENTITY_KEY, encode(identity).as_slice()).map_err(failed)?),
                Some(known) if known.catalogue != identity.catalogue => {
                    return Err(SimError::OtherFleet { what: "catalogue" });
                }
                Some(known) if known.seed != identity.seed => return Err(SimError::OtherFleet { what: "seed" }),
                Some(_) => {}
            }
        }
        transaction.commit().map_err(failed)
    }

    fn header<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SimError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(HEADER).map_err(failed)?;
        table.get(key).map_err(failed)?.map(|record| decode(record.value())).transpose()
    }

    fn read(&self) -> Result<Stored, SimError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let mut stored = Stored::default();
        let lives = transaction.open_table(LIVES).map_err(failed)?;
        for row in lives.iter().map_err(failed)? {
            let (id, record) = row.map_err(failed)?;
            let life: Life = decode(record.value())?;
            if life.binding.as_ref().is_some_and(|binding| !binding.is_sound()) {
                return Err(failed(format!("damaged metadata of machine {}", id.value())));
            }
            stored.lives.insert(id.value().to_owned(), life);
        }
        let strangers = transaction.open_table(STRANGERS).map_err(failed)?;
        for row in strangers.iter().map_err(failed)? {
            let (id, record) = row.map_err(failed)?;
            stored.strangers.insert(id.value().to_owned(), decode::<Marks>(record.value())?);
        }
        let effects = transaction.open_table(EFFECTS).map_err(failed)?;
        stored.effects = effects.last().map_err(failed)?.map_or(0, |(seq, _)| seq.value());
        Ok(stored)
    }

    /// Makes a batch durable.
    pub(super) fn commit(&self, world: &World, journal: &Journal) -> Result<(), SimError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        {
            let mut lives = transaction.open_table(LIVES).map_err(failed)?;
            for ix in &journal.slots {
                let slot = world.slot(*ix);
                lives.insert(&*slot.id, encode(&slot.life).as_slice()).map_err(failed)?;
            }
            let mut strangers = transaction.open_table(STRANGERS).map_err(failed)?;
            for id in &journal.strangers {
                if let Some(marks) = world.stranger(id) {
                    strangers.insert(&**id, encode(marks).as_slice()).map_err(failed)?;
                }
            }
            let mut effects = transaction.open_table(EFFECTS).map_err(failed)?;
            for effect in &journal.effects {
                effects.insert(effect.seq, effect.encode_to_vec().as_slice()).map_err(failed)?;
            }
            let mut header = transaction.open_table(HEADER).map_err(failed)?;
            header.insert(HEADER_KEY, encode(&self.header_of(world)).as_slice()).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn header_of(&self, world: &World) -> Header {
        Header {
            starts: self.starts,
            now_ms: world.now_ms(),
            faults: world.faults().encode_to_vec(),
            faults_since: world.faults_since(),
        }
    }

    /// Up to `limit` entries of the ledger after `after_seq`.
    pub(super) fn effects(&self, after_seq: u64, limit: usize) -> Result<Vec<Effect>, SimError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(EFFECTS).map_err(failed)?;
        let rows = table.range(after_seq.saturating_add(1)..).map_err(failed)?.take(limit);
        rows.map(|row| Effect::decode(row.map_err(failed)?.1.value()).map_err(failed)).collect()
    }
}

/// Reads the ledger of a provider that is not running, entry by entry.
pub fn read_effects(path: &Path, after_seq: u64, mut each: impl FnMut(Effect)) -> Result<(), SimError> {
    let store = Store { database: Database::open(path).map_err(failed)?, starts: 0 };
    let mut after_seq = after_seq;
    loop {
        let page = store.effects(after_seq, 10_000)?;
        let Some(last) = page.last() else { return Ok(()) };
        after_seq = last.seq;
        page.into_iter().for_each(&mut each);
    }
}
