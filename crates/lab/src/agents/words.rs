//! What agents say, and the count of what was said and heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use argosy_proto::argosy::v1::{
    AgentHello, AgentInventory, AgentSample, EccCounts, GpuDevice, GpuDriver, GpuDriverState, GpuSample, RowRemap,
};

/// Devices of a machine.
const GPUS: u32 = 8;
/// The longest answer that is told apart, milliseconds.
const LONGEST_MS: usize = 60_000;

/// What all agents together have said and heard.
#[derive(Debug)]
pub(super) struct Tally {
    samples: AtomicU64,
    bytes: AtomicU64,
    acknowledged: AtomicU64,
    /// By milliseconds from a batch to its acknowledgement.
    answers: Vec<AtomicU64>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

/// A look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Samples that were said.
    pub(super) samples: u64,
    /// Their messages, encoded.
    pub(super) bytes: u64,
    /// Batches that were acknowledged, of those who count.
    pub(super) acknowledged: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            samples: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            answers: (0..=LONGEST_MS).map(|_| AtomicU64::new(0)).collect(),
            refusals: Mutex::default(),
        }
    }
}

impl Tally {
    /// A sample was said, in so many bytes.
    pub(super) fn said(&self, bytes: usize) {
        self.samples.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A batch was acknowledged after this time.
    pub(super) fn acknowledged(&self, after: Duration) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        let ms = usize::try_from(after.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        self.answers[ms].fetch_add(1, Ordering::Relaxed);
    }

    /// Answers are counted from now on: those amid the greetings say nothing about the time after them.
    pub(super) fn forget_answers(&self) {
        for count in &self.answers {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// A stream ended.
    pub(super) fn refusal(&self, reason: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < 16 || refusals.contains_key(reason) {
            *refusals.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// Why streams ended, the most frequent reason first.
    pub(super) fn refused(&self) -> String {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let most = refusals.iter().max_by_key(|(_, count)| **count);
        most.map_or_else(|| "none was refused".to_owned(), |(reason, count)| format!("{count} times: {reason}"))
    }

    pub(super) fn read(&self) -> Count {
        Count {
            samples: self.samples.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
        }
    }

    /// The median, the 99th percentile and the longest answer, milliseconds.
    pub(super) fn quantiles(&self) -> [u64; 3] {
        let counts: Vec<u64> = self.answers.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let at = |rank: u64| {
            let mut so_far = 0;
            let found = counts.iter().position(|count| {
                so_far += count;
                so_far >= rank.max(1)
            });
            found.unwrap_or(0) as u64
        };
        if all == 0 { [0; 3] } else { [at(all.div_ceil(2)), at((all * 99).div_ceil(100)), at(all)] }
    }
}

fn uuid(machine: &str, gpu: u32) -> String {
    format!("GPU-{machine}-{gpu}")
}

/// The greeting of a machine with eight healthy devices.
pub(super) fn hello(machine: &str, shard: &str) -> AgentHello {
    let device = |index| GpuDevice {
        index,
        uuid: uuid(machine, index),
        name: "NVIDIA H100 80GB HBM3".to_owned(),
        pci_bus_id: format!("00000000:{:02x}:00.0", 0x10 + index),
        memory_bytes: Some(80 << 30),
        nvlinks: Some(18),
        ..GpuDevice::default()
    };
    let driver =
        GpuDriver { state: GpuDriverState::Working.into(), version: "570.124.06".to_owned(), ..GpuDriver::default() };
    AgentHello {
        agent_id: machine.to_owned(),
        shard: shard.to_owned(),
        boot_id: "load".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        inventory: Some(AgentInventory {
            hostname: machine.to_owned(),
            cpus: 192,
            memory_bytes: 2 << 40,
            driver: Some(driver),
            gpus: (0..GPUS).map(device).collect(),
            ..AgentInventory::default()
        }),
        ..AgentHello::default()
    }
}

/// What such a machine measures; `turn` makes one look differ from the next.
pub(super) fn sample(machine: &str, turn: u64) -> AgentSample {
    let wave = u32::try_from(turn % 20).unwrap_or(0);
    let gpu = |index| GpuSample {
        index,
        uuid: uuid(machine, index),
        temperature_celsius: Some(50 + (wave + index) % 12),
        power_milliwatts: Some(550_000 + 1_000 * wave),
        utilization_percent: Some(80 + wave),
        memory_used_bytes: Some(60 << 30),
        ecc_volatile: Some(EccCounts { corrected: Some(0), uncorrected: Some(0) }),
        row_remap: Some(RowRemap::default()),
        throttle_reasons: Some(0),
        pcie_replays: Some(0),
        ..GpuSample::default()
    };
    AgentSample {
        cpu_percent: Some(f64::from(wave)),
        memory_total_bytes: Some(2 << 40),
        memory_available_bytes: Some(1 << 40),
        load_1m: Some(12.5),
        gpus: (0..GPUS).map(gpu).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_heard() {
        let tally = Tally::default();
        assert_eq!(tally.quantiles(), [0; 3]);
        (1..=100).for_each(|ms| tally.acknowledged(Duration::from_millis(ms)));
        assert_eq!((tally.quantiles(), tally.read().acknowledged), ([50, 99, 100], 100));
        tally.acknowledged(Duration::from_secs(3_600));
        assert_eq!(tally.quantiles()[2], 60_000);
        tally.forget_answers();
        assert_eq!(tally.quantiles(), [0; 3]);
    }
}
