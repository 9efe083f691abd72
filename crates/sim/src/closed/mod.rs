//! The closed loop: clusters whose pods react to what the engine does, and whose reports follow from the pods.
//!
//! Controllers recreate what is lost, a scheduler binds pods to the machines that the cluster has, an operator adds up what
//! the pods ask for, the engine decides, and round it goes. What oscillates shows here and nowhere else. Source of the model
//! and of its numbers: spec/simulation.md section 2; what a lesson of the predecessor changed is said where it is.

pub mod cases;
mod hosts;
mod pods;
pub mod random;
mod run;
mod schedule;
mod seed;
mod shape;
mod world;

pub use self::hosts::{HostInfo, Hosts};
pub use self::pods::Reported;
pub use self::run::{CycleStats, LoopRun};
pub use self::schedule::Packing;
pub use self::seed::Pool;
pub use self::shape::{PodShape, Scope};
pub use self::world::{Arrivals, Fault, LoopSetup, Scale, Workload};
