//! Rehearsals: a scenario file run on virtual time against the whole control plane.

pub mod record;
