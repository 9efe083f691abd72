//! What a proposer gets back: what was taken, what was dropped and why, or a rejection with a code.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::need_row::RowError;

/// The fold's answer to one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// Done; there is nothing more to say.
    Done,
    /// Nothing was changed.
    Rejected(Rejection),
    /// A new leader has taken over.
    Leader {
        /// How many attempts were made anew.
        renewed: u32,
    },
    /// A roll-up was accepted or held back.
    RollUp(RollUpTaken),
    /// An observation was folded in.
    Observed {
        /// Records that changed something.
        changed: u32,
        /// Records that were screened out; the last good one is kept.
        screened: u32,
    },
    /// A plan was taken, unit by unit.
    Plan(PlanTaken),
    /// Reports on attempts were folded in.
    Outcomes {
        /// Reports that were about the current attempt of an open operation.
        taken: u32,
        /// Reports that came too late to mean anything.
        late: u32,
    },
    /// Updates of machines' health were folded in.
    Health {
        /// Updates that were taken.
        taken: u32,
        /// Updates of machines that are not there, or that went on from something else than what is kept.
        late: u32,
    },
    /// Moves of repairs were folded in.
    Repairs {
        /// Moves that were taken.
        taken: u32,
        /// Moves that were decided from something else than what is kept, or that something holds back.
        late: u32,
    },
}

/// What became of a roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RollUpTaken {
    /// It is the cluster's demand now.
    Accepted {
        /// How many roll-ups of the cluster have been accepted.
        revision: u64,
    },
    /// It drops nearly all rows: held back until it is confirmed (ARG-0413).
    HeldBack {
        /// How many such reports in a row there have been.
        times: u8,
    },
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTaken {
    /// Operations opened; their ids are (log index of the plan, 0 .. opened).
    pub opened: u32,
    /// Units taken.
    pub taken: u32,
    /// Units dropped, with their position in the plan.
    pub dropped: Vec<(u32, DropReason)>,
}

/// Why a unit of a plan was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DropReason {
    /// A machine has changed since: one that is acted on, or one that a gang was to be whole with.
    MachineChanged,
    /// A need has changed or gone since.
    NeedChanged,
    /// A machine has an operation under way.
    Busy,
    /// A machine is cordoned, unhealthy, under notice or cooling.
    Unusable,
    /// The lifecycle does not allow it, or the unit refers to what does not exist.
    Illegal,
    /// The kill switch is on.
    KillSwitch,
    /// Dry run.
    DryRun,
    /// The cluster has not reported yet: silence is not "no demand".
    NotHeard,
    /// The reclaim cap of the cluster's window is used up.
    ReclaimCap,
    /// The plan has more actions than the policy allows.
    TooMany,
    /// A slot that was freed has been given out again since.
    SlotsReused,
    /// A lane's breaker lets no more through.
    BreakerOpen,
    /// A quota would be exceeded.
    QuotaReached,
    /// Needs do not move to cheaper machines.
    ConsolidationOff,
    /// The budget of moves to cheaper machines is used up.
    ChurnBudget,
}

impl DropReason {
    /// Its name in metrics and traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::MachineChanged => "machine_changed",
            Self::NeedChanged => "need_changed",
            Self::Busy => "busy",
            Self::Unusable => "unusable",
            Self::Illegal => "illegal",
            Self::KillSwitch => "kill_switch",
            Self::DryRun => "dry_run",
            Self::NotHeard => "not_heard",
            Self::ReclaimCap => "reclaim_cap",
            Self::TooMany => "too_many",
            Self::SlotsReused => "slots_reused",
            Self::BreakerOpen => "breaker_open",
            Self::QuotaReached => "quota_reached",
            Self::ConsolidationOff => "consolidation_off",
            Self::ChurnBudget => "churn_budget",
        }
    }
}

/// Why an entry changed nothing. The same on every replica.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Rejection {
    /// Not a command.
    #[error("ARG-0401: an entry of {bytes} bytes is no command of this release; update the node that proposed it")]
    Malformed {
        /// Length of the entry.
        bytes: u64,
    },
    /// Another format.
    #[error("ARG-0402: an entry has format {found}, this release reads format {known}; run the release that wrote it")]
    UnknownFormat {
        /// Its format.
        found: u8,
        /// The one that this release reads.
        known: u8,
    },
    /// The shard has not begun.
    #[error("ARG-0403: the shard has not been begun; propose its genesis first")]
    NotBegun,
    /// The shard has begun already.
    #[error("ARG-0404: the shard has begun already; a genesis is its first entry only")]
    Begun,
    /// Proposed in an older term.
    #[error(
        "ARG-0405: proposed in term {proposed}, the entry's term is {term}; read the state and decide again as its leader"
    )]
    StaleTerm {
        /// The proposer's term.
        proposed: u64,
        /// The entry's.
        term: u64,
    },
    /// Halted.
    #[error(
        "ARG-0406: the shard is halted since entry {since}; see its evidence, then resume it with a release that has the fault mended"
    )]
    Halted {
        /// The entry that halted it.
        since: u64,
    },
    /// The leader of this term has not taken over yet.
    #[error("ARG-0407: the leader of term {term} has not taken over yet; propose its start first")]
    LeaderNotStarted {
        /// The entry's term.
        term: u64,
    },
    /// A command of a later state version.
    #[error(
        "ARG-0408: the command needs state version {needs}, the shard has {has}; raise it once every replica runs the release"
    )]
    StateVersion {
        /// What the command needs.
        needs: u16,
        /// What the shard has.
        has: u16,
    },
    /// An index that has been applied already.
    #[error("ARG-0409: entry {index} comes after {applied} has been applied; this is a fault of the log, report it")]
    OutOfOrder {
        /// The entry.
        index: u64,
        /// The last one applied.
        applied: u64,
    },
    /// A delta against another roll-up than the last accepted one.
    #[error(
        "ARG-0410: the roll-up of '{cluster}' was made against revision {base}, the last accepted one is {revision}; make it again"
    )]
    RollUpBase {
        /// The cluster.
        cluster: String,
        /// What the delta was made against.
        base: u64,
        /// The last accepted one.
        revision: u64,
    },
    /// A row breaks a rule.
    #[error("ARG-0411: the roll-up of '{cluster}' is refused, row {row}: {error}; the last good demand stays")]
    Row {
        /// The cluster.
        cluster: String,
        /// Position among the rows that were sent.
        row: u32,
        /// The rule.
        error: RowError,
    },
    /// A roll-up that contradicts itself or the limits.
    #[error("ARG-0412: the roll-up of '{cluster}' is refused: {why}; the last good demand stays")]
    RollUp {
        /// The cluster, cut to a sane length.
        cluster: String,
        /// Why.
        why: Why,
    },
    /// No such machine.
    #[error(
        "ARG-0420: this shard has no machine '{machine}'; list its machines, or ask the shard that owns its domain"
    )]
    UnknownMachine {
        /// The id, cut to a sane length.
        machine: String,
    },
    /// A genesis, setting or version that makes no sense.
    #[error("ARG-0421: {why}; correct it and propose it again")]
    Setting {
        /// What makes no sense.
        why: Why,
    },
    /// A plan that was decided from a state that does not exist yet.
    #[error(
        "ARG-0422: the plan is based on revision {based_on}, the state is at {revision}; decide from committed state only"
    )]
    FuturePlan {
        /// The plan's revision.
        based_on: u64,
        /// The state's.
        revision: u64,
    },
    /// An observation whose records refer to what it does not hold.
    #[error("ARG-0423: an observation of '{provider}' refers to a shape that it does not hold; make it again")]
    Observation {
        /// The provider, cut to a sane length.
        provider: String,
    },
    /// A pool that makes no sense, or a decision for one that has changed since.
    #[error("ARG-1202: pool '{pool}': {why}; nothing was changed")]
    Pool {
        /// Its name, cut to a sane length.
        pool: String,
        /// What makes no sense.
        why: Why,
    },
    /// A repair that cannot be had now, or a policy that makes no sense.
    #[error("ARG-1022: {what}: {why}; nothing was changed")]
    Repair {
        /// The machine, or the policy; cut to a sane length.
        what: String,
        /// Why.
        why: Why,
    },
    /// No such pool.
    #[error("ARG-1203: this shard has no pool '{pool}'; `argosy pools` lists them")]
    UnknownPool {
        /// Its name, cut to a sane length.
        pool: String,
    },
    /// Sinks that make no sense.
    #[error("ARG-1402: {why}; the sinks stay as they were")]
    Sinks {
        /// What makes no sense.
        why: Why,
    },
}

impl Rejection {
    /// Its code: `ARG-` and four digits.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "ARG-0401",
            Self::UnknownFormat { .. } => "ARG-0402",
            Self::NotBegun => "ARG-0403",
            Self::Begun => "ARG-0404",
            Self::StaleTerm { .. } => "ARG-0405",
            Self::Halted { .. } => "ARG-0406",
            Self::LeaderNotStarted { .. } => "ARG-0407",
            Self::StateVersion { .. } => "ARG-0408",
            Self::OutOfOrder { .. } => "ARG-0409",
            Self::RollUpBase { .. } => "ARG-0410",
            Self::Row { .. } => "ARG-0411",
            Self::RollUp { .. } => "ARG-0412",
            Self::UnknownMachine { .. } => "ARG-0420",
            Self::Setting { .. } => "ARG-0421",
            Self::FuturePlan { .. } => "ARG-0422",
            Self::Observation { .. } => "ARG-0423",
            Self::Pool { .. } => "ARG-1202",
            Self::UnknownPool { .. } => "ARG-1203",
            Self::Repair { .. } => "ARG-1022",
            Self::Sinks { .. } => "ARG-1402",
        }
    }
}

/// A short reason inside a rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why(String);

impl From<&str> for Why {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Response {
    /// The bytes that travel back to the proposer.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a response is plain data: encoding into memory cannot fail")
    }

    /// Reads those bytes; `None` if they are no response of this release.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_s_sentence_begins_with_its_code() {
        let rejections = [
            Rejection::Malformed { bytes: 1 },
            Rejection::NotBegun,
            Rejection::StaleTerm { proposed: 1, term: 2 },
            Rejection::Halted { since: 3 },
            Rejection::RollUp { cluster: "c".to_owned(), why: "no".into() },
            Rejection::Setting { why: "no".into() },
            Rejection::Observation { provider: "p".to_owned() },
            Rejection::Pool { pool: "p".to_owned(), why: "no".into() },
            Rejection::UnknownPool { pool: "p".to_owned() },
            Rejection::Repair { what: "m".to_owned(), why: "no".into() },
            Rejection::UnknownFormat { found: 9, known: 1 },
            Rejection::Begun,
            Rejection::LeaderNotStarted { term: 2 },
            Rejection::UnknownMachine { machine: "m".to_owned() },
            Rejection::FuturePlan { based_on: 9, revision: 8 },
            Rejection::Sinks { why: "no".into() },
        ];
        for rejection in rejections {
            assert!(rejection.to_string().starts_with(rejection.code()), "{rejection}");
        }
    }

    #[test]
    fn reasons_for_dropped_units_have_the_names_that_dashboards_know() {
        use DropReason as Drop;
        let names = [
            (Drop::MachineChanged, "machine_changed"),
            (Drop::NeedChanged, "need_changed"),
            (Drop::Busy, "busy"),
            (Drop::Unusable, "unusable"),
            (Drop::Illegal, "illegal"),
            (Drop::KillSwitch, "kill_switch"),
            (Drop::DryRun, "dry_run"),
            (Drop::NotHeard, "not_heard"),
            (Drop::ReclaimCap, "reclaim_cap"),
            (Drop::TooMany, "too_many"),
            (Drop::SlotsReused, "slots_reused"),
            (Drop::BreakerOpen, "breaker_open"),
            (Drop::QuotaReached, "quota_reached"),
            (Drop::ConsolidationOff, "consolidation_off"),
            (Drop::ChurnBudget, "churn_budget"),
        ];
        assert_eq!(names.map(|(reason, _)| reason.name()), names.map(|(_, name)| name));
    }

    #[test]
    fn a_response_reads_back_as_it_was_written() {
        let response = Response::Plan(PlanTaken { opened: 2, taken: 1, dropped: vec![(1, DropReason::ReclaimCap)] });
        assert_eq!(Response::decode(&response.encode()), Some(response));
    }
}
