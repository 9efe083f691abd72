//! That a key is made once and kept, that only a fitting certificate is taken, and that a use is asked for with one key.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argosy_proto::argosy::v1::agent_identity_server::{AgentIdentity, AgentIdentityServer};
use argosy_proto::argosy::v1::joining_server::{Joining, JoiningServer};
use argosy_proto::argosy::v1::{IssuedIdentity, JoinRequest, RenewRequest};
use rcgen::{CertificateParams, CertificateSigningRequestParams, Issuer, KeyPair, PublicKeyData as _, SanType};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
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
    IssuedIdentity { certificate, authorities: "the authority".to_owned(), now_unix_s: from }
}

/// A node that answers as it is told, and keeps the keys it was asked for.
#[derive(Clone, Default)]
struct Clerk {
    refusals: Arc<Mutex<VecDeque<Status>>>,
    joins: Arc<Mutex<Vec<Vec<u8>>>>,
    renewals: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn key_of(request: &[u8]) -> Vec<u8> {
    let asked = CertificateSigningRequestParams::from_der(&request.into()).expect("a request");
    asked.public_key.subject_public_key_info()
}

impl Clerk {
    fn refusing(refusals: impl IntoIterator<Item = Status>) -> Self {
        Self { refusals: Arc::new(Mutex::new(refusals.into_iter().collect())), ..Self::default() }
    }

    fn joins(&self) -> Vec<Vec<u8>> {
        self.joins.lock().expect("not poisoned").clone()
    }

    async fn serve(&self) -> Node {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Server::builder()
            .add_service(JoiningServer::new(self.clone()))
            .add_service(AgentIdentityServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Node(address)
    }
}

#[tonic::async_trait]
impl Joining for Clerk {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<IssuedIdentity>, Status> {
        let ask = request.into_inner();
        self.joins.lock().expect("not poisoned").push(key_of(&ask.request));
        if let Some(refusal) = self.refusals.lock().expect("not poisoned").pop_front() {
            return Err(refusal);
        }
        assert_eq!(ask.token, "the token");
        Ok(Response::new(issue(&ask.request, &ask.agent_id, unix_now() - HOUR_S)))
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

struct Node(String);

impl Dial for Node {
    fn channel(&self, _: u64) -> Result<Channel, String> {
        Ok(Endpoint::from_shared(self.0.clone()).expect("an address").connect_lazy())
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
    assert_eq!(folder.certificate("m-1"), None, "none of them was written");
    let term = install(&issue(&ours, "m-1", now - HOUR_S)).expect("right");
    assert_eq!(folder.certificate("m-1"), Some(term));
    assert_eq!(folder.certificate("m-2"), None, "another name is another machine");
}

#[tokio::test]
async fn an_agent_asks_again_with_the_same_key_and_after_a_restart_asks_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let clerk =
        Clerk::refusing([Status::unavailable("ARG-0652: nobody leads"), Status::internal("the answer was lost")]);
    let door = clerk.serve().await;
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

#[tokio::test]
async fn what_a_node_has_refused_is_not_asked_again() {
    let dir = tempfile::tempdir().expect("a folder");
    for code in [Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument, Code::AlreadyExists] {
        let clerk = Clerk::refusing([Status::new(code, "ARG-0717: used up")]);
        let folder = Folder::open(&dir.path().join("identity")).expect("made");
        let refused = obtain(&folder, &ask(dir.path()), &clerk.serve().await).await.expect_err("refused").to_string();
        assert!(refused.starts_with("ARG-1125") && refused.contains("ARG-0717"), "{refused}");
        assert_eq!(clerk.joins().len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_when_a_third_of_it_is_left_and_with_the_same_key() {
    let dir = tempfile::tempdir().expect("a folder");
    let (clerk, ask) = (Clerk::default(), ask(dir.path()));
    let node = clerk.serve().await;
    let folder = Folder::open(&dir.path().join("identity")).expect("made");
    let old = issue(&folder.request().expect("a request"), "m-1", unix_now() - 20 * HOUR_S);
    let term = folder.install("m-1", &old.certificate, &old.authorities, old.now_unix_s).expect("it holds");
    let renewed = async {
        while folder.certificate("m-1").is_none_or(|now| now == term) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = keep(&folder, &ask, term.clone(), &node, &node) => unreachable!("it goes on for ever"),
        () = renewed => {}
    }
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
