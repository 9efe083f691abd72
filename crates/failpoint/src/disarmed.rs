//! The switches of what is deployed: there are none.

use std::time::Duration;

use crate::{Failpoint, Planted};

/// Whether this build has switches.
pub const ARMED: bool = false;

/// Whether a failpoint fires now: never.
#[inline(always)]
#[must_use]
pub const fn fires(_: Failpoint) -> bool {
    false
}

/// How long to wait at a failpoint: not at all.
#[inline(always)]
#[must_use]
pub const fn pause(_: Failpoint, _: Duration) -> Option<Duration> {
    None
}

/// Whether a bug is planted: never.
#[inline(always)]
#[must_use]
pub const fn planted(_: Planted) -> bool {
    false
}
