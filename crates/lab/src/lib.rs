//! What the binary `argosy-lab` is made of: production traces, and experiments on them.
//!
//! [`trace`] is pure but for reading and writing files; [`replay`] starts processes and talks to them. Nothing here decides where demand goes: experiments drive the
//! real fleet and look at what it did.

pub mod replay;
pub mod trace;
