//! The state of a shard: what every replica holds, and what can be asked of it.
//!
//! It changes only by [`ShardState::apply`] (see [`crate::fold`]). A clone costs a few pointers and shares structure, so
//! readers, what-if and snapshots hold one while the fold goes on.

use std::sync::Arc;

use argosy_engine::View;
use argosy_model::{ClusterIx, Demand, Fleet, MachineIx, ShardTime, State};
use argosy_notify::Outbox;
use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};

use crate::consolidation::ConsolidationBook;
use crate::cooling::Cooling;
use crate::counters::Counters;
use crate::digest::Digest;
use crate::echo;
use crate::fold::Market;
use crate::health::HealthBook;
use crate::lanes::LaneBook;
use crate::ledger::Ledger;
use crate::operation::{Call, Operation, OperationId, Step, Verb};
use crate::ownership::Ownership;
use crate::plant::{Bug, planted};
use crate::pools::Pool;
use crate::profiles::Profiles;
use crate::repairs::RepairBook;
use crate::settings::Settings;
use crate::settled::Settled;

/// The state version that a shard begins with, and the newest that this release can hold.
pub const STATE_VERSION: u16 = 1;

/// How many of the latest plans [`ShardState::decision_marks`] reaches back.
pub const DECISION_MARKS: usize = 1_024;

/// What the fold remembers of a cluster beside its demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterBook {
    /// How many of its roll-ups have been accepted.
    pub revision: u64,
    /// Its current reclaim window.
    pub window: ReclaimWindow,
}

/// How many machines may be, and have been, reclaimed from a cluster in the current window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimWindow {
    /// When it began; `None` before the first reclaim.
    pub began: Option<ShardTime>,
    /// The cap, fixed when it began.
    pub allowed: u32,
    /// Reclaims in it.
    pub taken: u32,
}

/// Why a shard is halted, for people to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// The entry at which it happened.
    pub index: u64,
    /// `ARG-0431`: an assertion tripped; `ARG-0432`: this release is too old for the state.
    pub code: String,
    /// What went wrong.
    pub evidence: String,
    /// SHA-256 of the entry, to find it in the log.
    pub entry: Digest,
}

/// The replicated state of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardState {
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) now: ShardTime,
    pub(crate) revision: u64,
    pub(crate) leader_term: u64,
    pub(crate) generation: u32,
    pub(crate) state_version: u16,
    pub(crate) fleet: Fleet,
    pub(crate) demand: Demand,
    pub(crate) ledger: Ledger,
    pub(crate) cooling: Cooling,
    pub(crate) settled: Settled,
    pub(crate) books: OrdMap<ClusterIx, ClusterBook>,
    pub(crate) slots_reused_at: u64,
    pub(crate) counters: Counters,
    pub(crate) audit_head: Digest,
    pub(crate) decisions: Digest,
    pub(crate) decision_marks: Vector<(u64, Digest)>,
    pub(crate) halted: Option<Arc<Halt>>,
    pub(crate) profiles: Profiles,
    pub(crate) pools: OrdMap<String, Pool>,
    pub(crate) health: HealthBook,
    pub(crate) repairs: RepairBook,
    pub(crate) outbox: Outbox,
    pub(crate) lanes: LaneBook,
    pub(crate) consolidation: ConsolidationBook,
    /// The pools with sellers: in no snapshot, for their specifications say so.
    pub(crate) sold: OrdSet<String>,
    /// What the pools with sellers were last split by: in no snapshot, for splitting them once more changes nothing.
    pub(crate) market: Option<Arc<Market>>,
}

impl ShardState {
    /// A shard before its genesis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether its genesis has been applied.
    pub fn has_begun(&self) -> bool {
        self.state_version > 0
    }

    /// Its id; empty before genesis.
    pub fn shard(&self) -> &str {
        &self.ownership.shard
    }

    /// What it owns.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// Policy, rails and limits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Shard time of the last entry.
    pub fn now(&self) -> ShardTime {
        self.now
    }

    /// Log index of the last entry.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The term of the last leader that took over.
    pub fn leader_term(&self) -> u64 {
        self.leader_term
    }

    /// The restore generation.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What may be in the log and in snapshots.
    pub fn state_version(&self) -> u16 {
        self.state_version
    }

    /// The machines.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The demand.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// The open operations.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Machines that are left alone.
    pub fn cooling(&self) -> &Cooling {
        &self.cooling
    }

    /// What the fold remembers of a cluster beside its demand.
    pub fn book(&self, cluster: ClusterIx) -> ClusterBook {
        self.books.get(&cluster).copied().unwrap_or_default()
    }

    /// What the shard has done, in numbers.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Head of the chain of audit records.
    pub fn audit_head(&self) -> Digest {
        self.audit_head
    }

    /// Running hash over every decision taken, in order: equal for equal decisions, whatever lay between them.
    pub fn decision_hash(&self) -> Digest {
        self.decisions
    }

    /// Where that hash stood after each of the latest plans, oldest first, by log index. Whoever was told of one of them
    /// can see later that it was not lost.
    pub fn decision_marks(&self) -> impl Iterator<Item = (u64, Digest)> + '_ {
        self.decision_marks.iter().copied()
    }

    /// Why the shard is halted, if it is.
    pub fn halted(&self) -> Option<&Halt> {
        self.halted.as_deref()
    }

    /// The pools, by name.
    pub fn pools(&self) -> impl ExactSizeIterator<Item = (&str, &Pool)> + '_ {
        self.pools.iter().map(|(name, pool)| (name.as_str(), pool))
    }

    /// The pool with this name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.get(name)
    }

    /// The health of the machines.
    pub fn health(&self) -> &HealthBook {
        &self.health
    }

    /// The repairs of the machines.
    pub fn repairs(&self) -> &RepairBook {
        &self.repairs
    }

    /// Who is told of what happens, and what they have still to be told.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What is remembered of lanes.
    pub fn lanes(&self) -> &LaneBook {
        &self.lanes
    }

    /// The plain profile that a `Same` profile folds into, and others that the vocabulary does not keep.
    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// What decide looks at, at a moment that is not before the last entry.
    pub fn view(&self, now: ShardTime) -> View<'_> {
        View {
            fleet: &self.fleet,
            demand: &self.demand,
            policy: &self.settings.policy,
            consolidation: self.consolidation.allowed(),
            caps: if planted(Bug::CapsUnseen) { &[] } else { self.lanes.caps() },
            now: now.max(self.now),
        }
    }

    /// When a timer of the fold is due, if one is running: propose a tick then. None runs in a halted shard.
    pub fn next_deadline(&self) -> Option<ShardTime> {
        if self.halted.is_some() {
            return None;
        }
        let timers = [
            self.ledger.next_deadline(),
            self.cooling.next_deadline(),
            self.lanes.next_deadline(),
            self.consolidation.next_deadline(),
        ];
        timers.into_iter().flatten().min()
    }

    /// The machines that a cluster holds, is getting, or has lost to failure: what its operator is told when it connects.
    pub fn replay_for(&self, cluster: &str) -> Vec<MachineIx> {
        let Some(cluster) = self.fleet.words.find_cluster(cluster) else {
            return Vec::new();
        };
        let states = [State::Creating, State::Configuring, State::Configured, State::Draining, State::Failed];
        let classes = states.into_iter().flat_map(|state| self.fleet.classes().of(state, Some(cluster)));
        classes.flat_map(|(_, members)| members.iter().copied()).collect()
    }

    /// Everything that is needed to carry out the current attempt at an operation. `None` if it is not open, or nothing
    /// is to be called: the provider is at it, or has turned it down and the next listing will say what is true.
    pub fn call(&self, id: OperationId) -> Option<Call> {
        let operation = self.ledger.get(id)?;
        let is_open = operation.attempt.progress == crate::operation::Progress::Open;
        is_open.then(|| Call {
            operation: id,
            attempt: operation.attempt.number,
            fence: operation.attempt.fence,
            not_before: operation.attempt.not_before,
            provider: self.provider_of(operation.machine).to_owned(),
            machine: self.fleet.id(operation.machine).to_owned(),
            verb: self.verb(operation),
            held_back: self.is_call_held_back(operation),
        })
    }

    fn verb(&self, operation: &Operation) -> Verb {
        let words = &self.fleet.words;
        let holder = || self.fleet.machine(operation.machine).cluster();
        match operation.step {
            Step::Create => Verb::Create,
            Step::Delete => Verb::Delete,
            Step::Configure => {
                let assignment = operation.assignment.expect("a configuration is for somebody");
                let cluster = words.cluster_id(assignment.claim.cluster).to_owned();
                Verb::Configure { cluster, claim: assignment.claim, metadata: echo::encode(&assignment, words) }
            }
            Step::Drain => {
                let cluster = holder().expect("a draining machine has a holder");
                Verb::Drain {
                    cluster: words.cluster_id(cluster).to_owned(),
                    grace: operation.grace,
                    preemptor_priority: operation.preemptor_priority,
                }
            }
        }
    }

    /// The provider that has a machine.
    pub fn provider_of(&self, machine: MachineIx) -> &str {
        let words = &self.fleet.words;
        words.text(words.shape_of(self.fleet.machine(machine).shape).provider)
    }
}
