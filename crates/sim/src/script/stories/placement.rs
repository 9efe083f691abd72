//! Where demand lands: racks, zones, prices, types, and what is bought.

use argosy_model::{CapacityType, State};

use super::predecessor::setup;
use super::{TRAINING, ZONE, cpu, eight_gpus, hosts};
use crate::check::Check;
use crate::cloud::Offer;
use crate::row::Row;
use crate::script::{Act, Outcome, Script};

const DOLLAR: u64 = 1_000_000;

pub(super) fn scripts() -> Vec<Script> {
    vec![same_rack(), mended_gang(), spread(), speculative(), cost(), two_types()]
}

/// `count` idle GPU hosts in one rack, called `<rack>-0` ….
fn rack(name: &str, count: usize) -> Vec<(String, Offer)> {
    let host = |n| (format!("{name}-{n}"), Offer::new(super::GPU_HOST, ZONE, &eight_gpus()).in_rack(name));
    (0..count).map(host).collect()
}

fn same_rack() -> Script {
    Script {
        name: "same-rack-gang",
        about: "a gang goes whole into the rack that holds it, though the other one is first",
        setup: setup(),
        machines: [rack("rack-a", 3), rack("rack-b", 5)].concat(),
        acts: vec![
            Act::Report("cluster-train", vec![hosts(TRAINING, 4).in_one_rack("job-1").build()]),
            Act::Cycles(2),
            Act::Report(
                "cluster-train",
                vec![hosts(TRAINING, 4).in_one_rack("job-1").build(), hosts(TRAINING, 4).in_one_rack("job-2").build()],
            ),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "4 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("cycle 3: no rack has room for the second", "nothing", run.cycle(3)),
                Check::equal("racks", "{\"rack-b\"}", format!("{:?}", run.domains("cluster-train", Outcome::RACK))),
                Check::equal("shortfalls", "topology_unsatisfiable nvidia.com/gpu=32", run.shortfalls()),
            ]
        },
    }
}

fn mended_gang() -> Script {
    Script {
        name: "mended-gang",
        about: "a whole gang that loses a host is covered again in its rack, and keeps the rest meanwhile",
        setup: setup(),
        machines: [rack("rack-a", 6), rack("rack-b", 5)].concat(),
        acts: vec![
            Act::Report("cluster-train", vec![hosts(TRAINING, 4).in_one_rack("job-1").build()]),
            Act::Cycles(1),
            Act::Lose("rack-b-0"),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "4 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "1 Bootstrap", run.cycle(2)),
                Check::equal("cycle 3", "nothing", run.cycle(3)),
                Check::equal("racks", "{\"rack-b\"}", format!("{:?}", run.domains("cluster-train", Outcome::RACK))),
                Check::equal("configured", 4, run.configured("cluster-train").len()),
                Check::equal("the lost host", "gone", run.state_of("rack-b-0")),
            ]
        },
    }
}

fn spread() -> Script {
    let zone = |name: &str, count: usize| {
        let host = |n| (format!("{name}-{n}"), Offer::new("m6i.xlarge", name, &cpu(4_000)));
        (0..count).map(host).collect::<Vec<_>>()
    };
    let row = |machines| Row::new(1_000, &cpu(4_000), machines).on(&["m6i.xlarge"]).spread_over_zones(1).build();
    Script {
        name: "spread-over-zones",
        about: "hard spread is kept while growing and while shrinking, and stops where a zone has no more",
        setup: setup(),
        machines: [zone("zone-a", 5), zone("zone-b", 5), zone("zone-c", 2)].concat(),
        acts: vec![
            Act::Report("cluster-web", vec![row(5)]),
            Act::Cycles(1),
            Act::Report("cluster-web", vec![row(9)]),
            Act::Cycles(1),
            Act::Report("cluster-web", vec![row(4)]),
            Act::Cycles(1),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "5 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2: two, three and three are all that may be", "3 Bootstrap", run.cycle(2)),
                Check::equal("cycle 3", "4 Reclaim", run.cycle(3)),
                Check::equal("by zone", "[2, 1, 1]", format!("{:?}", run.spread("cluster-web", Outcome::ZONE))),
            ]
        },
    }
}

fn speculative() -> Script {
    let idle = (0..2).map(|n| (format!("own-{n}"), Offer::new("m6i.xlarge", ZONE, &cpu(4_000))));
    let slots = (0..3).map(|n| {
        let slot = Offer::new("m6i.xlarge", ZONE, &cpu(4_000)).speculative();
        (format!("slot-{n}"), slot.priced(CapacityType::OnDemand, DOLLAR, 50_000_000))
    });
    let row = |machines| Row::new(1_000, &cpu(4_000), machines).on(&["m6i.xlarge"]).penalties(1, 1).build();
    Script {
        name: "speculative-after-idle",
        about: "what is there is used first, the rest is bought; what is no longer needed goes back, and is given up after its hold",
        setup: setup(),
        machines: idle.chain(slots).collect(),
        acts: vec![
            Act::Report("cluster-web", vec![row(4)]),
            Act::Cycles(2),
            Act::Report("cluster-web", vec![row(2)]),
            Act::Cycles(61),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "2 Bootstrap + 2 Provision", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("cycle 3", "2 Reclaim", run.cycle(3)),
                Check::equal("the cycle before the hold is over", "nothing", run.cycle(62)),
                Check::equal("the cycle in which it is", "2 Delete", run.cycle(63)),
                Check::equal(
                    "kept are those that cost nothing",
                    "own-0,own-1",
                    run.configured("cluster-web").join(","),
                ),
                Check::equal("slots", 3, run.in_state(State::Speculative)),
            ]
        },
    }
}

fn cost() -> Script {
    let slot = |name: &str, price: u64, interruption_ppb: u32| {
        let slot = Offer::new("c6i.4xlarge", ZONE, &cpu(16_000)).speculative();
        (name.to_owned(), slot.priced(CapacityType::OnDemand, price, interruption_ppb))
    };
    let stable = (0..3).map(|n| slot(&format!("stable-{n}"), DOLLAR, 50_000_000));
    let risky = (0..3).map(|n| slot(&format!("risky-{n}"), 300_000, 300_000_000));
    let row = |dollars| Row::new(1_000, &cpu(16_000), 3).on(&["c6i.4xlarge"]).penalties(dollars, 64).build();
    Script {
        name: "cost-follows-penalty",
        about: "what does not mind an interruption buys the cheap and risky machines, what does mind buys the others",
        setup: setup(),
        machines: stable.chain(risky).collect(),
        acts: vec![
            Act::Report("cluster-sensitive", vec![row(8)]),
            Act::Report("cluster-tolerant", vec![row(0)]),
            Act::Cycles(2),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "6 Provision", run.cycle(1)),
                Check::equal("tolerant", "risky-0,risky-1,risky-2", run.configured("cluster-tolerant").join(",")),
                Check::equal("sensitive", "stable-0,stable-1,stable-2", run.configured("cluster-sensitive").join(",")),
                Check::equal("price of tolerant", 900_000, run.price("cluster-tolerant")),
            ]
        },
    }
}

fn two_types() -> Script {
    let slot = |name: &str, kind: &str, cores: u64, price: u64| {
        let slot = Offer::new(kind, ZONE, &cpu(cores * 1_000)).speculative();
        (name.to_owned(), slot.priced(CapacityType::OnDemand, price, 0))
    };
    let small = (0..4).map(|n| slot(&format!("small-{n}"), "m6i.xlarge", 4, 200_000));
    let large = (0..4).map(|n| slot(&format!("large-{n}"), "m6i.2xlarge", 8, 380_000));
    let either = Row::new(1_000, &cpu(2_000), 9).on(&["m6i.xlarge", "m6i.2xlarge"]).build();
    let only_large = Row::new(1_000, &cpu(6_000), 1).on(&["m6i.xlarge", "m6i.2xlarge"]).penalties(1, 1).build();
    Script {
        name: "two-instance-types",
        about: "a machine is bought for what it covers for its price: large ones for the bulk, a small one for the rest",
        setup: setup(),
        machines: small.chain(large).collect(),
        acts: vec![Act::Report("cluster-web", vec![either, only_large]), Act::Cycles(2)],
        ends: |run| {
            vec![
                Check::equal(
                    "18 cores, and a piece of six that only a large one holds",
                    "large-0,large-1,large-2,small-0",
                    run.configured("cluster-web").join(","),
                ),
                Check::equal("shortfalls", "none", run.shortfalls()),
                Check::equal("price", 1_340_000, run.price("cluster-web")),
            ]
        },
    }
}
