//! What the simulator knows of machines beside the control plane: what is up, what is broken, what nobody has heard yet.

use std::collections::BTreeSet;

use argosy_health::record::Standing;

use super::record::{Cause, FailureKind, FailureNumber, MachineNumber};

/// A machine as it is, whatever the control plane thinks of it.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// A host is there, has booted, and runs an agent.
    pub(super) up: bool,
    /// Counts its hosts.
    pub(super) generation: u32,
    /// When its creation was last decided.
    pub(super) decided_ms: Option<u64>,
    /// It has joined a pool since it was created.
    pub(super) started: bool,
    /// What is broken.
    pub(super) active: BTreeSet<FailureNumber>,
    /// What its agent could not say yet.
    pub(super) unsaid: Vec<Word>,
    /// How many failures keep it from being heard.
    pub(super) unreachable: u32,
    /// Since when it has not been heard.
    pub(super) unheard_since: Option<u64>,
    /// The control plane has noticed that.
    pub(super) silent: bool,
    /// Numbers what its agent says.
    pub(super) said: u64,
    /// The pool that it serves.
    pub(super) pool: Option<String>,
    /// Its pool has to do without it, whether or not another has made up for it.
    pub(super) is_out: bool,
    /// Since when its pool waits for another in its place.
    pub(super) missed_since: Option<u64>,
    /// What was last said of its health.
    pub(super) standing: Standing,
    /// It costs.
    pub(super) pays: bool,
    /// It costs and is no supply.
    pub(super) wastes: bool,
    /// A person has asked for it to be drained.
    pub(super) drain_asked: bool,
}

/// What an agent has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// That it is there.
    Greeting,
    /// That something broke.
    Broke(FailureNumber),
    /// That it is right again.
    Mended(FailureNumber),
    /// That its GPUs were reset.
    Reset,
    /// That an order is carried out.
    Done(u64),
}

/// Something that broke.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) machine: MachineNumber,
    pub(super) kind: FailureKind,
    pub(super) xid: Option<u32>,
    pub(super) gpu: Option<u32>,
    pub(super) message: String,
    pub(super) cause: Cause,
    pub(super) began_ms: u64,
    pub(super) over: bool,
    /// The control plane has been told.
    pub(super) told: bool,
    /// The cascade that it is part of.
    pub(super) tree: Option<usize>,
    /// How many correlated failures lie before it.
    pub(super) wake: u32,
    /// The outage that caused it.
    pub(super) outage: Option<usize>,
}

impl Failure {
    /// How many steps it lies from the first of its cascade.
    pub(super) fn depth(&self) -> u32 {
        match self.cause {
            Cause::Cascade { depth, .. } => depth,
            _ => 0,
        }
    }
}
