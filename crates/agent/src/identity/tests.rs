//! That a key is made once and kept, that only a fitting certificate is taken, and that a use is asked for with one key.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argosy_proto::argosy::v1::agent_identity_server::{AgentIdentity, AgentIdentityServer};
use argosy_proto::argosy::v1::joining_server::{Joining, JoiningServer};
use argosy_proto::argosy::v1::{IssuedIdentity, JoinRequest, RenewRequest};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, CertificateSigningRequestParams, Issuer, KeyPair, PublicKeyData as _, SanType};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Code, Request, Response, Status};

use super::*;
use crate::uplink::Dial;

const HOUR_S: i64 = 3_600;

/// An authority that signs whatever it is asked, for a day from `from` on.
fn issue(request: &[u8], agent: &str, from: i64) -> IssuedIdentity {
    let asked = CertificateSigningRequestParams::from_der(&request.into()).expect("a request");
    let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate().expect("a key"));
    let moment = |unix_s| time::OffsetDateTime::from_unix_timestamp(unix_s).expect("a moment");
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (moment(from), moment(from + 24 * HOUR_S));
    let uri = format!("argosy://agent/{agent}");
    params.subject_alt_names.push(SanType::URI(uri.as_str().try_into().expect("ASCII")));
    let certificate = params.signed_by(&asked.public_key, &issuer).expect("signed").pem();
    let authorities = CertificateParams::default().self_signed(issuer.key()).expect("signed").pem();
    IssuedIdentity { certificate, authorities, now_unix_s: from }
}

/// What a node is told to answer.
enum Answer {
    No(Status),
    /// A certificate that begins so many seconds from now.
    From(i64),
}

/// When somebody asked to join, and with which key.
type Asked = (Instant, Vec<u8>);

/// A node that answers as it is told, and keeps the keys it was asked for, and when.
#[derive(Clone, Default)]
struct Clerk {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    joins: Arc<Mutex<Vec<Asked>>>,
    renewals: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn key_of(request: &[u8]) -> Vec<u8> {
    let asked = CertificateSigningRequestParams::from_der(&request.into()).expect("a request");
    asked.public_key.subject_public_key_info()
}

impl Clerk {
    fn refusing(refusals: impl IntoIterator<Item = Status>) -> Self {
        let answers = Arc::new(Mutex::new(refusals.into_iter().map(Answer::No).collect()));
        Self { answers, ..Self::default() }
    }

    fn joins(&self) -> Vec<Vec<u8>> {
        self.joins.lock().expect("not poisoned").iter().map(|(_, key)| key.clone()).collect()
    }

    /// The pauses between joins.
    fn pauses(&self) -> Vec<Duration> {
        let joins = self.joins.lock().expect("not poisoned");
        joins.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect()
    }

    fn serve(&self) -> Node {
        let (line, calls) = mpsc::channel::<DuplexStream>(4);
        let server = Server::builder()
            .add_service(JoiningServer::new(self.clone()))
            .add_service(AgentIdentityServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(ReceiverStream::new(calls).map(Ok::<_, io::Error>)));
        Node(line)
    }
}

#[tonic::async_trait]
impl Joining for Clerk {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<IssuedIdentity>, Status> {
        let ask = request.into_inner();
        self.joins.lock().expect("not poisoned").push((Instant::now(), key_of(&ask.request)));
        let told = self.answers.lock().expect("not poisoned").pop_front();
        let from = match told {
            Some(Answer::No(refusal)) => return Err(refusal),
            Some(Answer::From(seconds)) => seconds,
            None => -HOUR_S,
        };
        assert_eq!(ask.token, "the token");
        Ok(Response::new(issue(&ask.request, &ask.agent_id, unix_now() + from)))
    }
}

#[tonic::async_trait]
impl AgentIdentity for Clerk {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<IssuedIdentity>, Status> {
        let request = request.into_inner().request;
        self.renewals.lock().expect("not poisoned").push(key_of(&request));
        Ok(Response::new(issue(&request, "m-1", unix_now() - HOUR_S)))
    }
}

/// The way to a clerk, in memory, so that time stands still while it answers.
struct Node(mpsc::Sender<DuplexStream>);

impl Dial for Node {
    fn channel(&self, _: u64) -> Result<Channel, String> {
        let line = self.0.clone();
        let connect = tower::service_fn(move |_: Uri| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let called = line.try_send(theirs).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused));
            async move { called.map(|()| TokioIo::new(ours)) }
        });
        Ok(Endpoint::from_static("http://node").connect_with_connector_lazy(connect))
    }
}

fn ask(folder: &Path) -> Ask {
    let file = folder.join("token");
    std::fs::write(&file, " the token\n").expect("written");
    Ask { agent_id: "m-1".to_owned(), token: TokenSource::File(file) }
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path().join("identity");
    let first = Folder::open(&dir).expect("made");
    let key = first.files().key;
    assert_eq!(std::fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
    let again = Folder::open(&dir).expect("opened");
    let keys = [first, again].map(|folder| key_of(&folder.request().expect("a request")));
    assert_eq!(keys[0], keys[1]);
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").expect("written");
    let damaged = Folder::open(&dir).err().expect("no key").to_string();
    assert!(damaged.starts_with("ARG-1128") && !damaged.contains("c2VjcmV0"), "{damaged}");
}

#[test]
fn only_a_certificate_for_this_key_this_name_and_this_moment_is_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&dir.path().join("a")).expect("made");
    let other = Folder::open(&dir.path().join("b")).expect("made");
    let (ours, theirs) = (folder.request().expect("a request"), other.request().expect("a request"));
    let now = unix_now();
    let install = |issued: &IssuedIdentity| {
        folder.install("m-1", &issued.certificate, &issued.authorities, issued.now_unix_s).map_err(|e| e.to_string())
    };
    for wrong in [issue(&theirs, "m-1", now - HOUR_S), issue(&ours, "m-2", now - HOUR_S)] {
        assert!(install(&wrong).expect_err("not the one asked for").starts_with("ARG-1128"));
    }
    for wrong in [issue(&ours, "m-1", now + HOUR_S), issue(&ours, "m-1", now - 25 * HOUR_S)] {
        assert!(install(&wrong).expect_err("clocks").starts_with("ARG-1127"));
    }
    let right = issue(&ours, "m-1", now - HOUR_S);
    for authorities in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n"] {
        let wrong = IssuedIdentity { authorities: authorities.to_owned(), ..right.clone() };
        assert!(install(&wrong).expect_err("whom to believe").starts_with("ARG-1128"), "{authorities}");
    }
    assert_eq!(folder.certificate("m-1"), None, "none of them was written");
    let term = install(&issue(&ours, "m-1", now - HOUR_S)).expect("right");
    assert_eq!(folder.certificate("m-1"), Some(term));
    assert_eq!(folder.certificate("m-2"), None, "another name is another machine");
}

#[tokio::test(start_paused = true)]
async fn an_agent_asks_again_with_the_same_key_and_after_a_restart_asks_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let clerk =
        Clerk::refusing([Status::unavailable("ARG-0652: nobody leads"), Status::internal("the answer was lost")]);
    let door = clerk.serve();
    let ask = ask(dir.path());
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    let term = obtain(&folder, &ask, &door).await.expect("in the end");
    let joins = clerk.joins();
    assert_eq!(joins.len(), 3);
    assert!(joins.iter().all(|key| *key == joins[0]), "a use is a key");
    let TokenSource::File(token) = &ask.token else { unreachable!("it is a file") };
    std::fs::remove_file(token).expect("there");
    let folder = Folder::open(&dir.path().join("identity")).expect("opened again");
    assert_eq!(obtain(&folder, &ask, &door).await.expect("it lies there"), term);
    assert_eq!(clerk.joins().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_node_has_refused_is_not_asked_again() {
    let dir = tempfile::tempdir().expect("a folder");
    for code in [Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument, Code::AlreadyExists] {
        let clerk = Clerk::refusing([Status::new(code, "ARG-0717: used up")]);
        let folder = Folder::open(&dir.path().join("identity")).expect("made");
        let refused = obtain(&folder, &ask(dir.path()), &clerk.serve()).await.expect_err("refused").to_string();
        assert!(refused.starts_with("ARG-1125") && refused.contains("ARG-0717"), "{refused}");
        assert_eq!(clerk.joins().len(), 1);
    }
}

/// A certificate lies there that begins so many seconds from now, whether or not it holds.
fn lay(folder: &Folder, from: i64) -> Term {
    let issued = issue(&folder.request().expect("a request"), "m-1", unix_now() + from);
    let files = folder.files();
    std::fs::write(files.ca, &issued.authorities).expect("written");
    std::fs::write(files.cert, &issued.certificate).expect("written");
    Term::read(&issued.certificate).expect("a certificate")
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_is_waited_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let clerk = Clerk::default();
    clerk.answers.lock().expect("not poisoned").extend([Answer::From(HOUR_S), Answer::From(-25 * HOUR_S)]);
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    obtain(&folder, &ask(dir.path()), &clerk.serve()).await.expect("in the end");
    assert_eq!(clerk.joins().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_has_not_begun_outlasts_a_refusal_and_the_loss_of_the_token() {
    for has_token in [true, false] {
        let dir = tempfile::tempdir().expect("a folder");
        let clerk = Clerk::refusing([Status::permission_denied("ARG-0716: expired")]);
        let (folder, node) = (Folder::open(&dir.path().join("identity")).expect("made"), clerk.serve());
        let ask = ask(dir.path());
        if !has_token {
            std::fs::remove_file(dir.path().join("token")).expect("there");
        }
        lay(&folder, HOUR_S);
        let clock_is_set = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            lay(&folder, -HOUR_S)
        };
        let (obtained, lying) = tokio::join!(obtain(&folder, &ask, &node), clock_is_set);
        assert_eq!(obtained.expect("it holds now"), lying);
        assert_eq!(clerk.joins().len(), usize::from(has_token));
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_a_token_and_without_a_certificate_says_so_and_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    let (ask, node) = (ask(dir.path()), Clerk::default().serve());
    std::fs::remove_file(dir.path().join("token")).expect("there");
    let ended = obtain(&folder, &ask, &node).await.expect_err("nothing to join with").to_string();
    assert!(ended.starts_with("ARG-1130"), "{ended}");
}

/// Keeps a certificate until there is another one that holds.
async fn keep_until_renewed(folder: &Folder, ask: &Ask, term: Term, node: &Node) {
    let is_fresh = |now: Term| now != term && now.holds(unix_now());
    let renewed = async {
        while !folder.certificate("m-1").is_some_and(is_fresh) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = keep(folder, ask, term.clone(), node, node) => unreachable!("it goes on for ever"),
        () = renewed => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_certificate_is_over_shows_its_token_with_the_same_key_and_ever_less_often() {
    let dir = tempfile::tempdir().expect("a folder");
    let clerk = Clerk::refusing((0..12).map(|_| Status::unavailable("ARG-0652: nobody leads")));
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    keep_until_renewed(&folder, &ask(dir.path()), lay(&folder, -25 * HOUR_S), &clerk.serve()).await;
    let (joins, pauses) = (clerk.joins(), clerk.pauses());
    assert_eq!(joins.len(), 13);
    assert!(joins.iter().all(|key| *key == joins[0]), "a use is a key");
    for (pause, doubled) in pauses.iter().zip([1_u64, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]) {
        let (least, most) = (Duration::from_millis(500 * doubled), Duration::from_millis(1_000 * doubled + 100));
        assert!((least..=most).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_certificate_is_over_and_whose_token_is_refused_asks_every_few_minutes() {
    let dir = tempfile::tempdir().expect("a folder");
    let clerk = Clerk::refusing((0..3).map(|_| Status::permission_denied("ARG-0718: revoked")));
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    keep_until_renewed(&folder, &ask(dir.path()), lay(&folder, -25 * HOUR_S), &clerk.serve()).await;
    let pauses = clerk.pauses();
    let few_minutes = Duration::from_secs(150)..=Duration::from_secs(301);
    assert!(pauses.len() == 3 && pauses.iter().all(|pause| few_minutes.contains(pause)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_renewed_when_a_third_of_it_is_left_and_with_the_same_key() {
    let dir = tempfile::tempdir().expect("a folder");
    let (clerk, ask) = (Clerk::default(), ask(dir.path()));
    let node = clerk.serve();
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    keep_until_renewed(&folder, &ask, lay(&folder, -20 * HOUR_S), &node).await;
    assert_eq!(clerk.joins().len(), 0, "no token is shown for it");
    let renewals = clerk.renewals.lock().expect("not poisoned").clone();
    assert_eq!(renewals, [key_of(&folder.request().expect("a request"))]);
}

#[test]
fn renewal_begins_with_a_third_left_and_agents_spread_over_a_tenth() {
    let term = Term { from_unix_s: 1_000_000 - 300, until_unix_s: 1_090_000, key: Vec::new(), uris: Vec::new() };
    assert_eq!(term.renew_at(0.0), 1_060_000);
    assert_eq!(term.renew_at(1.0), 1_051_000);
    assert_eq!(term.retry_after(1_089_990), Duration::from_secs(1));
    assert_eq!(term.retry_after(1_060_000), Duration::from_secs(300));
    let short = Term { from_unix_s: 700, until_unix_s: 1_012, key: Vec::new(), uris: Vec::new() };
    assert!((1_006..=1_008).contains(&short.renew_at(0.5)), "twelve seconds have a third, too");
}

#[test]
fn a_token_that_is_printed_is_not_shown() {
    let source = TokenSource::Text(Secret::new("argosy-join.1.2"));
    assert_eq!(format!("{source:?}"), "Text(<secret>)");
}
