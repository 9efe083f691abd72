//! Bugs put in on purpose, to see that a test notices. Outside of this crate's tests none of them exists.

/// What each bug has the book do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A move is taken whatever it was decided from.
    BaseIgnored,
    /// An admission is taken although a budget is used up.
    BudgetIgnored,
    /// An admission is taken although a breaker is open.
    BreakerIgnored,
    /// An admission is taken although somebody has said to leave the machine alone.
    HoldIgnored,
    /// What came of another order counts for this one.
    LateOutcomeCounted,
    /// A machine is condemned although it is not drained.
    CondemnedWhileServing,
    /// A report that finds the machine well does not begin the count anew.
    ReportsNotConsecutive,
    /// A machine that recovers within its grace stays in the book.
    RecoveryForgotten,
    /// A verdict changes the class of what is under way.
    ClassChangedUnderWay,
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
