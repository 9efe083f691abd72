//! The directory: nodes, shards, placements, clusters and domains; and the book of join tokens.
//!
//! One small Raft group that spans all regions knows where everything is. It is on no shard's hot path: with it gone,
//! every shard goes on deciding. [`Directory::apply`] folds committed commands in, the same on every replica; it does no
//! I/O, reads no clock and draws no random number.
//!
//! **What is deliberately absent:** what shards decide, what they report, and everything that goes stale by itself.

mod command;
mod directory;
mod fold;
mod plant;
mod refusal;
mod snapshot;
pub mod tokens;

pub use command::{Command, FORMAT, Node, Placement, Shard, ShardState};
pub use directory::{Directory, Route};
pub use fold::Reply;
pub use refusal::{Grounds, Noun, Refusal};
pub use snapshot::SnapshotError;
