//! What survives a restart: B1001 to B1007, and the ledger.

use argosy_model::State;
use argosy_proto::argosy::v1::effect::Kind;
use argosy_proto::argosy::v1::{Effect, Faults};
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::client::{Fence, Lister, Mutation, PageKind, Refusal};
use argosy_provider::sim::{self, Interrupted, Sim, SimConfig, SimError, ledger};

use crate::rig::{ALWAYS, Rig, configure, fence, order, stored_in, tagged};

async fn picture(rig: &mut Rig) -> Vec<api::Machine> {
    let mut machines = rig.raw.list(api::ListFilter::default()).await.expect("listed").into_inner().machines;
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    machines
}

#[tokio::test]
async fn marks_operations_bindings_and_inventory_survive_and_the_ledger_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut rig = Rig::start(stored_in(dir.path())).await;
    let bound =
        rig.client.carry_out(tagged("n-eu-a-000000", configure("c"), fence(3, 9), "op-1", 1)).await.expect("accepted");
    rig.settle().await;
    assert_eq!(rig.client.carry_out(order("ghost", Mutation::Create, fence(5, 5))).await, Err(Refusal::NotFound));
    let before = picture(&mut rig).await;
    rig.stop().await;

    let mut rig = Rig::start(stored_in(dir.path())).await;
    assert_eq!(picture(&mut rig).await, before);
    let stale = rig.client.carry_out(order("n-eu-a-000000", configure("c"), fence(3, 9))).await;
    assert_eq!(stale, Err(Refusal::Fenced));
    assert_eq!(rig.client.carry_out(order("ghost", Mutation::Create, fence(5, 5))).await, Err(Refusal::Fenced));
    let again = rig.client.carry_out(order("n-eu-a-000000", configure("c"), fence(3, 10))).await.expect("a repeat");
    assert_eq!(again.operation_id, bound.operation_id);
    let newcomer = Fence::new("shard-2", 1, 1).expect("positive");
    let fresh =
        rig.client.carry_out(tagged("n-eu-a-000001", configure("d"), newcomer, "op-2", 1)).await.expect("accepted");
    assert_ne!(fresh.operation_id, bound.operation_id);
    let effects = rig.effects().await;
    assert_eq!(effects.iter().map(|effect| effect.operation.as_str()).collect::<Vec<_>>(), ["op-1", "op-2"]);
    rig.stop().await;

    let mut offline = Vec::new();
    sim::read_effects(&dir.path().join(sim::STORE_FILE), 0, |effect| offline.push(effect)).expect("readable");
    assert_eq!(offline, effects);
    assert!(ledger::check(offline.clone()).is_clean());
    assert!(ledger::json_line(&offline[0]).contains(r#""operation":"op-1""#));
}

#[tokio::test]
async fn a_transition_that_a_restart_interrupts_goes_on_or_fails_as_configured() {
    for (interrupted, ends) in [(Interrupted::Continue, State::Idle), (Interrupted::Fail, State::Failed)] {
        let dir = tempfile::tempdir().expect("a directory");
        let rig = Rig::start(stored_in(dir.path())).await;
        rig.client.carry_out(order("n-eu-a-000019", Mutation::Create, fence(1, 1))).await.expect("accepted");
        rig.stop().await;
        let mut rig = Rig::start(SimConfig { interrupted, ..stored_in(dir.path()) }).await;
        rig.settle().await;
        assert_eq!(rig.client.get("n-eu-a-000019").await.expect("there").state, ends);
        // What failed is put on record, too: it has no effect any more.
        let kinds: Vec<Kind> = rig.effects().await.iter().map(Effect::kind).collect();
        assert_eq!(kinds[1..], if ends == State::Failed { vec![Kind::Failed] } else { vec![] });
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_acknowledgement_is_durable_when_it_is_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = Rig::start(stored_in(dir.path())).await;
    for n in 0..10 {
        rig.client.carry_out(order(&format!("n-eu-a-{n:06}"), configure("c"), fence(1, 1))).await.expect("accepted");
    }
    // A copy of the file as it is now is what a crash would leave behind.
    let copy = tempfile::tempdir().expect("a directory");
    std::fs::copy(dir.path().join(sim::STORE_FILE), copy.path().join(sim::STORE_FILE)).expect("copied");
    let mut after_crash = Rig::start(stored_in(copy.path())).await;
    assert_eq!(after_crash.effects().await.len(), 10);
    after_crash.stop().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_of_an_earlier_run_starts_a_sweep() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut lister = Lister::new();
    let rig = Rig::start(stored_in(dir.path())).await;
    lister.next_page(&rig.client).await.expect("a page");
    rig.stop().await;
    let rig = Rig::start(stored_in(dir.path())).await;
    let page = lister.next_page(&rig.client).await.expect("a page");
    assert_eq!((page.kind, page.changed.len(), page.gone.len(), page.last), (PageKind::Sweep, 0, 0, true));
    rig.stop().await;
}

#[tokio::test]
async fn faults_set_at_run_time_survive() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut rig = Rig::start(stored_in(dir.path())).await;
    rig.set_faults(Faults { create_failure_ppm: ALWAYS, ..Faults::default() }).await;
    rig.stop().await;
    let mut rig = Rig::start(stored_in(dir.path())).await;
    rig.client.carry_out(order("n-eu-a-000019", Mutation::Create, fence(1, 1))).await.expect("accepted");
    rig.settle().await;
    assert_eq!(rig.client.get("n-eu-a-000019").await.expect("there").state, State::Failed);
    rig.stop().await;
}

#[tokio::test]
async fn a_store_refuses_another_fleet() {
    let dir = tempfile::tempdir().expect("a directory");
    Sim::start(stored_in(dir.path())).expect("fresh").stop().await.expect("stored");
    let other_seed = Sim::start(SimConfig { seed: 8, ..stored_in(dir.path()) });
    assert!(matches!(other_seed, Err(SimError::OtherFleet { what: "seed" })));
    let mut config = stored_in(dir.path());
    config.catalogue = config.catalogue.scaled_to(10);
    assert!(matches!(Sim::start(config), Err(SimError::OtherFleet { what: "catalogue" })));
}
