//! A case: a fleet, its demand, its policy, and what becomes of them, as plain data. It can be run again, reduced and stored.
//!
//! Machines and needs go by numbers of their own, so that taking one out of a case leaves what the others mean as it is. What
//! a step names that is not there, or that the lifecycle forbids at that moment, is passed over.

use argosy_model::{Cause, State};
use serde::{Deserialize, Serialize};

/// Everything that a run needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// In which order the shapes of the fleet were first seen.
    pub first_sight: u64,
    /// Limits, holds and weights to begin with.
    pub policy: PolicyDraft,
    /// The quotas and half-open breakers to begin with.
    #[serde(default)]
    pub caps: Vec<CapDraft>,
    /// The fleet to begin with.
    pub machines: Vec<MachineDraft>,
    /// The demand to begin with.
    pub needs: Vec<NeedDraft>,
    /// What happens, in order; after each step the engines decide.
    pub steps: Vec<Step>,
}

/// A change, the time that passes before it, and how much of the plan is taken that follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Seconds of shard time before it.
    pub after_s: u16,
    /// What happens.
    pub change: Change,
    /// What is taken of the plan: all of it for 0, nothing at all for 1, else every unit but each `n`th.
    pub drops: u8,
}

/// What can happen to a shard between two cycles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Time passes, nothing else.
    Nothing,
    /// Something else is tried on a copy, which is then thrown away.
    WhatIf(Box<Change>),
    /// A copy is left alone until it comes to rest.
    Rest,
    /// The provider finishes what it is at, for so many machines in order of slot. A machine that was created for somebody
    /// goes on to be configured, if `binds`.
    Finish {
        /// How many.
        count: u16,
        /// Whether operations go on by themselves.
        binds: bool,
    },
    /// A need comes, or changes what it asks in all.
    Put(NeedDraft),
    /// A need goes.
    Withdraw(u16),
    /// A cluster reports that it needs nothing.
    Empty(u8),
    /// A machine is seen for the first time.
    Appear(MachineDraft),
    /// A machine is gone for good.
    Vanish(u16),
    /// A machine changes state.
    Move {
        /// Which.
        machine: u16,
        /// To where.
        to: State,
        /// Why.
        cause: Cause,
        /// For which need, where the new state is bound and the old one was not.
        owner: u16,
    },
    /// A flag is set or cleared.
    Flag {
        /// Which machine.
        machine: u16,
        /// Cordoned, unhealthy, under notice, cooling.
        flag: u8,
        /// Set or cleared.
        on: bool,
    },
    /// A machine turns out to be another offering, or in another rack.
    Reshape {
        /// Which machine.
        machine: u16,
        /// See [`MachineDraft::offering`].
        offering: u8,
        /// See [`MachineDraft::rack`].
        rack: u8,
    },
    /// An admin changes limits or rails.
    Policy(PolicyDraft),
    /// Other quotas are in force, or other breakers are half open.
    Caps(Vec<CapDraft>),
}

/// A quota, or a breaker that is half open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapDraft {
    /// Of which instance type; all of them if left out.
    pub instance: Option<u8>,
    /// In which zone; everywhere if left out.
    pub zone: Option<u8>,
    /// Most machines that there may be; `None` for a breaker, which lets one creation through at a time.
    pub machines: Option<u8>,
}

/// A machine to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineDraft {
    /// Its number.
    pub number: u16,
    /// Which of the offerings in [`crate::vocabulary`].
    pub offering: u8,
    /// Which rack; it implies the zone.
    pub rack: u8,
    /// Its state.
    pub state: State,
    /// The need it was acquired for; a number that no need has stands for none, and its cluster is the number's remainder.
    pub owner: u16,
    /// While it drains: the need it drains for.
    pub heir: Option<u16>,
    /// Which flag is set, if one: as in [`Change::Flag`].
    pub flag: Option<u8>,
    /// How long it has been in its state.
    pub age_s: u16,
}

/// A need to be. Two drafts that differ in number and amounts only are the same need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedDraft {
    /// Its number.
    pub number: u16,
    /// Its cluster.
    pub cluster: u8,
    /// Which conditions.
    pub conditions: u8,
    /// Which topology.
    pub topology: u8,
    /// Its gang.
    pub group: Option<u8>,
    /// Which priority.
    pub priority: u8,
    /// Which penalty of interruption.
    pub interruption: u8,
    /// Which penalty of reclamation.
    pub reclamation: u8,
    /// Which indivisible piece.
    pub unit: u8,
    /// How many pieces in all.
    pub units: u8,
    /// Whether half a piece comes on top.
    pub half: bool,
}

/// The part of a policy that cases vary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDraft {
    /// Holds of on-demand and spot machines, in seconds.
    pub hold_s: [u16; 2],
    /// The reclaim cap.
    pub cap_ppm: Option<u32>,
    /// Most actions in a plan.
    pub max_actions: u32,
    /// Time to park, between tries, to assemble and to retreat, in seconds.
    pub timers_s: [u16; 4],
    /// Weights of the victim score.
    pub weights: [u32; 4],
    /// Whether the kill switch holds plans back.
    pub kill_switch: bool,
    /// Whether a dry run holds plans back.
    pub dry_run: bool,
    /// What consolidation is allowed; it is off if left out.
    #[serde(default)]
    pub moves: Option<MovesDraft>,
}

/// What consolidation is allowed, in the part that cases vary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovesDraft {
    /// Least saving of a move, in millionths of a dollar an hour.
    pub min_gain: u64,
    /// Cost of a move, in millionths of a dollar.
    pub cost: u64,
    /// Time within which a move must save its cost, in hours.
    pub payback_h: u16,
    /// Most moves of the shard in one plan.
    pub of_shard: u32,
    /// Most moves of a cluster in one plan.
    pub of_cluster: u32,
    /// The same as a share, where it is one.
    pub share_ppm: Option<u32>,
}
