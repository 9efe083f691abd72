//! Scheduled: other bounds at other times of the week.

use serde::{Deserialize, Serialize};

use super::{Policy, Reason, Wish};
use crate::calendar::{Days, TimeOfDay, WallTime, Zone};
use crate::specification::Bounds;
use crate::{Fault, Reading};

/// Most windows of one schedule.
const MAX_WINDOWS: usize = 64;

/// The first window that applies sets the bounds; the fallback then decides within them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// The zone whose wall clock the windows go by.
    #[serde(default)]
    pub time_zone: Zone,
    /// The windows, the first that applies wins.
    pub windows: Vec<Window>,
    /// What decides within the bounds; without one, the pool only moves as far as they make it.
    #[serde(default)]
    pub fallback: Option<Box<Policy>>,
}

/// Bounds for a time of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins; every day if left out.
    #[serde(default)]
    pub days: Days,
    /// When it begins.
    pub start: TimeOfDay,
    /// When it ends; before `start`, it ends on the next day.
    pub end: TimeOfDay,
    /// Fewest machines meanwhile.
    pub min: u32,
    /// Most machines meanwhile.
    pub max: u32,
}

impl Scheduled {
    pub(super) fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        let wall = WallTime::at(now.clock, &self.time_zone);
        let applies = |window: &Window| wall.within(window.days, window.start, window.end);
        let found = self.windows.iter().position(applies);
        let (bounds, reason) = match found.map(|at| (at, &self.windows[at])) {
            Some((at, window)) => {
                let window_no = u32::try_from(at).unwrap_or(u32::MAX);
                (Bounds { min: window.min, max: window.max }, Reason::Window { window: window_no })
            }
            None => (bounds, Reason::NoWindow),
        };
        match &self.fallback {
            Some(policy) => policy.wish(now, size.clamp(bounds.min, bounds.max), bounds),
            None => Wish::new(size.clamp(bounds.min, bounds.max), reason, bounds),
        }
    }

    pub(super) fn check(&self, pool: Bounds) -> Result<(), Fault> {
        if self.windows.is_empty() || self.windows.len() > MAX_WINDOWS {
            return Err(Fault::new("scheduled.windows", format!("a schedule has 1 to {MAX_WINDOWS} windows")));
        }
        for (at, window) in self.windows.iter().enumerate() {
            let fault = |key: &str, what: String| Err(Fault::new(format!("scheduled.windows[{at}].{key}"), what));
            if window.start == window.end || window.start == TimeOfDay::END {
                return fault("start", "the window is empty; write 0 and 24 for a whole day".to_owned());
            }
            if window.end == TimeOfDay::BEGIN {
                return fault("end", "write 24:00 for the end of the day".to_owned());
            }
            if window.min > window.max {
                return fault("min", format!("{} is above this window's max of {}", window.min, window.max));
            }
            if window.min < pool.min || window.max > pool.max {
                let (min, max) = (pool.min, pool.max);
                return fault("max", format!("the window leaves the pool's own bounds of {min} to {max}"));
            }
        }
        Ok(())
    }
}
