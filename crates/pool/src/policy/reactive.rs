//! Reactive: keep utilisation within a band, a step at a time.

use serde::{Deserialize, Serialize};

use super::{Metric, Reason, Wish};
use crate::specification::Bounds;
use crate::{Fault, Percent, Reading};

/// Keeps mean utilisation between two thresholds. At a threshold nothing happens; beyond it the pool moves by a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reactive {
    /// Above this, grow.
    pub scale_up_at_percent: Percent,
    /// Below this, shrink.
    pub scale_down_at_percent: Percent,
    /// Machines more at a time.
    pub step_up: u32,
    /// Machines fewer at a time.
    pub step_down: u32,
}

impl Default for Reactive {
    fn default() -> Self {
        let (up, down) = (Percent::whole(80), Percent::whole(20));
        Self { scale_up_at_percent: up, scale_down_at_percent: down, step_up: 1, step_down: 1 }
    }
}

impl Reactive {
    pub(super) fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        let (above, below) = (self.scale_up_at_percent, self.scale_down_at_percent);
        let Some(seen) = now.utilisation_now() else { return Wish::blind(size, Metric::Utilisation, bounds) };
        if seen > above {
            return Wish::new(size.saturating_add(self.step_up), Reason::Busy { seen, above }, bounds);
        }
        if seen >= below {
            return Wish::new(size, Reason::WithinBand { seen }, bounds);
        }
        let fewer = size.saturating_sub(self.step_down).max(bounds.min);
        let then = spread_over(seen, now.ready, fewer);
        if then > above {
            return Wish::new(size, Reason::WouldOverload { seen, then }, bounds);
        }
        Wish::new(fewer, Reason::Idle { seen, below }, bounds)
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.scale_down_at_percent >= self.scale_up_at_percent {
            let (down, up) = (self.scale_down_at_percent, self.scale_up_at_percent);
            let what = format!("it shrinks below {down} and grows above {up}: the first must be the lower one");
            return Err(Fault::new("reactive.scale_down_at_percent", what));
        }
        if self.step_up == 0 || self.step_down == 0 {
            return Err(Fault::new("reactive.step_up", "a step of 0 machines never moves the pool"));
        }
        Ok(())
    }
}

/// The utilisation of `fewer` machines that carry what `ready` machines carry at `seen`.
fn spread_over(seen: Percent, ready: u32, fewer: u32) -> Percent {
    let load = u64::from(seen.ppm()) * u64::from(ready);
    let each = if load == 0 { 0 } else { load.checked_div(u64::from(fewer)).unwrap_or(u64::MAX) };
    Percent::from_ppm(u32::try_from(each).unwrap_or(u32::MAX))
}
