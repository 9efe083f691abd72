//! Whose a data directory is.

use serde::{Deserialize, Serialize};

use crate::disk::{Disk, Durability, Op};
use crate::errors::{Place, StorageError};
use crate::ids::{ClusterId, InstanceId, NodeId};
use crate::{envelope, keys};

/// Whether a node may begin with an empty data directory.
///
/// A directory that is not empty must be the node's own, whatever is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The node existed before: an empty directory is an error, for what it promised is gone.
    Resume,
    /// First start of a node of a new cluster.
    Bootstrap,
    /// First start of a node that others will take into their groups.
    Join,
}

/// Whose a data directory is; written once, when it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
    /// This life of the directory.
    pub instance: InstanceId,
}

impl InstanceId {
    /// A fresh one, from the system's randomness.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

/// Reads the identity and checks it, or, where `admission` lets it, creates it.
pub(crate) fn admit(disk: &dyn Disk, expected: Identity, admission: Admission) -> Result<Identity, StorageError> {
    let key = keys::identity();
    let Some(record) = disk.get(&key)? else {
        if admission == Admission::Resume {
            return Err(StorageError::Empty { node: expected.node });
        }
        let payload = postcard::to_stdvec(&expected).expect("an identity is plain data");
        disk.write(vec![Op::Put(key.clone(), envelope::seal(&key, &payload))], Durability::Synced)?;
        return Ok(expected);
    };
    let payload = envelope::open(|| Place::Identity, &key, record)?;
    let found: Identity =
        postcard::from_bytes(&payload).map_err(|error| StorageError::damaged(Place::Identity, error.to_string()))?;
    if (&found.cluster, found.node) != (&expected.cluster, expected.node) {
        return Err(StorageError::Foreign {
            node: expected.node,
            cluster: expected.cluster,
            found_node: found.node,
            found_cluster: found.cluster,
        });
    }
    Ok(found)
}
