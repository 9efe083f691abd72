//! The rows of what is known to go wrong (`docs/reference/pathologies.md`), on the reference: every script of the engine's
//! scenarios prints there what it prints for the engine, and each planted bug turns the script of its row red.

mod decider;
mod plants;
#[path = "../../../engine/tests/engine/scenarios.rs"]
mod scenarios;
#[path = "../../../engine/tests/engine/script.rs"]
mod script;
mod table;
// The scripts use less of it than the engine's own tests do.
#[allow(dead_code)]
#[path = "../../../engine/tests/engine/world.rs"]
mod world;
