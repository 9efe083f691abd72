//! Health through the log: what was found survives its leader, verdicts act only where they may, policies come through the log.

use argosy_health::{Event, EventType, Facts};
use argosy_model::{Flags, MachineIx, State};
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::argosy::v1::{ClearHealthRequest, GetHealthRequest, SetHealthModeRequest, SetHealthPolicyRequest};
use argosy_server::leader::{Leader, Reported};
use argosy_server::replica::View;
use argosy_shard::{By, Command};
use tonic::transport::Channel;

use crate::installation::{Installation, Plan, SHARD, channel};
use crate::operator::{CONFIGURED, Operator};

fn health(fleet: &Installation, at: usize) -> MachineHealthClient<Channel> {
    MachineHealthClient::new(channel(fleet.port(at)))
}

async fn report(leader: &Leader, machine: &str, sequence: u64, event: Event) {
    let taken = leader.health().report(machine, "journal", vec![Reported { sequence, event }]).await;
    taken.expect("the leader takes it");
}

fn said(view: &View, machine: &str) -> String {
    let ix = view.state.fleet().find(machine).expect("it is there");
    view.state.health().get(ix).map(|kept| kept.verdict.reason.clone()).unwrap_or_default()
}

async fn act(fleet: &Installation, at: usize, acts: bool) {
    let ask = SetHealthModeRequest { shard: SHARD.to_owned(), acts, reason: "test".to_owned() };
    health(fleet, at).set_health_mode(ask).await.expect("it is committed");
}

/// The machine that serves c1.
async fn serving(fleet: &Installation, at: usize) -> String {
    let configured = |view: &View| {
        let fleet = view.state.fleet();
        let machines: Vec<MachineIx> =
            fleet.iter().filter(|(_, m)| m.state == State::Configured).map(|(ix, _)| ix).collect();
        machines.first().map(|ix| fleet.id(*ix).to_owned())
    };
    let view = fleet.state(at, "a machine serves", |view| configured(view).is_some()).await;
    configured(&view).expect("it was waited for")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latches_and_counts_survive_the_death_of_their_leader_and_nothing_counts_twice() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let view = fleet.state(at, "there are machines", |view| view.state.fleet().len() > 1).await;
    let machine = view.state.fleet().id(MachineIx::from_index(0)).to_owned();
    report(&leader, &machine, 1, Event::xid(0, 48)).await;
    report(&leader, &machine, 2, Event::xid(1, 64)).await;
    assert!(said(&leader.view(), &machine).starts_with("unhealthy (reset-gpu)"));
    drop(leader);
    fleet.kill(at);
    let (_, leader) = fleet.leader().await;
    assert_eq!(leader.health().acknowledged(&machine, "journal"), 2);
    let verdict = leader.health().verdict(&machine).expect("it was taken up");
    assert_eq!((verdict.health.name(), verdict.owed.len()), ("unhealthy", 2), "{}", verdict.line());
    // Delivered again by an agent that never heard that it was taken.
    report(&leader, &machine, 2, Event::xid(1, 64)).await;
    assert!(said(&leader.view(), &machine).starts_with("unhealthy (reset-gpu)"));
    // The second failure of remapping, counted from the one that the dead leader saw.
    report(&leader, &machine, 3, Event::xid(1, 64)).await;
    assert!(said(&leader.view(), &machine).starts_with("unhealthy (replace) by remap-failure-repeats"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_nvlink_costs_one_machine_and_only_where_verdicts_may_act() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(4).await;
    let machine = serving(&fleet, at).await;
    leader.health().describe(&machine, Facts { gpus: 8, domains: vec![] }).expect("it is there");
    report(&leader, &machine, 1, Event::xid(3, 74)).await;
    let verdict = leader.health().verdict(&machine).expect("it is watched");
    assert_eq!((verdict.gpus.len(), verdict.unfit), (8, true));
    let ix = leader.view().state.fleet().find(&machine).expect("it is there");
    let is_flagged = |view: &View| view.state.fleet().machine(ix).flags.has(Flags::UNHEALTHY);
    assert!(!is_flagged(&leader.view()), "a new installation only shows verdicts");
    let policy =
        argosy_repair::parse("policy", "{version: 1, grace: {reset-gpu: 0s, reboot-host: 0s}}").expect("it is sound");
    let patient = Command::SetRepairPolicy { policy: Some(Box::new(policy)), by: By::default() };
    leader.commit(patient).await.expect("it is taken");
    act(&fleet, (at + 1) % 3, true).await;
    fleet.state(at, "the verdict acts", |view| is_flagged(view)).await;
    let heard =
        operator.hears("another machine serves", |heard| heard.in_state(CONFIGURED) == 1 && heard.machines.len() > 1);
    heard.await;
    let replaced = fleet.state(at, "the shard is at rest", |view| {
        let serves = view.state.fleet().count(State::Configured, view.state.fleet().words.find_cluster("c1"));
        serves == 1 && view.state.ledger().is_empty()
    });
    let created = replaced.await.state.counters().opened().map(|(_, count)| count).sum::<u64>();
    assert!(created >= 3, "bound, bound anew, and taken back: {created}");
    assert_ne!(serving(&fleet, at).await, machine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_comes_through_the_log_and_a_broken_one_is_refused() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let view = fleet.state(at, "there are machines", |view| !view.state.fleet().is_empty()).await;
    let machine = view.state.fleet().id(MachineIx::from_index(0)).to_owned();
    let shard = || SHARD.to_owned();
    let apply = |policy: &str| {
        let ask = SetHealthPolicyRequest { shard: shard(), policy: policy.to_owned(), reason: "test".to_owned() };
        let mut client = health(&fleet, (at + 1) % 3);
        async move { client.set_health_policy(ask).await }
    };
    let refused = apply("rules: [{ name: a, condition: event.x, result: healthy }]").await.expect_err("it is refused");
    assert!(refused.message().starts_with("ARG-1003: policy:1:"), "{}", refused.message());
    let mild = "rules: [{ name: only, condition: \"true\", result: degraded, decay: 1h }]";
    let revision = apply(mild).await.expect("it is taken").into_inner().revision;
    report(&leader, &machine, 1, Event::xid(0, 79)).await;
    assert!(said(&leader.view(), &machine).starts_with("degraded (reboot-host) by only"));
    let ask = GetHealthRequest { shard: shard() };
    let summary = health(&fleet, at).get_health(ask).await.expect("it answers").into_inner();
    assert_eq!((summary.policy_revision, summary.policy.as_str(), summary.acts), (revision, mild, false));
    assert_eq!(summary.machines.get("degraded"), Some(&1));
    let ask = ClearHealthRequest { machine: machine.clone(), shard: shard(), reason: "looked at it".to_owned() };
    let cleared = health(&fleet, at).clear_health(ask).await.expect("it is cleared").into_inner();
    assert_eq!(cleared.verdict, "healthy (observe)");
    let unknown =
        leader.health().report("nobody", "j", vec![Reported { sequence: 1, event: Event::plain(EventType::Boot, -1) }]);
    assert!(unknown.await.is_err_and(|error| error.to_string().starts_with("ARG-1010")));
}
