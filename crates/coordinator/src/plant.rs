//! Bugs put in on purpose, to see that a test notices. Outside of this crate's tests none of them exists.

/// What each bug has the book do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A secret is right if it begins right.
    SecretByPrefix,
    /// A token lets in as many as come.
    UsesNotCounted,
    /// An agent that asks again counts again.
    ReplayCounted,
    /// A token lets in an agent of any name.
    ScopeIgnored,
    /// A token is good for ever.
    ExpiryIgnored,
    /// A token that was revoked goes on letting in.
    RevocationIgnored,
}

argosy_failpoint::bugs_of_tests!(Bug);
