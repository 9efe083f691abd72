//! The commands of `argosy-lab`, one module each: arguments in, a report out.

pub(crate) mod agents;
pub(crate) mod chaos;
pub(crate) mod fleet;
pub(crate) mod replay;
pub(crate) mod sim;
pub(crate) mod trace;
