//! The workload catalogue, simulated clusters that follow it, and the session client of an operator.
//!
//! Three trees that meet only in the wire's roll-up:
//! - [`catalogue`] and [`fleet`]: data files of what runs and on what, and the supply and demand of a whole fleet of a given size;
//! - [`cluster`] and [`rollup`]: the demand of one cluster over time, and how demand becomes a `ClusterCapacityNeeds`;
//! - [`session`]: an operator's side of `Shard.Session`. It knows nothing of the other two.
//!
//! All randomness is [`dice::Dice`]: one seed gives one fleet and one course of demand, on any machine. Nothing but
//! [`session`] does I/O, and nothing here decides which machine serves whom.

pub mod amounts;
pub mod catalogue;
pub mod cluster;
pub mod dice;
pub mod fleet;
pub mod labels;
pub mod rollup;
pub mod session;
