//! The six scenarios of the predecessor, with their exact ends (spec/simulation.md section 1.1).

use argosy_model::State;
use argosy_shard::Step;

use super::{BATCH, TRAINING, gpu_hosts, hosts};
use crate::check::Check;
use crate::fleet::Setup;
use crate::leader::Scrutiny;
use crate::script::{Act, Script};

/// Small fleets: every decision is held to the reference.
pub(super) fn setup() -> Setup {
    Setup { scrutiny: Scrutiny { reference: true, every_machine: true }, ..Setup::new(0xC0_FFEE) }
}

pub(super) fn scripts() -> Vec<Script> {
    vec![training_job(), stockout(), priority_inversion(), withdrawal(), configure_failure(), drain_failure()]
}

fn training_job() -> Script {
    Script {
        name: "training-job-topology",
        about: "a training job takes all it asks for in one cycle",
        setup: setup(),
        machines: gpu_hosts(64),
        acts: vec![Act::Report("cluster-train", vec![hosts(TRAINING, 64).build()]), Act::Cycles(1)],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "64 Bootstrap", run.cycle(1)),
                Check::equal("configured", 64, run.configured("cluster-train").len()),
                Check::equal("shortfalls", "none", run.shortfalls()),
            ]
        },
    }
}

fn stockout() -> Script {
    Script {
        name: "capacity-stockout",
        about: "half of what is asked for exists: it is given once, and the rest is one shortfall with its amount",
        setup: setup(),
        machines: gpu_hosts(32),
        acts: vec![Act::Report("cluster-train", vec![hosts(TRAINING, 64).build()]), Act::Cycles(2)],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "32 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("configured", 32, run.configured("cluster-train").len()),
                Check::equal("shortfalls", "no_matching_supply nvidia.com/gpu=256", run.shortfalls()),
            ]
        },
    }
}

fn withdrawal() -> Script {
    Script {
        name: "withdrawal",
        about: "a cluster that asks for nothing gives everything back",
        setup: setup(),
        machines: gpu_hosts(32),
        acts: vec![
            Act::Report("cluster-train", vec![hosts(TRAINING, 32).build()]),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(1),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "32 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "32 Reclaim", run.cycle(2)),
                Check::equal("idle", 32, run.in_state(State::Idle)),
                Check::equal("configured", 0, run.in_state(State::Configured)),
            ]
        },
    }
}

fn configure_failure() -> Script {
    Script {
        name: "provider-configure-failure",
        about: "a machine that cannot be configured is replaced by the next one",
        setup: setup(),
        machines: gpu_hosts(4),
        acts: vec![
            Act::Doom("gpu-0", Step::Configure),
            Act::Report("cluster-train", vec![hosts(TRAINING, 3).build()]),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "3 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "1 Bootstrap", run.cycle(2)),
                Check::equal("configured", "gpu-1,gpu-2,gpu-3", run.configured("cluster-train").join(",")),
                Check::equal("gpu-0", "Failed", run.state_of("gpu-0")),
                Check::holds(
                    "its error",
                    "a text",
                    run.error_of("gpu-0").unwrap_or("none"),
                    run.error_of("gpu-0").is_some(),
                ),
            ]
        },
    }
}

fn drain_failure() -> Script {
    Script {
        name: "drain-failure-withdrawal",
        about: "a machine that cannot be drained has failed, and says so; the others go back",
        setup: setup(),
        machines: gpu_hosts(8),
        acts: vec![
            Act::Doom("gpu-0", Step::Drain),
            Act::Report("cluster-train", vec![hosts(TRAINING, 8).build()]),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(1),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "8 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "8 Reclaim", run.cycle(2)),
                Check::equal("idle", 7, run.in_state(State::Idle)),
                Check::equal("gpu-0", "Failed", run.state_of("gpu-0")),
                Check::holds(
                    "its error",
                    "a text",
                    run.error_of("gpu-0").unwrap_or("none"),
                    run.error_of("gpu-0").is_some(),
                ),
            ]
        },
    }
}

fn priority_inversion() -> Script {
    Script {
        name: "priority-inversion",
        about: "work of higher priority frees machines in one cycle and takes them in the next",
        setup: setup(),
        machines: gpu_hosts(4),
        acts: vec![
            Act::Report("cluster-batch", vec![hosts(BATCH, 4).build()]),
            Act::Cycles(1),
            Act::Report("cluster-train", vec![hosts(TRAINING, 4).build()]),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "4 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "4 Preempt", run.cycle(2)),
                Check::equal("cycle 3", "4 Bootstrap", run.cycle(3)),
                Check::equal("configured for train", 4, run.configured("cluster-train").len()),
                Check::equal("configured for batch", 0, run.configured("cluster-batch").len()),
            ]
        },
    }
}
