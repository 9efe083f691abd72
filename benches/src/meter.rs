//! One row's measurements: wall time, processor time and allocations of every sample. Nothing else of a row is timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::ALLOCATOR;

/// How long a row is measured, and how often at least and at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Effort {
    /// One sample: what a count of instructions takes.
    pub(crate) const ONCE: Self = Self { time: Duration::ZERO, least: 1, most: 1 };
}

/// Collects the samples of one row.
#[derive(Debug)]
pub(crate) struct Meter {
    effort: Effort,
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
    allocations: u64,
}

impl Meter {
    pub(crate) fn new(effort: Effort) -> Self {
        Self { effort, wall: Vec::new(), cpu: Vec::new(), allocations: 0 }
    }

    /// Whether another sample is wanted.
    pub(crate) fn wants_more(&self) -> bool {
        let taken = self.wall.len();
        let spent: Duration = self.wall.iter().sum();
        taken < self.effort.least || (taken < self.effort.most && spent < self.effort.time)
    }

    /// Takes one sample. What `work` returns is dropped by the caller, outside the measurement.
    pub(crate) fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let before = ALLOCATOR.counts();
        let (start, busy) = (Instant::now(), cpu_time());
        let result = counted(work);
        let (wall, cpu) = (start.elapsed(), cpu_time() - busy);
        let calls = ALLOCATOR.counts().calls - before.calls;
        self.wall.push(wall);
        self.cpu.push(cpu);
        self.allocations += calls;
        result
    }

    /// Does the work, and takes a sample of it if it `is_measured`.
    pub(crate) fn time_if<R>(&mut self, is_measured: bool, work: impl FnOnce() -> R) -> R {
        if is_measured { self.time(work) } else { work() }
    }

    /// How many samples were taken.
    pub(crate) fn samples(&self) -> usize {
        self.wall.len()
    }

    /// Allocations of one sample, on average, rounded up so that one in all is not none.
    pub(crate) fn allocations(&self) -> u64 {
        self.allocations.div_ceil(self.wall.len().max(1) as u64)
    }

    /// Wall times: the median, the 99th percentile (the highest, where there are fewer than a hundred) and the highest.
    pub(crate) fn percentiles(&self) -> [Duration; 3] {
        [50, 99, 100].map(|per_cent| percentile(&self.wall, per_cent))
    }

    /// Wall time of a sample, on average.
    pub(crate) fn mean(&self) -> Duration {
        self.wall.iter().sum::<Duration>() / u32::try_from(self.wall.len()).expect("some thousands of samples").max(1)
    }

    /// Processor time of all threads, the median: what a sample costs, however many others want the machine.
    pub(crate) fn cpu(&self) -> Duration {
        percentile(&self.cpu, 50)
    }
}

fn percentile(samples: &[Duration], per_cent: usize) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * per_cent).div_ceil(100).clamp(1, sorted.len()) - 1]
}

/// Processor time of this process.
pub(crate) fn cpu_time() -> Duration {
    ProcessTime::now().as_duration()
}

/// The only function whose instructions callgrind counts: the script `bench.sh` names it.
#[inline(never)]
fn counted<R>(work: impl FnOnce() -> R) -> R {
    black_box(black_box(work)())
}

/// Bytes on the heap now: as asked for, without what the allocator adds.
pub(crate) fn live_bytes() -> u64 {
    ALLOCATOR.counts().live_bytes
}
