//! What people ask of an installation and change in it, through any node.

use argosy_model::State;
use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::{
    ChangeMemberRequest, Freshness, GetMachineRequest, GetShardRequest, ListMachinesRequest, ListNeedsRequest,
    ListOperationsRequest, ListShardsRequest, ListShortfallsRequest, NodeStatusRequest, ResumeShardRequest,
    SetCordonRequest, SetRailsRequest, TakeSnapshotRequest,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::installation::{Installation, Plan, SHARD, channel};
use crate::operator::{CONFIGURED, Operator};

fn reads(fleet: &Installation, at: usize) -> FleetClient<Channel> {
    FleetClient::new(channel(fleet.port(at)))
}

fn changes(fleet: &Installation, at: usize) -> AdminClient<Channel> {
    AdminClient::new(channel(fleet.port(at)))
}

/// The code that a refusal begins with, and the protocol's own.
fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, Code) {
    let status = answer.expect_err("it is refused");
    (status.message().split(':').next().unwrap_or_default().to_owned(), status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_answers_for_the_leader_and_pages_hold_every_machine_once() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(48).await;
    operator.hears("twelve machines are told", |heard| heard.in_state(CONFIGURED) == 12).await;
    for node in 0..3 {
        let mut client = reads(&fleet, node);
        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let ask = ListMachinesRequest { shard: SHARD.to_owned(), page_size: 7, page_token, ..Default::default() };
            let page = client.list_machines(ask).await.expect("it answers").into_inner();
            let as_of = page.as_of.expect("every answer says of when it is");
            assert_eq!((as_of.node, as_of.stale_ms), (format!("n{}", at + 1), 0), "the leader answers");
            seen.extend(page.machines.into_iter().map(|machine| machine.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let total = fleet.replica(at).view().state.fleet().len();
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((seen.len(), distinct.len()), (total, total));

        let ask = ListMachinesRequest { shard: SHARD.to_owned(), cluster: "c1".to_owned(), ..Default::default() };
        let bound = client.list_machines(ask).await.expect("it answers").into_inner().machines;
        assert_eq!(bound.len(), 12);
        assert!(bound.iter().all(|machine| machine.cluster == "c1" && machine.state == CONFIGURED));
        let ask = GetMachineRequest { machine: bound[0].id.clone(), ..Default::default() };
        let found = client.get_machine(ask).await.expect("found without its shard").into_inner();
        assert_eq!(found.machine.as_ref(), Some(&bound[0]));

        let needs = ListNeedsRequest { shard: SHARD.to_owned(), ..Default::default() };
        let needs = client.list_needs(needs).await.expect("it answers").into_inner();
        assert_eq!((needs.total, needs.needs.len(), needs.needs[0].cluster.as_str()), (1, 1, "c1"));
        let shards = client.list_shards(ListShardsRequest {}).await.expect("it answers").into_inner().shards;
        assert_eq!((shards.len(), shards[0].voters.len()), (1, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_asked_for_a_stale_answer_says_how_old_it_may_be() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let follower = (at + 1) % 3;
    let ask = || GetShardRequest { shard: SHARD.to_owned(), freshness: Freshness::Stale.into(), ..Default::default() };
    let mut client = reads(&fleet, follower);
    let as_of = client.get_shard(ask()).await.expect("it answers").into_inner().as_of.expect("it says of when");
    assert_eq!(as_of.node, format!("n{}", follower + 1));
    // Alone, it hears from nobody any more, and still answers.
    fleet.kill(at);
    fleet.kill((at + 2) % 3);
    let older = crate::installation::within("the answer ages", async {
        loop {
            let answer = client.get_shard(ask()).await.expect("it answers alone").into_inner();
            let stale_ms = answer.as_of.expect("it says of when").stale_ms;
            if stale_ms > 1_000 {
                return stale_ms;
            }
        }
    });
    assert!(older.await > as_of.stale_ms);
    let strict =
        GetShardRequest { shard: SHARD.to_owned(), freshness: Freshness::Linearizable.into(), ..Default::default() };
    let (code, kind) = refusal(client.get_shard(strict).await);
    let no_leader = ["ARG-0652", "ARG-0653", "ARG-0663"].contains(&code.as_str());
    assert!(no_leader && kind == Code::Unavailable, "{code} {kind:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_switch_stops_all_actuation_until_it_is_lifted() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    let switch = |kill_switch| SetRailsRequest {
        shard: SHARD.to_owned(),
        kill_switch: Some(kill_switch),
        reason: "drill".to_owned(),
        ..Default::default()
    };
    let mut client = changes(&fleet, (at + 1) % 3);
    let rails = client.set_rails(switch(true)).await.expect("any node takes it").into_inner().rails;
    assert!(rails.expect("it says what holds now").kill_switch);
    operator.needs(8).await;
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    let mut decided = fleet.leader().await.1.watch_decided();
    let cycle = decided.borrow().as_ref().map_or(0, |decided| decided.cycle);
    let later = |now: &Option<std::sync::Arc<argosy_server::leader::Decided>>| {
        now.as_ref().is_some_and(|now| now.cycle > cycle + 2)
    };
    crate::installation::within("three more cycles", decided.wait_for(later)).await.expect("it leads");
    assert_eq!(fleet.effects().await.len(), 0, "something was done under the kill switch");
    let ask = ListOperationsRequest { shard: SHARD.to_owned(), ..Default::default() };
    let open = reads(&fleet, at).list_operations(ask).await.expect("it answers").into_inner().total;
    assert_eq!(open, 0);
    client.set_rails(switch(false)).await.expect("any node takes it");
    operator.hears("two machines are told", |heard| heard.in_state(CONFIGURED) == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cordoned_machine_is_not_taken_and_what_is_short_says_why() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    let all = |view: &argosy_server::replica::View| view.state.fleet().len() == 48;
    let view = fleet.state(at, "every machine is listed", all).await;
    let known = view.state.fleet();
    let idle: Vec<String> =
        known.iter().filter(|(_, m)| m.state == State::Idle).map(|(ix, _)| known.id(ix).to_owned()).collect();
    let mut client = changes(&fleet, (at + 2) % 3);
    for machine in &idle {
        let ask = SetCordonRequest {
            machine: machine.clone(),
            shard: SHARD.to_owned(),
            cordoned: true,
            reason: "bad racks".to_owned(),
        };
        client.set_cordon(ask).await.expect("any node takes it");
    }
    // All the slots together hold 160; the idle machines' 32 may not be taken.
    operator.needs(400).await;
    operator.hears("all forty slots are told", |heard| heard.in_state(CONFIGURED) == 40).await;
    let fleet_now = fleet.replica(at).view();
    for machine in &idle {
        let ix = fleet_now.state.fleet().find(machine).expect("it is still there");
        assert_eq!(fleet_now.state.fleet().machine(ix).state, State::Idle, "{machine} was taken");
    }
    let ask = ListShortfallsRequest { shard: SHARD.to_owned(), limit: 0 };
    let short = reads(&fleet, at).list_shortfalls(ask).await.expect("it answers").into_inner();
    assert_eq!(short.by_reason.values().sum::<u64>(), 1, "{short:?}");
    assert_eq!(short.shortfalls[0].residual.get("cpu").map(String::as_str), Some("240"), "{short:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_and_returns_and_the_leadership_moves_when_asked() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let (heir, leaver) = ((at + 1) % 3, (at + 2) % 3);
    let name = |node: usize| format!("n{}", node + 1);
    let subject = |node: usize| ChangeMemberRequest { group: SHARD.to_owned(), node: name(node), force: false };
    let mut client = changes(&fleet, heir);
    let status = client.remove_member(subject(leaver)).await.expect("it leaves").into_inner().status.expect("said");
    assert_eq!((status.voters.len(), status.learners.len()), (2, 0), "{status:?}");
    let status = client.add_learner(subject(leaver)).await.expect("it returns").into_inner().status.expect("said");
    assert_eq!(status.learners, [name(leaver)]);
    let status = client.promote_voter(subject(leaver)).await.expect("it votes").into_inner().status.expect("said");
    assert_eq!((status.voters.len(), status.learners.len()), (3, 0), "{status:?}");
    client.transfer_leader(subject(heir)).await.expect("it leads");
    assert_eq!(fleet.replica(heir).leadership().leader.map(|node| node.0), Some(heir as u64 + 1));

    let ask = TakeSnapshotRequest { group: SHARD.to_owned() };
    let covered = changes(&fleet, leaver).take_snapshot(ask).await.expect("it is written").into_inner().revision;
    let status = changes(&fleet, leaver).node_status(NodeStatusRequest {}).await.expect("it answers").into_inner();
    let groups: Vec<&str> = status.groups.iter().map(|group| group.shard.as_str()).collect();
    assert_eq!((groups, status.node), (vec!["coordinator", SHARD], name(leaver)));
    assert!(covered > 0 && status.synced_writes >= status.acknowledged_writes && status.syncs > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_or_a_change_that_makes_no_sense_is_refused_with_a_code_and_changes_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let node = (at + 1) % 3;
    let (mut client, mut admin) = (reads(&fleet, node), changes(&fleet, node));
    let shard = || SHARD.to_owned();
    let before = fleet.replica(at).view().state.settings().clone();

    let nowhere = GetShardRequest { shard: "s9".to_owned(), ..Default::default() };
    assert_eq!(refusal(client.get_shard(nowhere).await), ("ARG-0650".to_owned(), Code::NotFound));
    let forged = ListMachinesRequest { shard: shard(), page_token: "x".to_owned(), ..Default::default() };
    assert_eq!(refusal(client.list_machines(forged).await), ("ARG-0655".to_owned(), Code::InvalidArgument));
    let ghost = GetMachineRequest { machine: "ghost".to_owned(), ..Default::default() };
    assert_eq!(refusal(client.get_machine(ghost).await), ("ARG-0654".to_owned(), Code::NotFound));
    let ghost =
        SetCordonRequest { machine: "ghost".to_owned(), shard: shard(), cordoned: true, reason: "why".to_owned() };
    assert_eq!(refusal(admin.set_cordon(ghost).await), ("ARG-0654".to_owned(), Code::NotFound));
    let unreasoned = SetRailsRequest { shard: shard(), kill_switch: Some(true), ..Default::default() };
    assert_eq!(refusal(admin.set_rails(unreasoned).await), ("ARG-0657".to_owned(), Code::InvalidArgument));
    let excessive = SetRailsRequest {
        shard: shard(),
        reclaim_cap_ppm: Some(1_000_001),
        reason: "why".to_owned(),
        ..Default::default()
    };
    assert_eq!(refusal(admin.set_rails(excessive).await), ("ARG-0660".to_owned(), Code::InvalidArgument));
    let stranger = ChangeMemberRequest { group: shard(), node: "n9".to_owned(), force: false };
    assert_eq!(refusal(admin.add_learner(stranger).await), ("ARG-0656".to_owned(), Code::NotFound));
    let at_work = ResumeShardRequest { shard: shard(), reason: "why".to_owned() };
    assert_eq!(refusal(admin.resume_shard(at_work).await), ("ARG-0662".to_owned(), Code::FailedPrecondition));
    assert_eq!(*fleet.replica(at).view().state.settings(), before);
}
