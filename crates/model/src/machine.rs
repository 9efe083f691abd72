//! One machine's record: 64 bytes at most, one cache line; everything else about it is shared (its shape) or rare (kept aside).

use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::ids::{ClusterIx, GroupIx, ProfileIx, ShapeIx};
use crate::lifecycle::State;
use crate::time::ShardTime;

/// Whose a machine is, or is going to be: the cluster, and the need it was acquired for where that is known (a machine
/// adopted from a provider may not say).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// The cluster it serves.
    pub cluster: ClusterIx,
    /// The profile of the need it was acquired for.
    pub profile: Option<ProfileIx>,
    /// The gang it was acquired for.
    pub group: Option<GroupIx>,
}

/// Yes-or-no facts about a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flags(u8);

impl Flags {
    /// Hardware is there.
    pub const HOST: Self = Self(1);
    /// An operator or admin has closed it for new work.
    pub const CORDONED: Self = Self(1 << 1);
    /// Its health verdict says that it must not count as supply.
    pub const UNHEALTHY: Self = Self(1 << 2);
    /// Its provider has announced that it will be interrupted.
    pub const NOTICE: Self = Self(1 << 3);
    /// Its provider has just turned it down (no stock, quota, throttling): it is left alone for a while.
    pub const COOLING: Self = Self(1 << 4);
    /// It is to be given back as soon as it is idle, whatever hold there is, and bound by nobody.
    pub const CONDEMNED: Self = Self(1 << 5);
    /// Somebody is at it, or is to look at it: idle, it is not given back, unless it is condemned.
    pub const KEPT: Self = Self(1 << 6);
    /// A slot of a lane (provider, region, instance type) that takes no more just now: its breaker is open, or a quota is
    /// reached.
    pub const HELD_BACK: Self = Self(1 << 7);

    /// All of them, as one number.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// Whether any of `other`'s flags is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a machine with these flags may be taken for new work.
    pub fn is_usable(self) -> bool {
        !self.has(Self::CORDONED | Self::UNHEALTHY | Self::NOTICE | Self::COOLING | Self::CONDEMNED | Self::HELD_BACK)
    }

    /// Whether a machine with these flags counts as cover for whoever holds it. A cordoned machine still serves; an unhealthy
    /// or doomed one must be covered anew.
    pub fn is_cover(self) -> bool {
        !self.has(Self::UNHEALTHY | Self::NOTICE | Self::CONDEMNED)
    }

    /// With `other` set or cleared.
    #[must_use]
    pub fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { Self(self.0 & !other.0) }
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A machine. Its id, host reference and error text are kept by the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Offering, domain and price.
    pub shape: ShapeIx,
    /// Where it is in its life.
    pub state: State,
    /// Yes-or-no facts.
    pub flags: Flags,
    /// Whose it is: set when bound, and already while it is created or configured for somebody.
    pub claim: Option<Claim>,
    /// While it drains for a preemptor: for whom. That need counts it as coming.
    pub heir: Option<Claim>,
    /// Since when it is in this state.
    pub since: ShardTime,
    /// Rises with every change of the record; plans carry it, so that what has moved on is left alone.
    pub version: u32,
    /// Priority of the need it was acquired for, echoed to the provider. Decisions look at the present claimant.
    pub assigned_priority: i32,
    /// Interruption penalty it was acquired under.
    pub assigned_interruption: Bucket,
    /// Reclamation penalty it was acquired under.
    pub assigned_reclamation: Bucket,
}

const _: () = assert!(size_of::<Machine>() <= 64, "a machine's record fits one cache line");

/// Which rule of the machine record is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invariant {
    /// A state without hardware has a host.
    #[error("a machine without hardware has a host")]
    HostWithoutHardware,
    /// A state with hardware has no host.
    #[error("the state needs a host and there is none")]
    HostMissing,
    /// A bound state without a cluster.
    #[error("the state needs a cluster and there is none")]
    ClusterMissing,
    /// A free state with a cluster.
    #[error("a free machine has a cluster")]
    ClusterOnFree,
    /// An heir outside of Draining.
    #[error("only a draining machine can have an heir")]
    HeirWithoutDrain,
    /// A failed machine without an error, or an error on one that has not failed.
    #[error("last_error is there exactly if the machine has failed")]
    ErrorMismatch,
}

impl Machine {
    /// A machine in `state`, since `since`, claimed by nobody.
    pub fn new(shape: ShapeIx, state: State, since: ShardTime) -> Self {
        let hardware = !matches!(state, State::Speculative | State::Creating);
        Self {
            shape,
            state,
            flags: Flags::default().with(Flags::HOST, hardware),
            claim: None,
            heir: None,
            since,
            version: 0,
            assigned_priority: 0,
            assigned_interruption: Bucket::UNSPECIFIED,
            assigned_reclamation: Bucket::UNSPECIFIED,
        }
    }

    /// Moves to `state` at `now`. What the new state cannot carry goes: hardware, claim, heir and assignment.
    #[must_use]
    pub fn moved(mut self, state: State, now: ShardTime) -> Self {
        if state != self.state {
            self.since = now;
        }
        self.state = state;
        match state {
            State::Speculative | State::Creating => self.flags = self.flags.with(Flags::HOST | Flags::NOTICE, false),
            State::Failed => {}
            _ => self.flags = self.flags.with(Flags::HOST, true),
        }
        if matches!(state, State::Speculative | State::Idle | State::Deleting) {
            self.claim = None;
            self.assigned_priority = 0;
            self.assigned_interruption = Bucket::UNSPECIFIED;
            self.assigned_reclamation = Bucket::UNSPECIFIED;
        }
        if state != State::Draining {
            self.heir = None;
        }
        if state != State::Speculative {
            self.flags = self.flags.with(Flags::HELD_BACK, false);
        }
        self
    }

    /// The cluster that has it, or is getting it.
    pub fn cluster(&self) -> Option<ClusterIx> {
        self.claim.map(|claim| claim.cluster)
    }

    /// Whether it may be taken for new work.
    pub fn is_usable(&self) -> bool {
        self.flags.is_usable()
    }

    /// Whether it counts as cover for whoever holds it. A cordoned machine still serves; an unhealthy or doomed one must be covered anew.
    pub fn is_cover(&self) -> bool {
        self.flags.is_cover()
    }

    /// Checks the record against the rules of its state.
    pub fn check(&self, has_error: bool) -> Result<(), Invariant> {
        let host = self.flags.has(Flags::HOST);
        let claimed = self.claim.is_some();
        match self.state {
            State::Speculative | State::Creating if host => return Err(Invariant::HostWithoutHardware),
            State::Idle | State::Configuring | State::Configured | State::Draining | State::Deleting if !host => {
                return Err(Invariant::HostMissing);
            }
            State::Configuring | State::Configured | State::Draining if !claimed => {
                return Err(Invariant::ClusterMissing);
            }
            State::Speculative | State::Idle | State::Deleting if claimed => return Err(Invariant::ClusterOnFree),
            _ => {}
        }
        if self.heir.is_some() && self.state != State::Draining {
            return Err(Invariant::HeirWithoutDrain);
        }
        if has_error != (self.state == State::Failed) {
            return Err(Invariant::ErrorMismatch);
        }
        Ok(())
    }
}
