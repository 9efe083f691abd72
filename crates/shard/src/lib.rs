//! The replicated state of a shard: commands, the fold, snapshots, rails, the ledger of operations.
