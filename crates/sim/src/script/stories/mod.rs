//! The scenarios, in the order in which they are listed.

mod misfortune;
mod placement;
mod predecessor;
mod rails;

use argosy_workload::amounts::Amounts;

use super::Script;
use crate::cloud::Offer;
use crate::row::Row;

/// All scenarios.
pub fn all() -> Vec<Script> {
    let groups = [predecessor::scripts(), placement::scripts(), misfortune::scripts(), rails::scripts()];
    groups.into_iter().flatten().collect()
}

/// Type and zone of the GPU hosts of most scenarios.
const GPU_HOST: &str = "a3-highgpu-8g";
const ZONE: &str = "us-east-1a";
/// Priority of training, and of what gives way to it.
const TRAINING: i32 = 1_000_000;
const BATCH: i32 = 100_000;

fn amounts(list: &[(&str, u64)]) -> Amounts {
    let mut amounts = Amounts::default();
    list.iter().for_each(|(dim, amount)| amounts.set(dim, *amount));
    amounts
}

/// One host's eight GPUs.
fn eight_gpus() -> Amounts {
    amounts(&[("nvidia.com/gpu", 8)])
}

/// So many cores, in thousandths.
fn cpu(milli: u64) -> Amounts {
    amounts(&[("cpu", milli)])
}

/// `gpu-0` … of one zone, idle, owned.
fn gpu_hosts(count: usize) -> Vec<(String, Offer)> {
    (0..count).map(|n| (format!("gpu-{n}"), Offer::new(GPU_HOST, ZONE, &eight_gpus()))).collect()
}

/// A row for so many whole GPU hosts that nobody may reclaim.
fn hosts(priority: i32, count: u64) -> Row {
    Row::new(priority, &eight_gpus(), count).on(&[GPU_HOST]).penalties(8_192, 0).pinned()
}
