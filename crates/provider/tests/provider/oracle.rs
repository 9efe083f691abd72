//! B312, B1201, B1204: over random callers the fence does exactly what an oracle says, FAILED_PRECONDITION comes from nowhere else, and the
//! ledger stays clean whatever faults are on.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::Faults;
use argosy_provider::client::{Fence, Mutation, Order, Refusal, Tag};
use argosy_provider::sim::ledger;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::rig::{Rig, config, configure};

#[derive(Clone, Debug)]
struct Step {
    machine: u8,
    shard: u8,
    epoch: i64,
    sequence: i64,
    what: u8,
    advance_ms: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (0..4u8, 0..2u8, 1..4i64, 1..12i64, 0..4u8, prop_oneof![3 => Just(0u64), 1 => 1..150u64]).prop_map(
        |(machine, shard, epoch, sequence, what, advance_ms)| Step {
            machine,
            shard,
            epoch,
            sequence,
            what,
            advance_ms,
        },
    )
}

/// Two idle hosts, a slot, and an id that does not exist.
const MACHINES: [&str; 4] = ["n-eu-a-000000", "n-us-a-000000", "n-eu-a-000019", "ghost"];

async fn run(steps: Vec<Step>) {
    let mut rig = Rig::start(config()).await;
    let faults =
        Faults { throttle_ppm: 100_000, lost_ack_ppm: 200_000, drain_failure_ppm: 100_000, ..Faults::default() };
    rig.set_faults(faults).await;
    let mut marks = BTreeMap::new();
    for (n, step) in steps.into_iter().enumerate() {
        let machine = MACHINES[usize::from(step.machine)];
        let shard = format!("shard-{}", step.shard);
        let token = (step.epoch, step.sequence);
        let mark = marks.entry((machine, shard.clone())).or_insert((0, 0));
        let fenced = token <= *mark;
        *mark = token.max(*mark);
        let mutation = match step.what {
            0 => Mutation::Create,
            1 => configure("c"),
            2 => Mutation::Drain { grace_period_seconds: 60 },
            _ => Mutation::Delete,
        };
        let fence = Fence::new(shard, step.epoch, step.sequence).expect("positive");
        let tag = Some(Tag { operation: format!("op-{n}"), attempt: 1 });
        let outcome = rig.client.carry_out(Order { machine_id: machine.to_owned(), mutation, fence, tag }).await;
        assert_eq!(outcome == Err(Refusal::Fenced), fenced, "step {n}: {outcome:?}");
        rig.advance(step.advance_ms).await;
    }
    let report = ledger::check(rig.effects().await);
    assert!(report.is_clean(), "{report:?}");
    rig.stop().await;
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn fences_do_what_the_oracle_says_under_faults(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(run(steps));
    }
}
