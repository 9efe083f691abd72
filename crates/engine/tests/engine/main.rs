//! The engine as the shard uses it: scripts with golden output, named rules, and properties over random fleets.

mod decider;
mod explained;
mod properties;
mod random;
mod scenarios;
mod script;
mod world;
