//! Bugs put in on purpose, to see that a test notices. Outside of this crate's tests none of them exists.

/// What each bug has the fold do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Machines on their way count against no quota.
    InFlightUncounted,
    /// A half-open breaker lets everything through.
    HalfOpenWide,
    /// A new leader's fold knows of no breaker.
    BreakerForgotten,
    /// A breaker that opens a second time never lets a probe through.
    Lockout,
    /// A half-open breaker waits for a probe that nobody sends.
    NoParole,
    /// A creation that fails after it was accepted says nothing of its lane.
    FailureUncounted,
    /// What a lane may take is read in the middle of an entry as it was counted at the end of some other.
    CountedLate,
    /// The engine does not know what quotas and half-open breakers leave for several shapes together.
    CapsUnseen,
    /// Moves count against no budget.
    ChurnUncounted,
    /// A provider is not told what protects a machine.
    EchoUnwritten,
    /// A drain counts as done when it is accepted.
    DrainDoneWhenAccepted,
    /// A machine is believed to be only where a step leads.
    SkippedStatesIgnored,
    /// What is configured later than its call returned has no terms.
    LateTermsLost,
    /// Records that an entry wrote stand when the entry is taken back.
    RecordsStand,
}

argosy_failpoint::bugs_of_tests!(Bug);
