//! What goes wrong stays where it went wrong: isolation, wiped and damaged disks, failing syncs, poisoned commands.

use crate::ledger::Ledger;
use crate::nodes::{Cluster, config, eventually, open};
use argosy_raft::{MembershipError, NodeId, OpenError, ProposeError};
use argosy_storage::sim_disk::SimDisk;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_returns_from_isolation_moves_no_term() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    let term = cluster.group(leader, 1).status().leadership.term;
    let lonely = (1..=3).find(|id| *id != leader).unwrap();
    cluster.wires.cut(lonely);
    let mut watch = cluster.group(lonely, 1).leadership();
    // Alone, it gives its leader up, and would stand for election again and again if nobody asked first.
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < config().timing.election_max * 8 {
        let _ = tokio::time::timeout(config().timing.election_max, watch.changed()).await;
        cluster.commit(1, "meanwhile").await;
    }
    cluster.wires.mend(lonely);
    let last = cluster.commit(1, "back").await;
    cluster.caught_up(lonely, 1, last).await;
    let after = cluster.commit(1, "after").await;
    cluster.agree(1, after).await;
    for id in 1..=3 {
        assert_eq!(cluster.group(id, 1).status().leadership.term, term, "the term moved on node {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_no_majority_answers_is_not_ready_and_is_again_when_one_does() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    cluster.commit(1, "before").await;
    let mut leadership = cluster.group(leader, 1).leadership();
    let term = leadership.borrow().term;
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    for other in &others {
        cluster.kill(*other);
    }
    let lost = tokio::time::timeout(crate::nodes::PATIENCE, leadership.wait_for(|now| !now.ready)).await;
    let lost = *lost.expect("it notices that nobody answers").unwrap();
    assert_eq!((lost.term, lost.leader), (term, Some(NodeId(leader))), "it has heard of no other leader");
    for other in &others {
        cluster.start(*other).await;
    }
    let last = cluster.commit(1, "after").await;
    cluster.agree(1, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_have_links_to_one_another_before_they_lose_their_leader() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let (one, other) = (followers[0], followers[1]);
    eventually("they are joined", || cluster.wires.are_laid(one, other) && cluster.wires.are_laid(other, one)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_directory_cannot_assume_the_identity_of_the_member_it_was() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    let wiped = (1..=3).find(|id| *id != leader).unwrap();
    let last = cluster.commit(1, "before").await;
    cluster.agree(1, last).await;
    cluster.kill(wiped);
    cluster.disks.insert(wiped, SimDisk::new(77));
    cluster.start(wiped).await;
    for n in 0..20 {
        cluster.commit(1, &format!("while it knocks {n}")).await;
    }
    let outcast = cluster.group(wiped, 1).status();
    assert_eq!(
        (outcast.last_log, outcast.applied),
        (0, 0),
        "nobody speaks to it as if it were the old one: {outcast:?}"
    );
    assert!(outcast.members.voters.is_empty(), "{outcast:?}");
    let group = cluster.group(cluster.leader(1).await, 1);
    assert_eq!(group.add_learner(NodeId(wiped)).await, Err(MembershipError::OtherInstance { node: NodeId(wiped) }));
    // Founding anew from the wiped node is refused as well: the others have members.
    let members = [1, 2, 3].map(NodeId);
    if wiped == 1 {
        assert_eq!(cluster.group(wiped, 1).bootstrap(&members).await, Err(MembershipError::AlreadyBootstrapped));
    }
    group.remove(NodeId(wiped)).await.unwrap();
    group.add_learner(NodeId(wiped)).await.unwrap();
    let last = cluster.commit(1, "welcome").await;
    cluster.caught_up(wiped, 1, last).await;
    group.promote(NodeId(wiped)).await.unwrap();
    let last = cluster.commit(1, "whole again").await;
    cluster.agree(1, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_entry_keeps_its_replica_from_opening() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    for n in 0..20 {
        let last = cluster.commit(1, &format!("{n}")).await;
        cluster.agree(1, last).await;
    }
    let leader = cluster.leader(1).await;
    let victim = (1..=3).find(|id| *id != leader).unwrap();
    cluster.kill(victim);
    cluster.disks[&victim].rot(|key| key[0] == b'l').unwrap();
    let node = cluster.boot(victim).await;
    let refused = open(&node, 1, Box::new(Ledger::new().0)).await;
    drop(node);
    let Err(OpenError::Storage(error)) = refused else { panic!("it opened") };
    assert!(error.to_string().starts_with("ARG-0202: entry"), "{error}");
    cluster.commit(1, "the others go on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_disk_fails_stops_and_another_takes_over() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    cluster.commit(1, "before").await;
    // One of the others alone is no majority: this leader's own disk has to count.
    let away = (1..=3).find(|node| *node != leader).unwrap();
    cluster.wires.cut(away);
    cluster.disks[&leader].fail_next_sync();
    let outcome = cluster.group(leader, 1).propose(b"into the failing disk".to_vec()).await;
    assert!(outcome.is_err(), "{outcome:?}");
    cluster.wires.mend(away);
    let broken = cluster.group(leader, 1);
    eventually("the replica says why it stopped", || broken.status().halted.is_some()).await;
    assert!(broken.status().halted.unwrap().contains("ARG-0207"));
    assert!(cluster.nodes[&leader].store.failed().is_some());
    cluster.kill(leader);
    cluster.commit(1, "elsewhere").await;
    cluster.start(leader).await;
    let last = cluster.commit(1, "after").await;
    cluster.agree(1, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_fold_halts_its_group_alone() {
    let cluster = Cluster::founded(1, &[1, 2], config()).await;
    cluster.commit(1, "fine").await;
    cluster.commit(2, "fine").await;
    let outcome = cluster.group(1, 1).propose(b"poison".to_vec()).await;
    assert!(
        matches!(&outcome, Err(ProposeError::Stopped(stopped)) if stopped.reason.contains("a poisoned command")),
        "{outcome:?}"
    );
    let halted = cluster.group(1, 1);
    eventually("it halted", || halted.status().halted.is_some()).await;
    let mut leadership = halted.leadership();
    leadership.wait_for(|now| !now.ready).await.unwrap();
    cluster.commit(2, "the other group goes on").await;
}
