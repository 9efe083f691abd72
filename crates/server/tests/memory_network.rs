//! The same connections over a network that is not TCP, as a simulation brings one.

mod pki_kit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use argosy_server::authz::{Authorize, TracingAudit};
use argosy_server::config::HostPort;
use argosy_server::tls::{self, Connect, Credentials, Dialer, Limits, Listen, Peer, Security};
use pki_kit::Pki;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

struct Switchboard(mpsc::Receiver<DuplexStream>);

impl Listen for Switchboard {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, ([192, 0, 2, 1], 7780).into())),
            None => std::future::pending().await,
        }
    }
}

#[derive(Clone)]
struct Line(mpsc::Sender<DuplexStream>);

impl Connect for Line {
    type Io = DuplexStream;

    async fn connect(&self, _: &HostPort, _: bool) -> io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.0.send(theirs).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }
}

#[tokio::test]
async fn both_kinds_of_security_run_over_any_network() {
    let pki = Pki::new();
    let mutual = |short| Security::Mutual(Arc::new(Credentials::load(&pki.leaf(short)).expect("good files")));
    for (server, client) in [(Security::Plaintext, Security::Plaintext), (mutual("node/eu-1"), mutual("node/us-1"))] {
        let (line, calls) = mpsc::channel(1);
        let limits = Limits::default();
        let incoming = tls::accept(Switchboard(calls), &server, &limits);
        let (_, health) = tonic_health::server::health_reporter();
        let router = tls::server(&limits).layer(Authorize::new(TracingAudit)).add_service(health);
        tokio::spawn(router.serve_with_incoming(incoming));

        let peer = Peer::node(HostPort::parse("localhost:7780").expect("an address"), "eu-1");
        let channel = Dialer::over(Line(line), client, limits).channel(&peer).expect("a good name");
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.expect("served");
    }
}
