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

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether a bug is planted in this thread.
#[cfg(test)]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether a bug is planted: never, in what is built for use.
#[cfg(not(test))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// Runs with a bug, and without it afterwards.
#[cfg(test)]
pub(crate) fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
    PLANTED.set(Some(bug));
    let _restore = Restore;
    run()
}
