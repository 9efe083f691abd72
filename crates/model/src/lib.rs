//! The words of a fleet as types: machines, needs, profiles, resource vectors, ids, and the lifecycle table.
//!
//! Everything here is plain data with rules. It does no I/O, reads no clock, spawns nothing and never uses a randomly
//! seeded hasher, so that equal inputs give equal bytes on every replica. The engine decides over these types, the
//! shard's fold changes them; neither may go round [`fleet::Fleet`], the one place where a machine's record changes.
//!
//! Collections are persistent (structure-sharing), so a clone of a fleet of a million machines costs a few pointers:
//! that is what snapshots, what-if and readers hold while the fold goes on.

pub mod bucket;
pub mod column;
pub mod demand;
pub mod fleet;
pub mod ids;
pub mod intern;
pub mod journal;
pub mod lifecycle;
pub mod machine;
pub mod money;
pub mod names;
pub mod profile;
pub mod quantity;
pub mod resources;
pub mod shape;
pub mod stamp;
pub mod time;
pub mod vocabulary;

pub use bucket::Bucket;
pub use column::Column;
pub use demand::{Demand, Need, NeedKey, NeedMark};
pub use fleet::Fleet;
pub use ids::{ClusterIx, DimIx, GroupIx, MachineIx, ProfileIx, ShapeIx, Sym};
pub use journal::Edition;
pub use lifecycle::{Cause, State};
pub use machine::{Claim, Flags, Machine};
pub use money::{MicroUsd, Ppb};
pub use profile::{Operator, Profile, Requirement, Spread};
pub use resources::Resources;
pub use shape::{CapacityType, Shape};
pub use time::{Duration, ShardTime};
pub use vocabulary::Vocabulary;
