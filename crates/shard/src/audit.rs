//! Audit records: who changed what by hand, and why. They lie in a bounded store of the server's; the state keeps the
//! head of their hash chain, so that none can be changed or left out unseen.

use argosy_model::ShardTime;
use serde::{Deserialize, Serialize};

use crate::command::By;
use crate::digest::Digest;

/// One act of an admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Log index of the entry.
    pub index: u64,
    /// Shard time.
    pub at: ShardTime,
    /// Who and why.
    pub by: By,
    /// What was done.
    pub act: String,
    /// The chain's head before this record.
    pub previous: Digest,
}

impl AuditRecord {
    /// The chain's head after this record.
    pub fn head(&self) -> Digest {
        self.previous.chained(&postcard::to_stdvec(self).expect("a record is plain data: encoding cannot fail"))
    }
}
