//! The front of a session against leaders that come and go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as Say;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as Hear;
use argosy_proto::bigfleet::v1alpha1::{Acknowledgement, ClusterCapacityNeeds, OperatorMessage, ShardMessage};
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::front::Front;
use super::{AttachError, Attached, Attaching, Elsewhere, Ended, Frame, Generation, Inlet, Upstreams};

/// No wait takes so long unless something is broken.
const LIMIT: Duration = Duration::from_secs(30);
/// Long enough for a handful of attempts.
const PATIENCE: Duration = Duration::from_millis(500);

/// A leader, as a test plays it.
struct Played {
    inlet: Inlet,
    generation: Option<Generation>,
    frames: mpsc::Sender<Result<Frame, Ended>>,
}

/// Gives every session that attaches to the test.
struct Stage {
    refusals: Refusals,
    entered: mpsc::Sender<Played>,
    /// Whether leaders are on other nodes.
    is_remote: bool,
    /// Tells the sessions with a leader elsewhere that another one leads.
    succeeded: Arc<Notify>,
    cut_off: Arc<watch::Sender<bool>>,
}

/// What the next attempts to attach come to.
type Refusals = Arc<Mutex<VecDeque<AttachError>>>;

impl Upstreams for Stage {
    fn attach<'a>(&'a self, _: &'a str, generation: Option<Generation>, inlet: Inlet) -> Attaching<'a> {
        Box::pin(async move {
            if let Some(refusal) = self.refusals.lock().expect("not poisoned").pop_front() {
                return Err(refusal);
            }
            let (sender, frames) = mpsc::channel(16);
            let given = generation.unwrap_or(Generation { term: 1, count: 1 });
            let _ = self.entered.send(Played { inlet, generation, frames: sender }).await;
            let succeeded = Arc::clone(&self.succeeded);
            let elsewhere = self.is_remote.then(|| Elsewhere::until(async move { succeeded.notified().await }));
            Ok(Attached { generation: given, elsewhere, frames })
        })
    }

    fn cut_off(&self) -> watch::Receiver<bool> {
        self.cut_off.subscribe()
    }
}

/// Both ends of a session whose greeting has been read.
struct Session {
    operator: mpsc::Sender<Result<OperatorMessage, Status>>,
    told: mpsc::Receiver<Result<ShardMessage, Status>>,
    leaders: mpsc::Receiver<Played>,
    closing: CancellationToken,
    refusals: Refusals,
    succeeded: Arc<Notify>,
    cut_off: Arc<watch::Sender<bool>>,
}

fn session(refusals: impl IntoIterator<Item = AttachError>) -> Session {
    staged(refusals, false)
}

fn staged(refusals: impl IntoIterator<Item = AttachError>, is_remote: bool) -> Session {
    let (operator, said) = mpsc::channel(16);
    let (tell, told) = mpsc::channel(16);
    let (entered, leaders) = mpsc::channel(16);
    let refusals: Refusals = Arc::new(Mutex::new(refusals.into_iter().collect()));
    let cut_off = Arc::new(watch::channel(false).0);
    let succeeded = Arc::new(Notify::new());
    let stage = Stage {
        refusals: Arc::clone(&refusals),
        entered,
        is_remote,
        succeeded: Arc::clone(&succeeded),
        cut_off: Arc::clone(&cut_off),
    };
    let closing = CancellationToken::new();
    let front =
        Front::new("c1".to_owned(), tell, PATIENCE).run(ReceiverStream::new(said), Arc::new(stage), closing.clone());
    tokio::spawn(front);
    Session { operator, told, leaders, closing, refusals, succeeded, cut_off }
}

fn ack(echo: &str) -> Option<ShardMessage> {
    let ack = Acknowledgement { echo: echo.to_owned(), ..Acknowledgement::default() };
    Some(ShardMessage { message: Some(Hear::Ack(ack)) })
}

impl Session {
    async fn report(&self, timestamp_unix_nanos: i64) {
        let rollup = ClusterCapacityNeeds { cluster_id: "c1".to_owned(), timestamp_unix_nanos, needs: vec![] };
        let message = OperatorMessage { message: Some(Say::Rollup(rollup)) };
        self.operator.send(Ok(message)).await.expect("the front listens");
    }

    async fn hear(&mut self) -> Result<String, Code> {
        let told =
            tokio::time::timeout(Duration::from_secs(60), self.told.recv()).await.expect("in time").expect("open");
        told.map_err(|status| status.code()).map(|message| match message.message {
            Some(Hear::Ack(ack)) => ack.echo,
            other => format!("{other:?}"),
        })
    }

    async fn leader(&mut self) -> Played {
        self.leaders.recv().await.expect("the session finds a leader")
    }
}

impl Played {
    async fn says(&self, message: Option<ShardMessage>, settled: u64) {
        self.frames.send(Ok(Frame { message, settled })).await.expect("the front listens");
    }

    /// The number and the time of the roll-up that the session has for this leader.
    async fn rollup(&mut self) -> (u64, i64) {
        let told = async {
            loop {
                self.inlet.rollups.changed().await.expect("the session is open");
                if let Some(newest) = self.inlet.rollups.borrow_and_update().clone() {
                    return (newest.number, newest.needs.timestamp_unix_nanos);
                }
            }
        };
        tokio::time::timeout(LIMIT, told).await.expect("the session says its roll-up again")
    }
}

#[tokio::test]
async fn a_change_of_leader_is_a_pause_and_what_was_not_settled_is_said_again() {
    let mut session = session([]);
    let mut first = session.leader().await;
    first.says(ack("hello"), 0).await;
    assert_eq!(session.hear().await, Ok("hello".to_owned()));
    session.report(10).await;
    assert_eq!(first.rollup().await, (1, 10));
    drop(first);
    let mut second = session.leader().await;
    assert_eq!(second.generation, Some(Generation { term: 1, count: 1 }));
    assert_eq!(second.rollup().await, (1, 10), "an unsettled roll-up was lost with its leader");
    second.says(ack("hello"), 0).await;
    second.says(ack("rollup"), 1).await;
    // The second greeting is the front's own affair.
    assert_eq!(session.hear().await, Ok("rollup".to_owned()));
    drop(second);
    let mut third = session.leader().await;
    session.report(20).await;
    assert_eq!(third.rollup().await, (2, 20), "a settled roll-up was said again");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_sends_a_session_away_at_once_does_not_get_it_back_at_once() {
    let mut session = session([]);
    let began = tokio::time::Instant::now();
    for _ in 0..10 {
        let leader = session.leader().await;
        leader.frames.send(Err(Ended::Moved)).await.expect("the front listens");
    }
    session.leader().await;
    assert!(began.elapsed() >= Duration::from_secs(1), "ten short stays within {:?}", began.elapsed());
}

#[tokio::test]
async fn the_newest_roll_up_wins_while_there_is_no_leader() {
    let later = || AttachError::Later("nobody leads".to_owned());
    let mut session = session([later(), later(), later()]);
    session.report(10).await;
    session.report(20).await;
    let mut leader = session.leader().await;
    while leader.rollup().await != (2, 20) {}
    assert!(leader.inlet.rollups.borrow().as_ref().is_some_and(|newest| newest.number == 2), "more than one waits");
}

#[tokio::test]
async fn a_session_that_was_replaced_does_not_come_back() {
    let mut session = session([]);
    let leader = session.leader().await;
    leader.frames.send(Err(Ended::Replaced)).await.expect("the front listens");
    assert_eq!(session.hear().await, Err(Code::Aborted));
    assert!(session.leaders.recv().await.is_none(), "it attached again");
}

#[tokio::test]
async fn a_session_without_a_leader_for_long_is_sent_to_another_node() {
    let refusals = (0..10_000).map(|_| AttachError::Later("nobody leads".to_owned()));
    let mut session = session(refusals);
    assert_eq!(session.hear().await, Err(Code::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hears_nobody_sends_away_the_sessions_that_others_could_serve_and_keeps_its_own() {
    let mut relayed = staged([], true);
    let _far = relayed.leader().await;
    relayed.cut_off.send_replace(true);
    assert_eq!(relayed.hear().await, Err(Code::Unavailable), "it waited for a leader that cannot be heard");
    let mut local = session([]);
    let near = local.leader().await;
    local.cut_off.send_replace(true);
    near.says(ack("hello"), 0).await;
    assert_eq!(local.hear().await, Ok("hello".to_owned()), "a leader that is here was left");
    // It is deposed, and no other one is to be found from here.
    local.refusals.lock().expect("not poisoned").extend((0..9).map(|_| AttachError::Later("nobody".to_owned())));
    let began = tokio::time::Instant::now();
    drop(near);
    assert_eq!(local.hear().await, Err(Code::Unavailable));
    assert!(began.elapsed() < PATIENCE, "it looked for a leader for {:?}", began.elapsed());
}

#[tokio::test]
async fn a_session_leaves_a_leader_that_is_silent_when_its_successor_is_known() {
    let mut session = staged([], true);
    let silent = session.leader().await;
    silent.says(ack("hello"), 0).await;
    assert_eq!(session.hear().await, Ok("hello".to_owned()));
    session.report(10).await;
    session.succeeded.notify_one();
    let mut successor = tokio::time::timeout(LIMIT, session.leader()).await.expect("it waits for a leader that was");
    assert_eq!(successor.rollup().await, (1, 10));
    assert!(silent.frames.is_closed(), "it still listens to both");
}

#[tokio::test]
async fn a_node_that_goes_down_tells_its_sessions_to_try_again() {
    let mut session = session([]);
    let _leader = session.leader().await;
    session.closing.cancel();
    assert_eq!(session.hear().await, Err(Code::Unavailable));
}
