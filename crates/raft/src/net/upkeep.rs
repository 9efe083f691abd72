//! Links are open before anybody needs them.
//!
//! Followers of one leader have nothing to say to one another until it is gone, and then they must elect the next: to open a link first
//! takes four round trips (TCP, TLS, the stream, the greeting). And who has never been heard cannot be missed: a follower that hears its
//! leader alone would take itself for cut off when the leader is. So where nothing was asked for a while, something is.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use argosy_proto::argosy::v1::RaftCall;
use argosy_storage::GroupId;
use bytes::Bytes;
use futures::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::link::{Link, Links};
use crate::config::Timing;
use crate::host::Replicas;

/// Asks every node that shares a group with this one and was asked nothing since the last time. Ends with the host.
pub(crate) fn start(links: &Arc<Links>, replicas: &Arc<Replicas>, timing: Timing) {
    let (links, replicas) = (Arc::downgrade(links), Arc::downgrade(replicas));
    tokio::spawn(async move {
        let mut ticks = interval(timing.election_max);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let questions: Vec<_> = {
                let (Some(links), Some(replicas)) = (Weak::upgrade(&links), Weak::upgrade(&replicas)) else { return };
                let groups = replicas.all();
                let shared = groups.iter().flat_map(|group| group.others().into_iter().map(|node| (node, group.id())));
                let nodes: BTreeMap<_, _> = shared.collect();
                let nodes = nodes.into_iter().map(|(node, group)| (links.to(node), group));
                nodes.filter(|(link, _)| link.take_idle()).map(|(link, group)| question(&link, group, timing)).collect()
            };
            // Whatever the answer is, and if there is none: it is not for its content that it is asked.
            join_all(questions).await;
        }
    });
}

fn question(link: &Link, group: GroupId, timing: Timing) -> impl Future<Output = ()> + Send + use<> {
    let answer = link.call(group, RaftCall::Inquire, Bytes::new(), None, timing.election_max);
    // This one does not count, or every other look would find the link busy.
    link.take_idle();
    async move { drop(answer.await) }
}
