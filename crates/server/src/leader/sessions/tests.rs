//! The hub of a real, lonely leader.

use std::sync::Arc;
use std::time::Duration;

use argosy_model::ShardTime;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as Hear;
use argosy_proto::bigfleet::v1alpha1::{BootstrapBlobResponse, BootstrapRequest, CapacityNeed, ClusterCapacityNeeds};
use argosy_raft::Host;
use argosy_shard::Command;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::leader::clock::Clock;
use crate::replica::lone;
use crate::session::{InletSender, Numbered, Reply};

const LIMITS: HubLimits = HubLimits { outbox: 16, max_rollup_needs: 10 };
const LIMIT: Duration = Duration::from_secs(60);

async fn hub() -> (Arc<Hub>, Arc<Committer>, Host) {
    let (replica, host) = lone::replica().await;
    let committer = Committer::new(replica.clone(), replica.leadership().term, Clock::running(ShardTime(0)));
    committer.commit(Command::Genesis(lone::genesis())).await.expect("the shard begins");
    committer.commit(Command::LeaderStarted).await.expect("it leads");
    let hub = Hub::new(Arc::clone(&committer), LIMITS, CancellationToken::new());
    replica.published().listen(Arc::clone(&hub) as _);
    (hub, committer, host)
}

fn attach(hub: &Arc<Hub>, generation: Option<Generation>) -> Result<(Attached, InletSender), AttachError> {
    let (sender, inlet) = Inlet::new();
    hub.attach("c1", generation, inlet).map(|attached| (attached, sender))
}

async fn next(attached: &mut Attached) -> Result<Frame, Ended> {
    let frame = tokio::time::timeout(LIMIT, attached.frames.recv()).await.expect("in time");
    frame.unwrap_or(Err(Ended::Moved))
}

async fn hears(attached: &mut Attached) -> Hear {
    next(attached).await.expect("open").message.expect("something").message.expect("something")
}

fn echo(heard: &Hear) -> Option<&str> {
    if let Hear::Ack(ack) = heard { Some(&ack.echo) } else { None }
}

fn request() -> BootstrapRequest {
    BootstrapRequest { request_id: "op".to_owned(), cluster_id: "c1".to_owned(), requirements: vec![] }
}

#[tokio::test]
async fn the_newer_session_wins_also_when_the_older_one_moves_to_this_leader_later() {
    let (hub, ..) = hub().await;
    let (mut first, _keep) = attach(&hub, None).expect("free");
    assert_eq!(echo(&hears(&mut first).await), Some("hello"));
    let (second, _keep_too) = attach(&hub, None).expect("newer");
    assert!(second.generation > first.generation);
    assert!(matches!(next(&mut first).await, Err(Ended::Replaced)));
    let back = attach(&hub, Some(first.generation));
    assert!(matches!(back, Err(AttachError::Refused(status)) if status.code() == tonic::Code::Aborted));
    assert!(attach(&hub, Some(Generation { term: u64::MAX, count: 1 })).is_ok());
}

#[tokio::test]
async fn a_session_that_comes_back_keeps_its_seat_when_its_former_stay_ends() {
    let (hub, ..) = hub().await;
    let (mut former, _keep) = attach(&hub, None).expect("free");
    assert_eq!(echo(&hears(&mut former).await), Some("hello"));
    let (mut back, _keep_too) = attach(&hub, Some(former.generation)).expect("it is the same session");
    assert_eq!(echo(&hears(&mut back).await), Some("hello"));
    assert!(matches!(next(&mut former).await, Err(Ended::Replaced)));
    assert!(matches!(next(&mut former).await, Err(Ended::Moved)), "the former stay is over");
    let asking = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move { hub.request_blob(request(), LIMIT).await }
    });
    assert!(matches!(hears(&mut back).await, Hear::BootstrapRequest(asked) if asked.request_id == "op"));
    asking.abort();
}

#[tokio::test]
async fn a_blob_is_asked_for_again_over_the_next_session_and_taken_from_its_cluster_only() {
    let (hub, ..) = hub().await;
    let asking = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move { hub.request_blob(request(), LIMIT).await }
    });
    while hub.blobs.open_with("c1").is_empty() {
        tokio::task::yield_now().await;
    }
    let (mut session, inlet) = attach(&hub, None).expect("free");
    assert_eq!(echo(&hears(&mut session).await), Some("hello"));
    assert!(matches!(hears(&mut session).await, Hear::BootstrapRequest(asked) if asked.request_id == "op"));
    let blob = |data: &'static [u8]| {
        Reply::Bootstrap(BootstrapBlobResponse {
            request_id: "op".to_owned(),
            user_data: data.into(),
            ..Default::default()
        })
    };
    hub.answered("c2", blob(b"forged"));
    inlet.replies.send(blob(b"join")).await.expect("the seat listens");
    assert_eq!(asking.await.expect("no panic"), Ok(b"join".as_slice().into()));
}

#[tokio::test]
async fn the_bytes_of_a_blob_are_not_in_what_is_logged() {
    let blob = BootstrapBlobResponse { user_data: b"secret-token".as_slice().into(), ..Default::default() };
    assert!(!format!("{:?}", Reply::Bootstrap(blob)).contains("secret"));
}

#[tokio::test]
async fn an_acknowledged_roll_up_is_in_the_committed_state() {
    let (hub, committer, _host) = hub().await;
    let (mut session, inlet) = attach(&hub, None).expect("free");
    assert_eq!(echo(&hears(&mut session).await), Some("hello"));
    let cpu = |n: u32| [("cpu".to_owned(), n.to_string())].into();
    for (number, cpus) in [(1, 4), (2, 8), (3, 8)] {
        let need = CapacityNeed { aggregate_resources: cpu(cpus), min_unit: cpu(1), ..CapacityNeed::default() };
        let needs = ClusterCapacityNeeds { cluster_id: "c1".to_owned(), needs: vec![need], ..Default::default() };
        let before = committer.view().state.revision();
        inlet.rollups.send_replace(Some(Numbered { number, needs: Arc::new(needs) }));
        let settled = loop {
            let frame = next(&mut session).await.expect("open");
            if frame.settled > 0 {
                break frame.settled;
            }
        };
        let view = committer.view();
        let want = view.state.demand().by_precedence().map(|need| need.aggregate.clone()).next().expect("one row");
        assert_eq!(settled, number);
        assert_eq!(want.iter().map(|(_, amount)| amount).sum::<u64>(), u64::from(cpus) * 1_000);
        assert_eq!(
            view.state.revision() > before,
            number < 3,
            "an unchanged roll-up writes nothing, any other one does"
        );
    }
}
