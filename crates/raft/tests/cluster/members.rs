//! Members come and go, leadership is handed over, and a member that is far behind gets a snapshot.

use std::collections::BTreeSet;

use crate::nodes::{Cluster, PATIENCE, config};
use argosy_raft::{Config, Limits, MembershipError, NodeId};

fn frugal() -> Config {
    Config { limits: Limits { snapshot_every: 1_000_000, keep_behind_snapshot: 0, ..Limits::default() }, ..config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_become_four_and_three_again() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    cluster.commit(1, "three").await;
    cluster.start(4).await;
    let leader = cluster.leader(1).await;
    let group = cluster.group(leader, 1);
    assert!(matches!(group.promote(NodeId(4)).await, Err(MembershipError::Invalid(_))), "a voter was a learner first");
    group.add_learner(NodeId(4)).await.unwrap();
    assert_eq!(group.status().members.learners, BTreeSet::from([NodeId(4)]));
    group.promote(NodeId(4)).await.unwrap();
    assert_eq!(group.status().members.voters.len(), 4);
    let last = cluster.commit(1, "four").await;
    cluster.agree(1, last).await;
    // The leader itself goes.
    group.remove(NodeId(leader)).await.unwrap();
    cluster.kill(leader);
    cluster.commit(1, "three again").await;
    let successor = cluster.group(cluster.leader(1).await, 1);
    let expected: BTreeSet<NodeId> = (1..=4).filter(|id| *id != leader).map(NodeId).collect();
    assert_eq!(successor.status().members.voters, expected);
    assert!(!successor.status().members.changing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_added_again_for_nothing_be_it_the_leader_itself() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let group = cluster.group(cluster.leader(1).await, 1);
    let before = group.status();
    for node in (1..=3).map(NodeId) {
        assert_eq!(group.add_learner(node).await, Ok(()), "node {node}");
        assert_eq!(group.promote(node).await, Ok(()), "node {node}");
    }
    assert_eq!(group.status().members, before.members);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_the_group_has_let_go_of_changes_no_members() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    let group = cluster.group(leader, 1);
    group.remove_by_force(NodeId(leader)).await.unwrap();
    // It may still hold the reins for a moment, and it may have let go of them: in either case it has nothing to say.
    let others: Vec<NodeId> = (1..=3).filter(|id| *id != leader).map(NodeId).collect();
    let refused = group.change_voters(&others[..1]).await;
    assert!(matches!(refused, Err(MembershipError::NotLeader { .. })), "{refused:?}");
    let successor = cluster.group(cluster.leader(1).await, 1);
    assert_eq!(successor.status().members.voters, others.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn voters_are_replaced_in_one_change() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    cluster.start(4).await;
    let leader = cluster.leader(1).await;
    let group = cluster.group(leader, 1);
    group.add_learner(NodeId(4)).await.unwrap();
    let gone = (1..=3).find(|id| *id != leader).unwrap();
    let voters: Vec<NodeId> = (1..=4).filter(|id| *id != gone).map(NodeId).collect();
    group.change_voters(&voters).await.unwrap();
    assert_eq!(group.status().members.voters, voters.into_iter().collect());
    cluster.kill(gone);
    let last = cluster.commit(1, "without it").await;
    cluster.agree(1, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_far_behind_is_brought_up_by_a_snapshot() {
    let mut cluster = Cluster::founded(3, &[1], frugal()).await;
    // Several chunks' worth of state.
    let bulk = "x".repeat(700_000);
    for _ in 0..5 {
        cluster.commit(1, &bulk).await;
    }
    let leader = cluster.leader(1).await;
    let group = cluster.group(leader, 1);
    let covered = group.snapshot_now().await.unwrap();
    // A leader purges what no follower is being sent, so it takes the next acknowledgement.
    for _ in 0..100 {
        if group.status().purged >= covered {
            break;
        }
        cluster.commit(1, "more").await;
    }
    assert!(group.status().purged >= covered, "{:?}", group.status());
    cluster.start(4).await;
    group.add_learner(NodeId(4)).await.unwrap();
    let last = cluster.commit(1, "after the snapshot").await;
    cluster.agree(1, last).await;
    assert!(cluster.group(4, 1).status().snapshot >= covered);
    // It outlives a crash of the newcomer, and so does a follower that was down meanwhile.
    cluster.kill(4);
    cluster.start(4).await;
    let last = cluster.commit(1, "after its crash").await;
    cluster.agree(1, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_from_snapshot_and_log_gives_the_same_state() {
    let mut cluster = Cluster::founded(1, &[1], frugal()).await;
    for n in 0..50 {
        cluster.commit(1, &format!("{n}")).await;
    }
    cluster.group(1, 1).snapshot_now().await.unwrap();
    let last = cluster.commit(1, "tail").await;
    let before = cluster.view(1, 1).state();
    cluster.kill(1);
    cluster.start(1).await;
    cluster.caught_up(1, 1, last).await;
    assert_eq!(cluster.view(1, 1).state(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_goes_where_it_is_sent() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    cluster.commit(1, "before").await;
    for _ in 0..3 {
        let leader = cluster.leader(1).await;
        let heir = leader % 3 + 1;
        cluster.group(leader, 1).transfer_leader(NodeId(heir)).await.unwrap();
        let mut watch = cluster.group(heir, 1).leadership();
        tokio::time::timeout(PATIENCE, watch.wait_for(|now| now.ready)).await.unwrap().unwrap();
        cluster.commit(1, "after").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_shuts_down_hands_its_leaderships_over_first() {
    let mut cluster = Cluster::founded(3, &[1, 2, 3, 4], config()).await;
    for group in 1..=4 {
        let leader = cluster.leader(group).await;
        if leader != 1 {
            cluster.group(leader, group).transfer_leader(NodeId(1)).await.unwrap();
        }
    }
    let terms: Vec<u64> = (1..=4).map(|group| cluster.group(1, group).status().leadership.term).collect();
    let node = cluster.nodes.remove(&1).unwrap();
    let host = node.host.clone();
    node.runtime.spawn(async move { host.shutdown().await }).await.unwrap();
    for (group, term) in (1..=4).zip(terms) {
        // By the time the shutdown returns, the heir leads: nobody waited for a lease to run out.
        let led = [2, 3].map(|id| cluster.group(id, group).leadership().borrow().leader);
        assert!(led.iter().any(|leader| matches!(leader, Some(NodeId(2 | 3)))), "group {group}: {led:?}");
        cluster.commit(group, "goes on").await;
        let leader = cluster.leader(group).await;
        assert_eq!(cluster.group(leader, group).status().leadership.term, term + 1);
    }
    node.store.close();
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn founding_needs_every_member_and_happens_once() {
    let mut cluster = Cluster::founded(1, &[], config()).await;
    let node = cluster.boot(2).await;
    let opened = crate::nodes::open(&node, 9, Box::new(crate::ledger::Ledger::new().0)).await.unwrap();
    let outcome = opened.bootstrap(&[NodeId(2), NodeId(3)]).await;
    assert!(matches!(outcome, Err(MembershipError::Unreachable { node: NodeId(3), .. })), "{outcome:?}");
    assert!(matches!(opened.bootstrap(&[NodeId(3)]).await, Err(MembershipError::Invalid(_))));
    opened.bootstrap(&[NodeId(2)]).await.unwrap();
    opened.bootstrap(&[NodeId(2)]).await.unwrap();
    drop(node);
}
