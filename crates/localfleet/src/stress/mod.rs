//! The API under stress, on a fleet of real processes: many callers at once, storms of cordons, pools that go to zero and back, nodes
//! that are told to end in the middle of it, and what is left afterwards.
//!
//! Whether something lives is judged by what the API answers and by exit statuses, and by nothing else. The harness is itself tested: a
//! [`Plant`] kills or freezes a node behind its back, and must be found.

mod aftermath;
mod calls;
mod course;
mod ground;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use self::ground::ground;
use crate::error::FleetError;
use crate::fleet::LocalFleet;

/// What is asked of the fleet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Calls that are out at the same time in the burst.
    pub at_once: usize,
    /// Machines of the pool.
    pub machines: u32,
    /// Rounds of cordoning and opening every machine of it at once.
    pub storms: u32,
    /// How long the pressure lasts.
    pub pressure: Duration,
    /// Callers under pressure, each with one call out.
    pub callers: usize,
    /// Most that a node may grow under pressure, KiB.
    pub growth_kib: u64,
    /// What goes wrong behind the harness's back.
    pub plant: Option<Plant>,
}

/// Something that the harness must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A node dies under pressure, and nobody says so.
    DeadServer,
    /// A node lives and answers nothing.
    DeafServer,
}

/// One part of the course.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Calls, those that were told to come again because too many explanations were asked for, and those that failed.
    pub calls: u64,
    /// See `calls`.
    pub turned_away: u64,
    /// See `calls`.
    pub failed: u64,
    /// Half of the calls were answered within, milliseconds.
    pub p50_ms: f64,
    /// Ninety-nine in a hundred.
    pub p99_ms: f64,
    /// How long it took, seconds.
    pub took_s: f64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// Resident memory of each node before and after the pressure, KiB.
    pub resident_kib: BTreeMap<String, (u64, u64)>,
    /// Nodes that were told to end, and how long they took, seconds.
    pub ended_s: Vec<(String, f64)>,
    /// Hosts at the provider in the end, and machines with a host in the fleet.
    pub hosts: (usize, usize),
    /// What must not be.
    pub faults: Vec<String>,
}

impl Plan {
    /// Of `make stress`.
    pub fn full() -> Self {
        Self {
            at_once: 500,
            machines: 40,
            storms: 10,
            pressure: Duration::from_secs(60),
            callers: 32,
            growth_kib: 64 * 1_024,
            plant: None,
        }
    }

    /// Of `make test`: the same course within seconds.
    pub fn small() -> Self {
        Self { at_once: 100, machines: 6, storms: 2, pressure: Duration::from_secs(2), callers: 8, ..Self::full() }
    }
}

/// Runs the course over a fleet that has just come up. What is wrong stands in the report; an error is the harness's own.
pub async fn run(fleet: &mut LocalFleet, plan: &Plan) -> Result<Report, FleetError> {
    course::Course::new(fleet, plan).run().await
}

impl Report {
    /// Whether everything was as it must be.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            let Part { name, calls, turned_away, failed, p50_ms, p99_ms, took_s } = part;
            let rate = if *took_s > 0.0 { *calls as f64 / took_s } else { 0.0 };
            writeln!(
                f,
                "{name:<34} {calls:>7} calls, {turned_away} told to come again, {failed} failed, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, {took_s:.1} s, {rate:.0}/s"
            )?;
        }
        for (node, took_s) in &self.ended_s {
            writeln!(f, "{node} ended by itself in {took_s:.1} s")?;
        }
        for (node, (before, after)) in &self.resident_kib {
            writeln!(f, "{node} resident {} MiB before the pressure, {} MiB after", before / 1_024, after / 1_024)?;
        }
        writeln!(f, "{} hosts at the provider, {} machines with one in the fleet", self.hosts.0, self.hosts.1)?;
        match self.faults.as_slice() {
            [] => writeln!(f, "nothing was lost, doubled or left behind"),
            faults => writeln!(f, "WRONG:\n  {}", faults.join("\n  ")),
        }
    }
}
