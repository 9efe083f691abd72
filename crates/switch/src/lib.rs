//! An Ethernet switch in user space whose links have delay, jitter, loss and cuts in each direction.
//!
//! It stands in for `tc netem` where the kernel has none, and does what that cannot: a link is a pair of ports with a direction, so one
//! side can be deaf while the other hears. Links are read anew for every frame.
//!
//! ```text
//!   port ──frame──> core: learn the sender, choose the ports ──> each link: cut? lost? ──> heap, until due ──> port
//! ```
//!
//! [`Core`] does no I/O and has no clock; [`run`] gives it both. Nothing here knows what is in a frame beyond its two addresses.

mod core;
mod frame;
mod links;
mod wire;

pub use crate::core::{Core, Counts};
pub use crate::links::{Link, Links};
pub use crate::wire::{Running, Wire, run};
