//! Mutual TLS over loopback: who gets in, who is told why not, and that a slow or silent caller delays nobody.

mod pki_kit;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use argosy_server::authz::{Authorize, TracingAudit};
use argosy_server::config::{self, Connections, HostPort, TlsFiles};
use argosy_server::tls::{self, Credentials, Dialer, Limits, Peer, Security, TlsError};
use pki_kit::{Pki, expired};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

fn mutual(files: &TlsFiles) -> Security {
    Security::Mutual(Arc::new(Credentials::load(files).expect("the files are good")))
}

/// Serves gRPC health behind the gate until the test ends.
async fn serve(security: &Security, connections: Connections) -> HostPort {
    let listener = tls::listen("127.0.0.1:0".parse().expect("an address"), security).await.expect("a free port");
    let address = HostPort::from(listener.local_addr().expect("bound"));
    let limits = Limits::from(connections);
    let incoming = tls::accept(listener, security, &limits);
    let (_, health) = tonic_health::server::health_reporter();
    let server = tls::server(&limits).layer(Authorize::new(TracingAudit)).add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

fn channel(security: Security, peer: &Peer) -> Channel {
    Dialer::new(security, Limits::default()).channel(peer).expect("a good name")
}

async fn check(channel: Channel) -> Result<(), Status> {
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(|_| ())
}

/// Calls a method that the table gives to some roles and that nobody serves here: past the gate it is unimplemented.
async fn call(channel: Channel, path: &'static str) -> Code {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("connected");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    grpc.unary(tonic::Request::new(()), path, codec).await.expect_err("nobody serves it").code()
}

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

fn node(address: &HostPort) -> Peer {
    Peer::node(address.clone(), "eu-1")
}

#[tokio::test]
async fn a_caller_gets_what_its_role_may_and_nothing_else() {
    const REPORT: &str = "/bigfleet.v1alpha1.Coordinator/ReportShard";
    let pki = Pki::new();
    let address = serve(&mutual(&pki.leaf("node/eu-1")), Connections::default()).await;
    for (short, code) in
        [("shard/s0", Code::Unimplemented), ("admin", Code::PermissionDenied), ("agent/a", Code::PermissionDenied)]
    {
        let channel = channel(mutual(&pki.leaf(short)), &node(&address));
        check(channel.clone()).await.expect("health is open to every peer");
        assert_eq!(call(channel.clone(), REPORT).await, code, "{short}");
        assert_eq!(call(channel, "/argosy.v1.Nowhere/Nothing").await, Code::PermissionDenied, "{short}");
    }
}

#[tokio::test]
async fn a_certificate_without_exactly_one_identity_is_told_so() {
    let pki = Pki::new();
    let address = serve(&mutual(&pki.leaf("node/eu-1")), Connections::default()).await;
    let cases: [(&str, &[&str]); 3] = [
        ("none", &[]),
        ("several", &["bigfleet://readonly", "bigfleet://admin"]),
        ("foreign", &["spiffe://example.org/admin"]),
    ];
    for (stem, uris) in cases {
        let files = pki.leaf_with_uris(stem, uris);
        let refused = check(channel(mutual(&files), &node(&address))).await.expect_err(stem);
        assert_eq!(refused.code(), Code::PermissionDenied, "{stem}");
        assert!(refused.message().starts_with("ARG-0704"), "{stem}: {}", refused.message());
    }
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_refused_by_either_side() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    let address = serve(&mutual(&ours.leaf("node/eu-1")), Connections::default()).await;

    let mut stranger = theirs.leaf("admin");
    stranger.ca = ours.authority.certificate_path().to_path_buf();
    let refused = check(channel(mutual(&stranger), &node(&address))).await.expect_err("the server refuses");
    assert!(causes(&refused).contains("received fatal alert"), "{}", causes(&refused));

    let mut trusting_others = ours.leaf("admin");
    trusting_others.ca = theirs.authority.certificate_path().to_path_buf();
    let refused = check(channel(mutual(&trusting_others), &node(&address))).await.expect_err("the client refuses");
    assert!(causes(&refused).contains("invalid peer certificate"), "{}", causes(&refused));
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_either_side() {
    let pki = Pki::new();
    let mut request = Pki::request("admin");
    request.validity = expired();
    let expired_admin = pki.leaf_of(&request);
    let address = serve(&mutual(&pki.leaf("node/eu-1")), Connections::default()).await;
    let refused = check(channel(mutual(&expired_admin), &node(&address))).await.expect_err("the server refuses");
    assert!(causes(&refused).contains("received fatal alert"), "{}", causes(&refused));

    let mut request = Pki::request("node/us-1");
    request.validity = expired();
    let address = serve(&mutual(&pki.leaf_of(&request)), Connections::default()).await;
    let peer = Peer::node(address, "us-1");
    let refused = check(channel(mutual(&pki.leaf("readonly")), &peer)).await.expect_err("the client refuses");
    assert!(causes(&refused).contains("certificate expired"), "{}", causes(&refused));
}

#[tokio::test]
async fn a_server_with_another_identity_than_expected_is_not_spoken_to() {
    let pki = Pki::new();
    let server = |short: &'static str| {
        let security = mutual(&pki.leaf(short));
        async move { serve(&security, Connections::default()).await }
    };
    let (eu, agent, sim) = (server("node/eu-1").await, server("agent/m-1").await, server("provider/sim").await);
    let us = mutual(&pki.leaf("node/us-1"));
    let reaches = |peer: Peer| check(channel(us.clone(), &peer));

    reaches(Peer::node(eu.clone(), "eu-1")).await.expect("the node that was meant");
    reaches(Peer::any_node(eu.clone())).await.expect("a node");
    reaches(Peer::provider(sim.clone(), "sim")).await.expect("the provider that was meant");
    for wrong in
        [Peer::node(eu.clone(), "us-2"), Peer::any_node(agent), Peer::provider(eu, "sim"), Peer::provider(sim, "other")]
    {
        let refused = reaches(wrong.clone()).await.expect_err("another identity");
        assert!(causes(&refused).contains("ARG-0706"), "{wrong:?}: {}", causes(&refused));
    }
}

#[tokio::test]
async fn a_server_whose_certificate_is_for_another_host_is_not_spoken_to() {
    let pki = Pki::new();
    let mut request = Pki::request("node/eu-1");
    (request.dns, request.ips) = (vec!["eu-1.example".to_owned()], vec![]);
    let address = serve(&mutual(&pki.leaf_of(&request)), Connections::default()).await;
    let us = mutual(&pki.leaf("node/us-1"));
    let refused = check(channel(us.clone(), &node(&address))).await.expect_err("not valid for 127.0.0.1");
    assert!(causes(&refused).contains("not valid for name"), "{}", causes(&refused));
    let named = node(&address).with_server_name(Some("eu-1.example".to_owned()));
    check(channel(us, &named)).await.expect("valid for the name that was configured");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_from_the_next_handshake_and_an_incoherent_pair_never_is() {
    let pki = Pki::new();
    let files = pki.leaf("node/eu-1");
    let address = serve(&mutual(&files), Connections::default()).await;
    let us = mutual(&pki.leaf("node/us-1"));
    // A channel of its own for each question: a handshake is what is asked about.
    let reaches = |id: &str| check(channel(us.clone(), &Peer::node(address.clone(), id)));
    reaches("eu-1").await.expect("as issued");

    let other = pki.leaf("node/eu-2");
    fs::copy(&other.cert, &files.cert).expect("only the certificate has arrived yet");
    reaches("eu-1").await.expect("the last coherent pair stays in use");
    fs::copy(&other.key, &files.key).expect("now the key as well");
    reaches("eu-2").await.expect("the new pair is in use");
    reaches("eu-1").await.expect_err("the old one is not");
    fs::remove_file(&files.key).expect("removable");
    reaches("eu-2").await.expect("files that are away change nothing");
}

#[tokio::test]
async fn a_caller_without_a_certificate_or_with_old_tls_is_refused() {
    let pki = Pki::new();
    let address = serve(&mutual(&pki.leaf("node/eu-1")), Connections::default()).await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = fs::read(pki.authority.certificate_path()).expect("readable");
    let ca = rustls::pki_types::pem::PemObject::from_pem_slice(&ca).expect("a certificate");
    roots.add(ca).expect("an authority");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(&[version])
                .expect("ring speaks both")
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let tcp = TcpStream::connect((address.host(), address.port())).await.expect("listening");
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        // In TLS 1.3 a client is done before the server has judged it; then the first read tells.
        let heard = match connector.connect(name, tcp).await {
            Err(_) => continue,
            Ok(mut stream) => {
                let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
                stream.read(&mut [0; 64]).await
            }
        };
        assert!(heard.is_err(), "{version:?}: the server went on: {heard:?}");
    }
}

/// Two callers that began and will not go on: one silent, one in the middle of its first message.
async fn dawdlers(address: &HostPort) -> [TcpStream; 2] {
    let connect = || TcpStream::connect((address.host().to_owned(), address.port()));
    let silent = connect().await.expect("listening");
    let mut slow = connect().await.expect("listening");
    slow.write_all(&[0x16, 0x03, 0x01]).await.expect("the beginning of a handshake");
    [silent, slow]
}

#[tokio::test]
async fn callers_that_dawdle_delay_nobody() {
    let pki = Pki::new();
    // Nobody is dropped while this test runs, so whoever waited for the dawdlers would run into its own deadline.
    let connections = Connections { handshake_timeout: std::time::Duration::from_secs(600), ..Connections::default() };
    let address = serve(&mutual(&pki.leaf("node/eu-1")), connections).await;
    let _dawdlers = dawdlers(&address).await;
    check(channel(mutual(&pki.leaf("readonly")), &node(&address))).await.expect("served while the others dawdle");
}

#[tokio::test]
async fn callers_that_dawdle_are_dropped() {
    let pki = Pki::new();
    let connections = Connections { handshake_timeout: std::time::Duration::from_millis(10), ..Connections::default() };
    let address = serve(&mutual(&pki.leaf("node/eu-1")), connections).await;
    for mut caller in dawdlers(&address).await {
        // Closed, or reset because what it had sent was never read; either way it is told.
        assert!(!matches!(caller.read(&mut [0; 8]).await, Ok(1..)), "the server had nothing to say");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_dropped_and_make_room_when_they_close() {
    let pki = Pki::new();
    let connections = Connections { max_connections: 1, ..Connections::default() };
    let address = serve(&mutual(&pki.leaf("node/eu-1")), connections).await;
    let us = mutual(&pki.leaf("readonly"));
    let first = channel(us.clone(), &node(&address));
    check(first.clone()).await.expect("the one place is free");
    check(channel(us.clone(), &node(&address))).await.expect_err("the one place is taken");
    drop(first);
    // The server learns of the close when it reads it; until then it goes on refusing.
    while check(channel(us.clone(), &node(&address))).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn plaintext_has_every_role_and_still_no_unknown_method() {
    let address = serve(&Security::Plaintext, Connections::default()).await;
    let channel = channel(Security::Plaintext, &node(&address));
    check(channel.clone()).await.expect("health");
    assert_eq!(call(channel.clone(), "/bigfleet.v1alpha1.Coordinator/ReportShard").await, Code::Unimplemented);
    assert_eq!(call(channel, "/argosy.v1.Nowhere/Nothing").await, Code::PermissionDenied);
}

#[tokio::test]
async fn plaintext_stays_on_loopback() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    let refused = tls::listen(everywhere, &Security::Plaintext).await.expect_err("not loopback");
    assert!(matches!(refused, TlsError::PlaintextAbroad(_)));
}

#[tokio::test]
async fn tls_and_plaintext_do_not_understand_each_other() {
    let pki = Pki::new();
    let secured = serve(&mutual(&pki.leaf("node/eu-1")), Connections::default()).await;
    check(channel(Security::Plaintext, &node(&secured))).await.expect_err("plaintext to a TLS server");
    let open = serve(&Security::Plaintext, Connections::default()).await;
    check(channel(mutual(&pki.leaf("admin")), &node(&open))).await.expect_err("TLS to a plaintext server");
}

#[test]
fn credentials_are_refused_when_their_files_do_not_belong_together() {
    let pki = Pki::new();
    let (eu, us) = (pki.leaf("node/eu-1"), pki.leaf("node/us-1"));
    let mixed = TlsFiles { cert: eu.cert, key: us.key, ca: eu.ca };
    let refused = Credentials::load(&mixed).expect_err("another's key").to_string();
    assert!(refused.starts_with("ARG-0703"), "{refused}");
}

#[test]
fn a_node_does_not_start_with_the_certificate_of_another() {
    let pki = Pki::new();
    let (eu, us) = (pki.leaf("node/eu-1"), pki.leaf("node/us-1"));
    let text = |files: &TlsFiles| {
        format!(
            "fleet = 'demo'\n[node]\nid = 'eu-1'\nnumber = 1\nregion = 'eu'\nzone = 'a'\ndata_dir = 'd'\nlisten = '127.0.0.1:1'\n\
             [tls]\ncert = {:?}\nkey = {:?}\nca = {:?}\n\
             [placement]\ncoordinator_voters = ['eu-1']\n[[placement.shards]]\nid = 's0'\nnumber = 1\nhome_region = 'eu'\nvoters = ['eu-1']\n",
            files.cert, files.key, files.ca
        )
    };
    let config = |files| {
        let loaded = config::load_with(std::path::Path::new("eu-1.toml"), &|_| Ok(text(files).into_bytes()));
        loaded.unwrap_or_else(|report| panic!("{report}")).config
    };
    Security::for_node(&config(&eu)).expect("its own");
    let refused = Security::for_node(&config(&us)).expect_err("another's").to_string();
    assert!(refused.starts_with("ARG-0714"), "{refused}");
}
