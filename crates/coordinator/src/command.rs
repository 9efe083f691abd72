//! Commands: everything that can change the directory, and how it lies in the log.
//!
//! An entry is `[format version: u8][postcard of a Command]`. [`Command`] is append-only.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::tokens::{Admission, NewToken};

/// The format of entries that this release writes.
pub const FORMAT: u8 = 1;

/// A running server process, as the others reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its number in every Raft group; never given to another node.
    pub number: u64,
    /// Where it stands.
    pub region: String,
    /// Where in the region.
    pub zone: String,
    /// Where others reach it: host and port.
    pub address: String,
    /// Identity of its data directory. A node whose disk was wiped comes back as another instance.
    pub instance: u64,
}

/// What a shard may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ShardState {
    /// It takes clusters and domains.
    #[default]
    Serving,
    /// It takes no new ones.
    Closed,
}

/// A slice of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The number of its Raft group; 0 is the directory's own. Never given to another shard.
    pub group: u64,
    /// Where its leader should be.
    pub home_region: String,
    /// What it may be used for.
    pub state: ShardState,
}

/// Which nodes hold a shard's replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Nodes that vote.
    pub voters: OrdSet<String>,
    /// Nodes that only follow.
    pub learners: OrdSet<String>,
}

/// What is to change. Append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Adds a node, or moves it to another address. Its number and instance stay; a wiped node is removed first, and
    /// comes back under a new number.
    PutNode {
        /// Its id.
        id: String,
        /// The node.
        node: Node,
    },
    /// Forgets a node that holds no replica.
    RemoveNode {
        /// Its id.
        id: String,
    },
    /// Adds a shard, or changes its home region or state.
    PutShard {
        /// Its id.
        id: String,
        /// The shard.
        shard: Shard,
    },
    /// Forgets a shard that has no cluster, no domain and no replica.
    RemoveShard {
        /// Its id.
        id: String,
    },
    /// Says which nodes hold a shard's replicas; empty once it has none.
    Place {
        /// The shard.
        shard: String,
        /// Where.
        placement: Placement,
    },
    /// Binds a cluster to a shard. One that is bound to another is unbound first: by whoever has made sure that the
    /// other shard has let it go.
    BindCluster {
        /// The cluster.
        cluster: String,
        /// The shard.
        shard: String,
    },
    /// Takes a cluster from the shard that it is bound to.
    UnbindCluster {
        /// The cluster.
        cluster: String,
        /// The shard that it is bound to, so that a late command undoes no newer binding.
        from: String,
    },
    /// Gives a topology domain to a shard.
    AssignDomain {
        /// The topology key.
        key: String,
        /// Its value.
        value: String,
        /// The shard.
        shard: String,
    },
    /// Takes a topology domain from its shard.
    UnassignDomain {
        /// The topology key.
        key: String,
        /// Its value.
        value: String,
    },
    /// Adds a join token. The moments of this and the next two are the proposer's, seconds since 1970.
    CreateToken {
        /// Its id.
        id: String,
        /// What it is good for.
        token: NewToken,
        /// The moment.
        at_unix_s: u64,
    },
    /// Has a join token let nobody in any more.
    RevokeToken {
        /// Its id.
        id: String,
        /// Who says so.
        by: String,
        /// Why.
        reason: String,
        /// The moment.
        at_unix_s: u64,
    },
    /// Lets an agent in with a join token, and counts the use.
    AdmitAgent {
        /// Who comes, and with what.
        admission: Admission,
        /// The moment.
        at_unix_s: u64,
    },
}

impl Command {
    /// The bytes for the log.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("a command is plain data: encoding into memory cannot fail")
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] or [`Refusal::UnknownFormat`]: the same on every replica.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        match bytes.split_first() {
            Some((&FORMAT, body)) => match postcard::take_from_bytes(body) {
                Ok((command, [])) => Ok(command),
                Ok(_) | Err(_) => Err(Refusal::Malformed),
            },
            Some((found, _)) => Err(Refusal::UnknownFormat { found: *found, known: FORMAT }),
            None => Err(Refusal::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written_and_nothing_else_does() {
        let command = Command::BindCluster { cluster: "c".to_owned(), shard: "s".to_owned() };
        let mut bytes = command.encode();
        assert_eq!(Command::decode(&bytes), Ok(command));
        bytes.push(0);
        assert_eq!(Command::decode(&bytes), Err(Refusal::Malformed));
        bytes[0] = 7;
        assert_eq!(Command::decode(&bytes), Err(Refusal::UnknownFormat { found: 7, known: FORMAT }));
    }

    proptest! {
        #[test]
        fn garbage_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::decode(&bytes);
            let framed: Vec<u8> = std::iter::once(FORMAT).chain(bytes).collect();
            let _ = Command::decode(&framed);
        }
    }
}
