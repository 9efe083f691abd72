//! Hash tables for look-ups. Their hasher has a fixed seed, and nothing iterates over them where order could be seen.

/// A map that is looked up in and never walked.
pub(crate) type Lookup<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;
