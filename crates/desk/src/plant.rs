//! Bugs put in on purpose, to see that a test notices. Outside of this crate's tests none of them exists.

/// What each bug has a desk do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A new leader takes everybody for as long unheard as the shard is old.
    CondemnedAtOnce,
    /// A new leader expects nobody.
    SilenceForgotten,
    /// A new leader does not know whom the one before it has called silent.
    ReturnUnnoticed,
    /// A machine that reboots is called silent.
    RebootCounted,
}

argosy_failpoint::bugs_of_tests!(Bug);
