//! What goes wrong with machines and leaders, and what must come of it: each loss is made good once.

use argosy_model::CapacityType;
use argosy_shard::Step;

use super::predecessor::setup;
use super::{TRAINING, ZONE, cpu, gpu_hosts, hosts};
use crate::check::Check;
use crate::cloud::{Dwell, Dwells, Offer};
use crate::fleet::Setup;
use crate::row::Row;
use crate::script::{Act, Script};

pub(super) fn scripts() -> Vec<Script> {
    vec![spot_notice(), host_death(), slow_replacement(), failed_recovery(), new_leader()]
}

fn spot_notice() -> Script {
    let spot = (0..3).map(|n| {
        let slot = Offer::new("c6i.4xlarge", ZONE, &cpu(16_000)).speculative();
        (format!("spot-{n}"), slot.priced(CapacityType::Spot, 260_000, 150_000))
    });
    Script {
        name: "spot-notice",
        about: "a machine under notice no longer counts: its replacement is bought before it ends, and once",
        setup: setup(),
        machines: spot.collect(),
        acts: vec![
            Act::Report("cluster-batch", vec![Row::new(100, &cpu(16_000), 2).on(&["c6i.4xlarge"]).build()]),
            Act::Cycles(2),
            Act::Notice("spot-0", 25_000),
            Act::Cycles(1),
            Act::Cycles(5),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "2 Provision", run.cycle(1)),
                Check::holds(
                    "cycle 3: the replacement",
                    "one provision, whether or not the old one is drained at once",
                    run.cycle(3),
                    run.cycle(3).contains("1 Provision"),
                ),
                Check::equal("provisions in all", 3, run.total("Provision")),
                Check::equal("configured", "spot-1,spot-2", run.configured("cluster-batch").join(",")),
                Check::equal("the machine under notice", "gone", run.state_of("spot-0")),
            ]
        },
    }
}

fn host_death() -> Script {
    Script {
        name: "host-death",
        about: "a host that vanishes is replaced once",
        setup: setup(),
        machines: gpu_hosts(6),
        acts: vec![
            Act::Report("cluster-train", vec![hosts(TRAINING, 4).build()]),
            Act::Cycles(1),
            Act::Lose("gpu-1"),
            Act::Cycles(3),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 2", "1 Bootstrap", run.cycle(2)),
                Check::equal("cycle 3", "nothing", run.cycle(3)),
                Check::equal("cycle 4", "nothing", run.cycle(4)),
                Check::equal("gpu-1", "gone", run.state_of("gpu-1")),
                Check::equal("configured", "gpu-0,gpu-2,gpu-3,gpu-4", run.configured("cluster-train").join(",")),
            ]
        },
    }
}

fn slow(create_ms: u64, configure_ms: u64) -> Setup {
    let dwells = Dwells {
        create: Dwell::Fixed(create_ms),
        configure: Dwell::Fixed(configure_ms),
        drain: Dwell::Fixed(15_000),
        delete: Dwell::Fixed(5_000),
    };
    Setup { dwells, ..setup() }
}

fn slots(count: usize) -> Vec<(String, Offer)> {
    let slot = |n| {
        let slot = Offer::new("m6i.xlarge", ZONE, &cpu(4_000)).speculative();
        (format!("slot-{n}"), slot.priced(CapacityType::OnDemand, 200_000, 0))
    };
    (0..count).map(slot).collect()
}

fn web(machines: u64) -> Row {
    Row::new(1_000, &cpu(4_000), machines).on(&["m6i.xlarge"])
}

fn slow_replacement() -> Script {
    Script {
        name: "slow-replacement",
        about: "a lost machine is bought once, however long the purchase takes",
        setup: slow(95_000, 45_000),
        machines: slots(8),
        acts: vec![
            Act::Report("cluster-web", vec![web(3).build()]),
            Act::Cycles(20),
            Act::Lose("slot-0"),
            Act::Cycles(20),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "3 Provision", run.cycle(1)),
                Check::equal("cycle 21", "1 Provision", run.cycle(21)),
                Check::equal("provisions in all", 4, run.total("Provision")),
                Check::equal("reclaims in all", 0, run.total("Reclaim")),
                Check::equal("configured", "slot-1,slot-2,slot-3", run.configured("cluster-web").join(",")),
            ]
        },
    }
}

fn failed_recovery() -> Script {
    Script {
        name: "failed-recovery",
        about: "a failed machine that its provider shows well serves again",
        setup: setup(),
        machines: gpu_hosts(2),
        acts: vec![
            Act::Doom("gpu-0", Step::Configure),
            Act::Report("cluster-train", vec![hosts(TRAINING, 2).build()]),
            Act::Cycles(3),
            Act::Repair("gpu-0"),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "2 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("cycle 4", "1 Bootstrap", run.cycle(4)),
                Check::equal("configured", "gpu-0,gpu-1", run.configured("cluster-train").join(",")),
            ]
        },
    }
}

fn new_leader() -> Script {
    Script {
        name: "new-leader",
        about: "a leader that takes over amid purchases goes on with them and buys nothing twice",
        setup: slow(35_000, 25_000),
        machines: slots(8),
        acts: vec![
            Act::Report("cluster-web", vec![web(3).build()]),
            Act::Cycles(2),
            Act::FailOver,
            Act::Cycles(3),
            Act::FailOver,
            Act::Cycles(6),
        ],
        ends: |run| {
            vec![
                Check::equal("provisions in all", 3, run.total("Provision")),
                Check::equal("configured", "slot-0,slot-1,slot-2", run.configured("cluster-web").join(",")),
                Check::equal("leaders", 3, run.leader().state().leader_term()),
            ]
        },
    }
}
