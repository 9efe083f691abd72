//! The closed loops that must come out as they do, each from a case of the predecessor (spec/simulation.md section 2.5).
//!
//! Where the predecessor pinned a defect of its own, the case asserts the law that it broke: one acquisition for each lost
//! machine, however long a machine takes. A canary comes with its broken arm, which must break.

mod contract;
mod converge;
mod dwell;
mod gangs;
mod moves;

use super::{LoopSetup, PodShape, Pool, Scope, Workload};
use crate::check::Report;

/// A case.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Whether it takes minutes without optimisation.
    pub heavy: bool,
    play: fn(&'static str) -> Report,
}

impl Case {
    const fn new(name: &'static str, about: &'static str, play: fn(&'static str) -> Report) -> Self {
        Self { name, about, heavy: false, play }
    }

    const fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }

    /// Runs it.
    pub fn play(&self) -> Report {
        (self.play)(self.name)
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    [converge::cases(), gangs::cases(), contract::cases(), dwell::cases(), moves::cases()]
        .into_iter()
        .flatten()
        .collect()
}

const MI: u64 = 1 << 20;
const GI: u64 = 1 << 30;
const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];
/// Numbers of the shapes of [`fixture`].
const TINY: usize = 0;
const SERVICE: usize = 1;
const GANG: usize = 2;
const SEED: u64 = 0xC0_FFEE;

fn tiny() -> PodShape {
    PodShape::new("tiny", &[("cpu", 200), ("memory", 256 * MI)]).terms(100, 32, 64)
}

fn service() -> PodShape {
    let shape = PodShape::new("service", &[("cpu", 2_000), ("memory", 8 * GI)]);
    shape.on(&["m6i.xlarge"]).in_zones(&ZONES).terms(1_000, 1_024, 8_192)
}

fn gang() -> PodShape {
    let shape = PodShape::new("gang", &[("nvidia.com/gpu", 8)]);
    shape.on(&["a3-highgpu-8g"]).in_zones(&ZONES).terms(5_000, 8_192, 65_536).gang(Scope::Rack)
}

/// A whole GPU host.
fn gpu_pod(name: &str) -> PodShape {
    let shape = PodShape::new(name, &[("cpu", 64_000), ("memory", 256 * GI), ("nvidia.com/gpu", 8)]);
    shape.on(&["a3-highgpu-8g"]).in_zones(&ZONES).terms(5_000, 8_192, 65_536)
}

fn workload(shape: usize, objects: u64, replicas: u64) -> Workload {
    Workload { shape, objects, replicas }
}

/// Two clusters of 200 tiny pods, 50 of a service, and three gangs of four; machines for each cluster as given, with some idle
/// and some to be had.
fn fixture(tiny_machines: u64, service_machines: u64, gang_pool: Option<(u64, Option<u64>)>) -> LoopSetup {
    let mut setup = LoopSetup::new(SEED, 2, vec![tiny(), service(), gang()]);
    setup.workloads = vec![workload(TINY, 1, 200), workload(SERVICE, 1, 50)];
    setup.pools = vec![Pool::new(TINY, 10, (tiny_machines, 3, 2)), Pool::new(SERVICE, 10, (service_machines, 2, 2))];
    if let Some((machines, block)) = gang_pool {
        setup.workloads.push(workload(GANG, 3, 4));
        setup.pools.push(Pool::new(GANG, 1, (machines, 4, 4)).racks(block, 4));
    }
    setup
}
