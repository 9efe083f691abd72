//! The contract as checks against a running provider, whoever wrote it and whatever it is written in.
//!
//! Names in brackets are those of BigFleet's suite for the same rule. The suite buys, binds and gives back the machines that it is told to,
//! and no others; it asks until a state is reached or its patience ends. It needs nothing of a provider beyond the protocol, so it can say
//! nothing of restarts and of faults.

mod bench;
mod fences;
mod life;
mod lists;
mod reads;

use std::time::Duration;

use serde::Serialize;
use tonic::transport::Channel;

use self::bench::Bench;

/// Whom to check, and with what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Three slots that may be bought and given back.
    pub slots: [String; 3],
    /// The epoch of all fences; above that of any earlier run against a provider that remembers.
    pub epoch: i64,
    /// The longest that a transition may take.
    pub patience: Duration,
}

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// How it is broken; `None` when it is kept.
    pub broken: Option<String>,
}

/// Checks every rule in turn. A broken one does not keep the others from being checked, but may leave a machine where they do not
/// expect it: read the first one first.
pub async fn run(channel: Channel, settings: &Settings) -> Vec<Finding> {
    let mut bench = Bench::new(channel, settings);
    let mut found = Vec::new();
    let mut note = |rule: &'static str, outcome: Result<(), String>| {
        found.push(Finding { rule, broken: outcome.err() });
    };
    note("every machine is whole, priced and typed (B801 to B806)", reads::machines_are_whole(&mut bench).await);
    note("an unknown id is NOT_FOUND, an empty one invalid (B207, B208, B215)", reads::strangers(&mut bench).await);
    note("a call out of position is refused, and not as fenced (B204, B1204)", life::positions(&mut bench).await);
    note("values out of range are refused or harmless (B209 to B213)", life::ranges(&mut bench).await);
    note(
        "a machine goes from slot to cluster and back, repeats change nothing (B101, B205, B206, B214, B501, B502, B807)",
        life::round_trip(&mut bench).await,
    );
    note(
        "only a strictly newer token passes, on one machine (B303, B308, B310)",
        fences::strictly_newer(&mut bench).await,
    );
    note("the fence comes before existence (B301)", fences::before_existence(&mut bench).await);
    note("the fence comes before repetition (B306)", fences::before_repetition(&mut bench).await);
    note("a token that passes counts even if the call fails (B311)", fences::failing_calls_count(&mut bench).await);
    note("marks are kept for each shard and machine (B302, B1007)", fences::marks_are_apart(&mut bench).await);
    note("parallel identical calls are one operation (B401)", fences::parallel_calls(&mut bench).await);
    note("listings filter, cap, and follow a cursor (B901 to B906)", lists::listings(&mut bench).await);
    found
}
