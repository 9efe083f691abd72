//! The rules of repairs, each on a fleet of a few machines in memory; and histories in which two leaders propose at once.

mod histories;
mod rules;
mod world;
