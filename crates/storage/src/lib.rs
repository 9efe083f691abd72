//! Ordered keys, atomic batches and sync below; encoding, checksums, group commit, recovery and purge above.
//!
//! ```text
//!   Store ── GroupStore: log of records, cells, snapshots          per group
//!     └───── CommitQueue: one batch and one sync for all groups    per node
//!              └── Disk: RocksDB, or a simulated disk
//! ```
//!
//! Architecture invariant: this crate knows no Raft. It stores bytes under a group and an index, and it refuses what it cannot prove to
//! be what was stored.

pub mod autopsy;
mod commit;
pub mod crash_suite;
#[cfg(feature = "rocksdb")]
mod dir;
mod disk;
mod envelope;
mod errors;
mod group;
mod identity;
mod ids;
mod keys;
#[cfg(feature = "rocksdb")]
pub mod rocks;
pub mod sim_disk;
mod snapshot;
mod store;
mod tail;

pub use commit::{Completion, Counters, Drive};
pub use disk::{Batch, Disk, DiskError, Durability, Op, Visit};
pub use errors::{Place, StorageError};
pub use group::GroupStore;
pub use identity::{Admission, Identity};
pub use ids::{ClusterId, GroupId, InstanceId, InvalidClusterId, NodeId};
pub use snapshot::{CHUNK_BYTES, Snapshot, SnapshotReader, SnapshotWriter};
pub use store::Store;
