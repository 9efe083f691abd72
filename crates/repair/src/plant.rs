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

argosy_failpoint::bugs_of_tests!(Bug);
