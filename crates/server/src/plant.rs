//! Bugs put in on purpose, to see that a test notices. Outside of this crate's unit tests none of them exists.

/// What each bug has a node do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Who signs for agents may sign for anybody.
    IssuerForAnybody,
    /// An authority for agents may be one that another authority has signed.
    SignedByAnother,
    /// A call that takes its time keeps all others waiting.
    SlowestFirst,
}

argosy_failpoint::bugs_of_tests!(Bug);
