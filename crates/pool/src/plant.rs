//! Bugs put in on purpose, to see that a test notices. Outside of this crate's tests none of them exists.

/// What each bug has a split do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Parts follow what a pool has, not the weights: every rounding stays.
    SharesDrift,
    /// A seller that has nothing is never looked at again.
    SellerForgotten,
    /// What is to move is given up before what follows works.
    MovedTooSoon,
}

argosy_failpoint::bugs_of_tests!(Bug);
