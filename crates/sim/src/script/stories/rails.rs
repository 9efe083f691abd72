//! The rails at work: the reclaim cap, the guard against emptied roll-ups, the kill switch.

use argosy_shard::{By, Command, Settings};

use super::predecessor::setup;
use super::{TRAINING, amounts, gpu_hosts, hosts};
use crate::check::Check;
use crate::fleet::Setup;
use crate::row::Row;
use crate::script::{Act, Script};

pub(super) fn scripts() -> Vec<Script> {
    vec![reclaim_cap(), emptied_roll_up(), kill_switch()]
}

fn railed() -> Setup {
    Setup { settings: Settings::default(), ..setup() }
}

fn reclaim_cap() -> Script {
    Script {
        name: "reclaim-cap",
        about: "of forty machines that are no longer needed one in twenty goes back in each window, two and then fewer",
        setup: railed(),
        machines: gpu_hosts(40),
        acts: vec![
            Act::Report("cluster-train", vec![hosts(TRAINING, 40).build()]),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(3),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 2", "2 Reclaim", run.cycle(2)),
                Check::equal("cycle 3", "1 Reclaim", run.cycle(3)),
                Check::equal("cycle 4", "1 Reclaim", run.cycle(4)),
                Check::equal("configured", 36, run.configured("cluster-train").len()),
            ]
        },
    }
}

fn emptied_roll_up() -> Script {
    let rows = || {
        let row = |n: u64| {
            let piece = amounts(&[("nvidia.com/gpu", 8)]);
            Row::new(TRAINING - i32::try_from(n).unwrap_or(0), &piece, 1).on(&[super::GPU_HOST]).build()
        };
        (0..12).map(row).collect::<Vec<_>>()
    };
    Script {
        name: "emptied-roll-up",
        about: "a report that drops nearly every row counts only when it comes a third time",
        setup: railed(),
        machines: gpu_hosts(12),
        acts: vec![
            Act::Report("cluster-train", rows()),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(1),
            Act::Report("cluster-train", Vec::new()),
            Act::Cycles(1),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "12 Bootstrap", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("cycle 3", "nothing", run.cycle(3)),
                Check::equal("cycle 4", "1 Reclaim", run.cycle(4)),
            ]
        },
    }
}

fn kill_switch() -> Script {
    let switched = |on: bool| {
        let mut settings = Settings::default();
        settings.policy.kill_switch = on;
        let by = By { actor: "ops".to_owned(), reason: "a rehearsal".to_owned() };
        Act::Admin(Box::new(Command::SetSettings { settings: Box::new(settings), by }))
    };
    Script {
        name: "kill-switch",
        about: "with the switch on everything is decided and nothing is done; off, it is done at once",
        setup: railed(),
        machines: gpu_hosts(4),
        acts: vec![
            switched(true),
            Act::Report("cluster-train", vec![hosts(TRAINING, 4).build()]),
            Act::Cycles(2),
            switched(false),
            Act::Cycles(1),
        ],
        ends: |run| {
            vec![
                Check::equal("cycle 1", "nothing", run.cycle(1)),
                Check::equal("cycle 2", "nothing", run.cycle(2)),
                Check::equal("cycle 3", "4 Bootstrap", run.cycle(3)),
                Check::equal("configured", 4, run.configured("cluster-train").len()),
            ]
        },
    }
}
