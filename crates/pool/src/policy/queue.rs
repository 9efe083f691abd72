//! Queue: as many machines as the jobs that wait need.

use serde::{Deserialize, Serialize};

use super::{Metric, Reason, Wish};
use crate::specification::Bounds;
use crate::{Fault, Reading};

/// One machine for so many jobs that wait, rounded up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Jobs that one machine takes.
    pub jobs_per_machine: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self { jobs_per_machine: 10 }
    }
}

impl Queue {
    pub(super) fn wish(&self, now: &Reading<'_>, size: u32, bounds: Bounds) -> Wish {
        let Some(waiting) = now.jobs_now() else { return Wish::blind(size, Metric::QueueDepth, bounds) };
        let per_machine = self.jobs_per_machine;
        let wanted = waiting.div_ceil(u64::from(per_machine.max(1)));
        Wish::new(u32::try_from(wanted).unwrap_or(u32::MAX), Reason::Jobs { waiting, per_machine }, bounds)
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.jobs_per_machine == 0 {
            return Err(Fault::new("queue.jobs_per_machine", "a machine that takes 0 jobs never empties a queue"));
        }
        Ok(())
    }
}
