//! Compact handles: what a string of the wire becomes once it has been seen.
//!
//! A handle is meaningful within one shard's state only; it never crosses the wire. Handles are non-zero, so an
//! `Option` of one costs nothing.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The handle for position `index` of its table. Panics beyond 2^32 − 2 entries, a limit that the
            /// tables check before they grow.
            pub fn from_index(index: usize) -> Self {
                let raw = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
                Self(raw.expect("a table holds at most 2^32 - 2 entries"))
            }

            /// Position in the table that gave out this handle.
            pub fn index(self) -> usize {
                self.0.get() as usize - 1
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.index())
            }
        }
    };
}

handle! {
    /// An interned string: a label key or value, an instance type, a zone, a provider's name.
    Sym
}
handle! {
    /// A machine's slot in its shard. Slots are given out lowest free first, so every replica gives out the same.
    /// Slot order is the tie-break wherever semantics say "by id".
    MachineIx
}
handle! {
    /// A cluster that has been bound to, or has reported to, this shard.
    ClusterIx
}
handle! {
    /// An interned [`crate::Profile`].
    ProfileIx
}
handle! {
    /// An interned [`crate::Shape`].
    ShapeIx
}
handle! {
    /// A gang's opaque group id.
    GroupIx
}
handle! {
    /// A resource dimension, such as `cpu` or `nvidia.com/gpu`.
    DimIx
}
