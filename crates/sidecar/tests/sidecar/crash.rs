//! What a crash may not do: run a script twice, forget a fence, lose a machine.

use std::time::Duration;

use argosy_model::State;
use argosy_provider::client::{Mutation, Refusal};
use argosy_sidecar::exec::ExecConfig;
use tokio::runtime::Runtime;

use crate::rig::{Rig, Site, configure, order, until};

/// Runs a part of a test in a process's life of its own: at its end everything of it is dropped where it stands.
pub(crate) fn life<T>(config: &ExecConfig, part: impl AsyncFnOnce(&Rig) -> T) -> T {
    let runtime = Runtime::new().expect("a runtime");
    let (value, rig) = runtime.block_on(async {
        let rig = match config.bootstrap {
            Some(_) => Rig::with_bootstrap(config).await,
            None => Rig::start(config).await,
        };
        (part(&rig).await, rig)
    });
    runtime.shutdown_timeout(Duration::from_secs(30));
    // Nobody was asked to stop; what is left of it is the open book.
    drop(rig);
    value
}

#[test]
fn a_create_that_took_effect_before_a_crash_is_asked_for_and_not_repeated() {
    let site = Site::new();
    let config = site.config();
    site.tell("create.hangs-after");
    let first = life(&config, async |rig| {
        let accepted = rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
        until(async || site.path("hosts/a").exists().then_some(())).await;
        accepted.operation_id
    });
    site.untell("create.hangs-after");
    life(&config, async |rig| {
        let retried = rig.client.carry_out(order("a", Mutation::Create, 2)).await.expect("a repeat");
        assert_eq!(retried.operation_id, first);
        let machine = rig.reaches("a", State::Idle).await;
        assert_eq!(machine.host.expect("bought").reference, "host-a");
    });
    assert_eq!(site.runs_of("create"), 1, "{:?}", site.runs());
}

#[test]
fn a_create_that_took_no_effect_before_a_crash_is_begun_again_once_the_site_says_so() {
    let site = Site::new();
    let config = site.config();
    site.tell("create.hangs-before");
    life(&config, async |rig| {
        rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
        until(async || (site.runs_of("create") == 1).then_some(())).await;
    });
    site.untell("create.hangs-before");
    life(&config, async |rig| drop(rig.reaches("a", State::Idle).await));
    let verbs: Vec<String> = site.runs().iter().filter_map(|run| run.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(verbs, ["create", "status", "create"]);
}

#[test]
fn while_the_site_cannot_tell_nothing_is_repeated_and_the_machine_stays_where_it_is() {
    let site = Site::new();
    let config = site.config();
    site.tell("create.hangs-after");
    site.tell("status.garbles");
    life(&config, async |rig| {
        rig.client.carry_out(order("a", Mutation::Create, 1)).await.expect("accepted");
        until(async || (site.runs_of("create") == 1).then_some(())).await;
    });
    life(&config, async |rig| {
        until(async || (site.runs_of("status") >= 3).then_some(())).await;
        assert_eq!(rig.client.get("a").await.expect("there").state, State::Creating);
    });
    assert_eq!(site.runs_of("create"), 1);
}

#[test]
fn marks_bindings_and_operations_survive() {
    let site = Site::new();
    let config = site.config();
    let bound = life(&config, async |rig| {
        rig.client.carry_out(order("a", Mutation::Create, 7)).await.expect("accepted");
        rig.reaches("a", State::Idle).await;
        let bound = rig.client.carry_out(order("a", configure("c"), 8)).await.expect("accepted");
        rig.reaches("a", State::Configured).await;
        assert_eq!(rig.client.carry_out(order("ghost", Mutation::Create, 5)).await, Err(Refusal::NotFound));
        bound.operation_id
    });
    life(&config, async |rig| {
        let machine = rig.client.get("a").await.expect("there");
        assert_eq!((machine.state, machine.cluster.as_str()), (State::Configured, "c"));
        assert_eq!(machine.shard_metadata["key"], "value");
        for stale in
            [order("a", configure("c"), 8), order("a", Mutation::Delete, 3), order("ghost", Mutation::Create, 5)]
        {
            assert_eq!(rig.client.carry_out(stale).await, Err(Refusal::Fenced));
        }
        let again = rig.client.carry_out(order("a", configure("c"), 9)).await.expect("a repeat");
        assert_eq!(again.operation_id, bound);
    });
}
