//! Electing, committing, reading, and surviving the death of a leader.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::nodes::{Cluster, PATIENCE, config, eventually};
use argosy_raft::{ProposeError, Read, ReadError};
use futures::future::join_all;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_the_same_on_every_replica() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    let group = cluster.group(leader, 1);
    let proposals = (0..200).map(|n| group.propose(format!("command {n}").into_bytes()));
    let committed = join_all(proposals).await;
    for (n, outcome) in committed.iter().enumerate() {
        assert_eq!(outcome.as_ref().unwrap().response, format!("took command {n}").into_bytes());
    }
    let last = committed.iter().map(|outcome| outcome.as_ref().unwrap().index).max().unwrap();
    cluster.agree(1, last).await;
    assert_eq!(cluster.view(leader, 1).commands().len(), 200);
    for node in cluster.nodes.values() {
        let counters = node.store.counters();
        assert!(counters.acknowledged <= counters.synced);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_of_one_caller_are_committed_in_its_order() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let group = cluster.group(cluster.leader(1).await, 1);
    let mut proposals = Vec::new();
    for n in 0..500 {
        proposals.push(group.submit(format!("{n}").into_bytes()).await.unwrap());
    }
    let indexes: Vec<u64> = join_all(proposals).await.into_iter().map(|outcome| outcome.unwrap().index).collect();
    assert!(indexes.is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_leader_loses_no_acknowledged_command() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let leader = cluster.leader(1).await;
        let group = cluster.group(leader, 1);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (group, stop) = (group.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut done = Vec::new();
                    for n in 0.. {
                        let command = format!("{round}/{writer}/{n}");
                        match group.propose(command.clone().into_bytes()).await {
                            Ok(_) => done.push(command),
                            Err(_) => break,
                        }
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    done
                })
            })
            .collect();
        let view = cluster.view(leader, 1);
        let goal = acknowledged.len() + 100;
        eventually("commands flow", || view.state().len() > goal).await;
        cluster.kill(leader);
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            acknowledged.extend(tokio::time::timeout(PATIENCE, writer).await.expect("a writer ends").unwrap());
        }
        cluster.commit(1, &format!("after {round}")).await;
        cluster.start(leader).await;
    }
    let last = cluster.commit(1, "the end").await;
    cluster.agree(1, last).await;
    let survived: HashSet<String> = cluster.view(1, 1).commands().into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|command| !survived.contains(*command)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged commands lost: {lost:?}", lost.len(), acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_is_ready_only_with_everything_acknowledged_before_it() {
    let mut cluster = Cluster::founded(3, &[1], config()).await;
    for round in 0..3 {
        let index = cluster.commit(1, &format!("round {round}")).await;
        cluster.kill(cluster.leader(1).await);
        let leader = cluster.leader(1).await;
        let state = cluster.view(leader, 1).state();
        assert!(state.iter().any(|line| line.0 == index), "node {leader} is ready without entry {index}");
        let back = (1..=3).find(|id| !cluster.nodes.contains_key(id)).unwrap();
        cluster.start(back).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_names_the_leader_and_a_huge_command_is_refused() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    cluster.commit(1, "first").await;
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    let mut known = cluster.group(follower, 1).leadership();
    known.wait_for(|now| now.leader.is_some()).await.unwrap();
    let refused = cluster.group(follower, 1).propose(b"x".to_vec()).await;
    assert_eq!(refused, Err(ProposeError::NotLeader { leader: Some(argosy_raft::NodeId(leader)) }));
    let read = cluster.group(follower, 1).read_barrier(Read::Index).await;
    assert_eq!(read, Err(ReadError::NotLeader { leader: Some(argosy_raft::NodeId(leader)) }));
    let limit = config().limits.command_bytes;
    let huge = cluster.group(leader, 1).propose(vec![0; limit + 1]).await;
    assert_eq!(huge, Err(ProposeError::TooLarge { bytes: limit + 1, limit }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_barrier_covers_every_earlier_acknowledgement_and_fails_without_a_majority() {
    let cluster = Cluster::founded(3, &[1], config()).await;
    let leader = cluster.leader(1).await;
    for n in 0..20 {
        let index = cluster.commit(1, &format!("{n}")).await;
        let barrier =
            cluster.group(leader, 1).read_barrier(if n % 2 == 0 { Read::Index } else { Read::Lease }).await.unwrap();
        assert!(barrier >= index);
        assert!(cluster.view(leader, 1).state().iter().any(|line| line.0 == index));
    }
    cluster.wires.cut(leader);
    let read = cluster.group(leader, 1).read_barrier(Read::Index).await;
    assert!(matches!(read, Err(ReadError::NoQuorum | ReadError::NotLeader { .. })), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_groups_share_nodes_links_and_syncs() {
    let groups: Vec<u64> = (1..=16).collect();
    let cluster = Cluster::founded(3, &groups, config()).await;
    let commits = groups.iter().map(|group| {
        let cluster = &cluster;
        async move {
            let leader = cluster.leader(*group).await;
            let handle = cluster.group(leader, *group);
            let proposals = (0..50).map(|n| handle.propose(format!("{group}/{n}").into_bytes()));
            join_all(proposals).await.into_iter().map(|outcome| outcome.unwrap().index).max().unwrap()
        }
    });
    for (group, last) in groups.iter().zip(join_all(commits).await) {
        cluster.agree(*group, last).await;
        assert_eq!(cluster.view(1, *group).commands().len(), 50);
        assert!(cluster.view(1, *group).commands().iter().all(|command| command.starts_with(&format!("{group}/"))));
    }
    for node in cluster.nodes.values() {
        let counters = node.store.counters();
        assert!(counters.syncs < counters.synced, "{counters:?}");
    }
}
