//! Ordered keys, atomic batches and sync below; encoding, checksums, group commit, recovery and purge above.
