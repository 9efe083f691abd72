//! Callers without a certificate, over a network in memory and on virtual time: one address of them is not all of them.

mod pki_kit;

use std::io;
use std::net::SocketAddr;

use argosy_server::config::{Connections, HostPort};
use argosy_server::tls::{self, Connect, Connection, Credentials, Incoming, Limits, Listen, Trust};
use futures::StreamExt as _;
use pki_kit::Pki;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

const CROWD: usize = 40;

type Call = (DuplexStream, SocketAddr);

struct Switchboard(mpsc::Receiver<Call>);

impl Listen for Switchboard {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<Call> {
        match self.0.recv().await {
            Some(call) => Ok(call),
            None => std::future::pending().await,
        }
    }
}

/// The way of one address.
#[derive(Clone)]
struct Line(mpsc::Sender<Call>, [u8; 4]);

impl Line {
    async fn call(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.0.send((theirs, (self.1, 7781).into())).await.expect("it listens");
        ours
    }
}

impl Connect for Line {
    type Io = DuplexStream;

    async fn connect(&self, _: &HostPort, _: bool) -> io::Result<DuplexStream> {
        Ok(self.call().await)
    }
}

/// A door, and how to call it.
fn door(pki: &Pki) -> (mpsc::Sender<Call>, Incoming<DuplexStream>) {
    let credentials = Credentials::load(&pki.leaf("node/eu-1")).expect("good files");
    let (line, calls) = mpsc::channel(1);
    let limits = Limits::from(Connections { max_connections: 64, max_handshakes: 32, ..Connections::default() });
    (line, tls::accept_strangers(Switchboard(calls), &credentials, &limits))
}

/// Has a caller at this address do a handshake, and whatever else it likes.
fn come(pki: &Pki, line: Line) {
    let trust = Trust::Authority(pki.authority.certificate_path().to_path_buf());
    let address = HostPort::parse("localhost:7781").expect("an address");
    let channel = tls::to_join(line, &Limits::default(), address, &trust).expect("a good name");
    tokio::spawn(async move {
        let ask = tonic_health::pb::HealthCheckRequest::default();
        let _ = tonic_health::pb::health_client::HealthClient::new(channel).check(ask).await;
    });
}

async fn next(incoming: &mut Incoming<DuplexStream>) -> Connection<DuplexStream> {
    incoming.next().await.expect("it goes on").expect("a connection")
}

#[tokio::test(start_paused = true)]
async fn silent_callers_of_one_address_keep_no_other_waiting() {
    let pki = Pki::new();
    let (line, mut incoming) = door(&pki);
    let (crowd, mut silent) = (Line(line.clone(), [192, 0, 2, 1]), Vec::new());
    let begun = Instant::now();
    for _ in 0..CROWD {
        silent.push(crowd.call().await);
    }
    come(&pki, Line(line, [192, 0, 2, 2]));
    next(&mut incoming).await;
    assert_eq!(begun.elapsed().as_secs(), 0, "it waited for those that say nothing");
}

#[tokio::test(start_paused = true)]
async fn open_connections_of_one_address_leave_room_for_every_other() {
    let pki = Pki::new();
    let (line, mut incoming) = door(&pki);
    for _ in 0..70 {
        come(&pki, Line(line.clone(), [192, 0, 2, 1]));
    }
    let mut open = Vec::new();
    while open.len() < 8 {
        open.push(next(&mut incoming).await);
    }
    come(&pki, Line(line.clone(), [192, 0, 2, 2]));
    open.push(next(&mut incoming).await);
    let from = |connection: &Connection<DuplexStream>| {
        let peer = tonic::transport::server::Connected::connect_info(connection);
        peer.address.expect("an address").ip()
    };
    assert_eq!(from(&open[8]), std::net::IpAddr::from([192, 0, 2, 2]), "the ninth place is another's");
    // A place that is given back can be had again.
    open.clear();
    come(&pki, Line(line, [192, 0, 2, 1]));
    assert_eq!(from(&next(&mut incoming).await), std::net::IpAddr::from([192, 0, 2, 1]));
}
