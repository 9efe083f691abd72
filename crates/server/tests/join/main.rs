//! Joining by token over real TLS: whom a token lets in, what the certificate is good for, and what the door for callers without one
//! does not serve.

mod one_way;
#[path = "../pki_kit/mod.rs"]
mod pki_kit;
mod world;

use argosy_proto::argosy::v1::agent_identity_client::AgentIdentityClient;
use argosy_proto::argosy::v1::agent_message::Message;
use argosy_proto::argosy::v1::join_tokens_client::JoinTokensClient;
use argosy_proto::argosy::v1::joining_client::JoiningClient;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{
    AdmitAgentRequest, AgentHello, AgentMessage, CreateTokenRequest, JoinRequest, ListTokensRequest, RenewRequest,
    RevokeTokenRequest,
};
use argosy_server::tls::Trust;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use world::{Machine, World, within};

/// Every message in the chain of a failed call's causes.
fn causes(status: &Status) -> String {
    let mut said = status.to_string();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: &str) {
    let status = answer.expect_err(code);
    assert!(status.message().starts_with(code), "{code}: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_a_token_becomes_that_agent_and_nothing_else() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 2, 600).await;
    let machine = Machine::new("m-1");
    // The second node has no replica of the book: it asks the first.
    let issued = world.join(1, &machine, &token.reveal()).await.expect("let in");
    let files = world.files(&machine, &issued);
    assert_eq!(std::fs::read(&files.ca).ok(), std::fs::read(world.pki.authority.certificate_path()).ok());

    for at in [0, 1] {
        let channel = world.channel(at, &files);
        HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.expect("a peer with an identity");
        let request = RenewRequest { request: machine.request().into() };
        let renewed = AgentIdentityClient::new(channel.clone()).renew(request).await.expect("renewed").into_inner();
        assert_ne!(renewed.certificate, issued.certificate);
        refused(JoinTokensClient::new(channel.clone()).list_tokens(ListTokensRequest {}).await, "ARG-0705");
        // A stream in another agent's name.
        let hello = AgentHello { agent_id: "m-2".to_owned(), journal: "j".to_owned(), ..AgentHello::default() };
        let hello = tokio_stream::iter([AgentMessage { message: Some(Message::Hello(hello)) }]);
        let mut stream = NodeAgentsClient::new(channel).attach(hello).await.expect("opened").into_inner();
        refused(stream.message().await, "ARG-0711");
    }
    let row = world.row(&admin, &token).await;
    assert_eq!((row.used, row.state.as_str(), row.creator.as_str()), (1, "open", "admin via node/n2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_agents_authority_serves_nobody() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let machine = Machine::new("m-1");
    let token = world.token(&admin, "m-1", 1, 600).await;
    let issued = world.join(0, &machine, &token.reveal()).await.expect("let in");
    let files = world.files(&machine, &issued);
    let security = argosy_server::tls::Security::Mutual(std::sync::Arc::new(
        argosy_server::tls::Credentials::load(&files).expect("the files are good"),
    ));
    let listener = argosy_server::tls::listen("127.0.0.1:0".parse().expect("an address"), &security).await;
    let listener = listener.expect("a free port");
    let address = argosy_server::config::HostPort::from(listener.local_addr().expect("bound"));
    let limits = argosy_server::tls::Limits::default();
    let incoming = argosy_server::tls::accept(listener, &security, &limits);
    let (_, health) = tonic_health::server::health_reporter();
    tokio::spawn(argosy_server::tls::server(&limits).add_service(health).serve_with_incoming(incoming));
    let trust = Trust::Authority(world.pki.authority.certificate_path().to_path_buf());
    let channel = argosy_server::tls::to_join(argosy_server::tls::Tcp, &limits, address, &trust).expect("a good name");
    let status = HealthClient::new(channel).check(HealthCheckRequest::default()).await.expect_err("it is no server");
    assert!(causes(&status).contains("invalid peer certificate"), "{}", causes(&status));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_counted_once_even_when_the_answer_was_lost_and_the_node_restarts() {
    let mut world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 2, 600).await;
    let machine = Machine::new("m-1");
    let unheard = world.join_unheard(0, &machine, &token.reveal());
    let counted = async { while world.row(&admin, &token).await.used == 0 {} };
    within("the use is counted", counted).await;
    assert!(!unheard.is_finished(), "the answer did not arrive");
    unheard.abort();
    world.restart().await;
    let again = async {
        loop {
            match world.join(0, &machine, &token.reveal()).await {
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                joined => return joined,
            }
        }
    };
    within("the coordinator has a leader again", again).await.expect("the same key again, after a restart");
    world.join(1, &machine, &token.reveal()).await.expect("and once more, at another door");
    refused(world.join(0, &Machine::new("m-1"), &token.reveal()).await, "ARG-0720");
    assert_eq!(world.row(&admin, &token).await.used, 1);
    world.join(1, &Machine::new("m-2"), &token.reveal()).await.expect("the second use");
    refused(world.join(0, &Machine::new("m-3"), &token.reveal()).await, "ARG-0717");
    assert_eq!(world.row(&admin, &token).await.state, "used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_asks_again_writes_nothing_into_the_log() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 2, 600).await;
    let machine = Machine::new("m-1");
    world.join(0, &machine, &token.reveal()).await.expect("let in");
    let revision = world.revision(&admin).await;
    for at in [0, 1] {
        world.join(at, &machine, &token.reveal()).await.expect("the same use");
    }
    assert_eq!(world.revision(&admin).await, revision);
    world.join(0, &Machine::new("m-2"), &token.reveal()).await.expect("another use");
    assert_eq!(world.revision(&admin).await, revision + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_id_of_a_token_is_neither_proposed_nor_repeated() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 2, 600).await;
    let (revision, whole) = (world.revision(&admin).await, token.reveal());
    let secret = whole.rsplit('.').next().expect("three parts");
    let unsaid = |answer: Result<(), Status>| {
        let status = answer.expect_err("no id");
        assert!(status.message().starts_with("ARG-0728") && !status.message().contains(secret), "{status}");
    };
    for at in [0, 1] {
        let ask = RevokeTokenRequest { id: whole.clone(), reason: "leaked".to_owned() };
        unsaid(world.tokens(at, &admin).revoke_token(ask).await.map(drop));
        let hash = token.secret_hash().to_vec();
        let ask = CreateTokenRequest {
            id: whole.clone(),
            secret_hash: hash.clone().into(),
            agents: "*".to_owned(),
            uses: 1,
            lifetime_s: 60,
            reason: "test".to_owned(),
            rejoin: false,
        };
        unsaid(world.tokens(at, &admin).create_token(ask).await.map(drop));
        let ask = AdmitAgentRequest {
            token_id: whole.clone(),
            secret_hash: hash.clone().into(),
            agent: "m-1".to_owned(),
            key: hash.into(),
        };
        unsaid(world.tokens(at, &world.node(0)).admit_agent(ask).await.map(drop));
    }
    assert_eq!(world.revision(&admin).await, revision, "nothing of it is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_revoked_expired_or_for_others_lets_nobody_in() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 9, 600).await;
    let (machine, short) = (Machine::new("m-1"), world.token(&admin, "*", 9, 1).await);
    let mut wrong = token.reveal();
    wrong.replace_range(wrong.len() - 1.., if wrong.ends_with('0') { "1" } else { "0" });
    refused(world.join(0, &machine, &wrong).await, "ARG-0715");
    refused(world.join(0, &machine, "argosy-join.x").await, "ARG-0715");
    refused(world.join(1, &Machine::new("n-1"), &token.reveal()).await, "ARG-0719");
    world.join(1, &machine, &token.reveal()).await.expect("open");
    let row = world.revoke(&admin, &token).await;
    assert_eq!((row.state.as_str(), row.revoked_by.as_str()), ("revoked", "admin via node/n2"));
    refused(world.join(1, &Machine::new("m-2"), &token.reveal()).await, "ARG-0718");
    let over = async { while world.row(&admin, &short).await.state != "expired" {} };
    within("the token has expired", over).await;
    refused(world.join(0, &machine, &short.reveal()).await, "ARG-0716");
    let unknown = RevokeTokenRequest { id: "0".repeat(20), reason: "x".to_owned() };
    refused(world.tokens(0, &admin).revoke_token(unknown).await, "ARG-0727");
    let silent = RevokeTokenRequest { id: token.id().to_owned(), reason: " ".to_owned() };
    refused(world.tokens(0, &admin).revoke_token(silent).await, "ARG-0657");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_serves_joins_and_nothing_else() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 9, 600).await;
    let door = world.door(0, &world.fingerprint());
    let others = [
        JoinTokensClient::new(door.clone()).list_tokens(ListTokensRequest {}).await.map(drop),
        AgentIdentityClient::new(door.clone()).renew(RenewRequest::default()).await.map(drop),
        HealthClient::new(door.clone()).check(HealthCheckRequest::default()).await.map(drop),
    ];
    for answer in others {
        assert_eq!(answer.expect_err("not served").code(), Code::Unimplemented);
    }
    let huge = JoinRequest { token: "x".repeat(20_000), ..JoinRequest::default() };
    assert_eq!(JoiningClient::new(door).join(huge).await.expect_err("too large").code(), Code::OutOfRange);
    // Nor does the ordinary listener serve joins, whoever asks.
    let ask = JoinRequest {
        token: token.reveal(),
        agent_id: "m-1".to_owned(),
        request: Machine::new("m-1").request().into(),
    };
    refused(JoiningClient::new(world.channel(0, &admin)).join(ask).await, "ARG-0705");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_shows_its_token_to_nobody_but_the_installation_it_was_told_of() {
    let (world, other) = (World::start().await, World::start().await);
    let ask = || JoinRequest { token: "argosy-join.x".to_owned(), ..JoinRequest::default() };
    let elsewhere = other.fingerprint();
    let status = JoiningClient::new(world.door(0, &elsewhere)).join(ask()).await.expect_err("another authority");
    assert!(causes(&status).contains("ARG-1124"), "{}", causes(&status));
    let file = Trust::Authority(other.pki.authority.certificate_path().to_path_buf());
    let status = JoiningClient::new(world.door(0, &file)).join(ask()).await.expect_err("another authority");
    assert!(causes(&status).contains("invalid peer certificate"), "{}", causes(&status));
    let ours = Trust::Authority(world.pki.authority.certificate_path().to_path_buf());
    refused(JoiningClient::new(world.door(0, &ours)).join(ask()).await, "ARG-0715");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_refused_too_often_is_not_looked_at_for_a_while() {
    let world = World::start().await;
    let admin = world.pki.leaf("admin");
    let token = world.token(&admin, "m-*", 9, 600).await;
    let machine = Machine::new("m-1");
    for _ in 0..12 {
        refused(world.join(0, &machine, "argosy-join.x").await, "ARG-0715");
    }
    refused(world.join(0, &machine, "argosy-join.x").await, "ARG-0723");
    refused(world.join(0, &machine, &token.reveal()).await, "ARG-0723");
    world.join(1, &machine, &token.reveal()).await.expect("each node counts for itself");
}
