//! Two nodes under real TLS, one of which keeps the coordinator's log, and machines that come to either door.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::join_tokens_client::JoinTokensClient;
use argosy_proto::argosy::v1::joining_client::JoiningClient;
use argosy_proto::argosy::v1::{
    CreateTokenRequest, IssuedIdentity, JoinRequest, JoinTokenRow, ListTokensRequest, RevokeTokenRequest,
};
use argosy_raft::NodeId;
use argosy_server::config::{self, Config, HostPort, TlsFiles};
use argosy_server::join::{JoinToken, fresh_token};
use argosy_server::node::{Node, Setup};
use argosy_server::pki::{AgentsAuthority, CertificateFacts};
use argosy_server::tls::{self, Credentials, Dialer, Limits, Peer, Security, Tcp, Trust};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Drive, Identity, InstanceId, Store};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::one_way::OneWay;
use crate::pki_kit::Pki;

/// No condition takes so long unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// The installation: `n1` keeps the coordinator's log, `n2` has none of it and asks `n1`.
pub(crate) struct World {
    pub(crate) pki: Pki,
    ports: [u16; 2],
    disks: [SimDisk; 2],
    nodes: [Option<Node>; 2],
    doors: [HostPort; 2],
}

/// A machine that wants to be an agent.
pub(crate) struct Machine {
    key: KeyPair,
    pub(crate) name: &'static str,
}

impl Machine {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { key: KeyPair::generate().expect("a key"), name }
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        CertificateParams::default().serialize_request(&self.key).expect("a request").der().to_vec()
    }
}

async fn bound() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

impl World {
    pub(crate) async fn start() -> Self {
        let pki = Pki::new();
        AgentsAuthority::create(pki.path(), "test").expect("a fresh directory takes one");
        pki.leaf("node/n1");
        pki.leaf("node/n2");
        let ((first, one), (second, two)) = (bound().await, bound().await);
        let doors =
            [HostPort::from(first.local_addr().expect("bound")), HostPort::from(second.local_addr().expect("bound"))];
        let mut world =
            Self { pki, ports: [one, two], disks: [SimDisk::new(1), SimDisk::new(2)], nodes: [None, None], doors };
        world.start_node(0, first).await;
        world.start_node(1, second).await;
        world
    }

    async fn start_node(&mut self, at: usize, listener: TcpListener) {
        let config = self.config(at);
        let identity = Identity {
            cluster: "test".parse().expect("a cluster id"),
            node: NodeId(at as u64 + 1),
            instance: InstanceId::random(),
        };
        let store = Store::open(self.disks[at].handle(), identity, Admission::Bootstrap, Drive::Thread);
        let store = store.expect("the disk is sound");
        let security = Security::for_node(&config).expect("its own certificate");
        let Security::Mutual(credentials) = security.clone() else { unreachable!("the configuration has TLS") };
        let dialer = Dialer::new(security.clone(), Limits::from(config.connections.clone()));
        let setup = Setup { config, store, listener, dialer, security };
        let node = Node::start(setup).await.expect("the node starts");
        let (door, port) = bound().await;
        self.doors[at] = HostPort::parse(&format!("127.0.0.1:{port}")).expect("an address");
        node.open_door(door, credentials);
        self.nodes[at] = Some(node);
    }

    /// Stops the node that keeps the coordinator's log, and starts it again from its disk.
    pub(crate) async fn restart(&mut self) {
        self.nodes[0].take().expect("it runs").shutdown().await;
        let address = ("127.0.0.1", self.ports[0]);
        let again = async {
            loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let listener = within("the port of its last life is free", again).await;
        self.start_node(0, listener).await;
    }

    fn config(&self, at: usize) -> Config {
        let ([me, other], dir) = ([at, 1 - at], self.pki.path().display().to_string());
        let (name, peer) = (format!("n{}", me + 1), format!("n{}", other + 1));
        let (number, peer_number, port, peer_port) = (me + 1, other + 1, self.ports[me], self.ports[other]);
        let text = format!(
            r#"
fleet = "test"
[node]
id = "{name}"
number = {number}
region = "eu"
zone = "eu-a"
data_dir = "data"
listen = "127.0.0.1:{port}"
[tls]
cert = "{dir}/node-{name}.crt"
key = "{dir}/node-{name}.key"
ca = "{dir}/ca.crt"
[join]
authority = "{dir}/agents-ca.crt"
authority_key = "{dir}/agents-ca.key"
certificate_lifetime = "1h"
max_refusals_a_minute = 12
[metrics]
enabled = false
[[peers]]
id = "{peer}"
number = {peer_number}
region = "eu"
zone = "eu-a"
address = "127.0.0.1:{peer_port}"
[placement]
coordinator_voters = ["n1"]
[[placement.shards]]
id = "s1"
number = 1
home_region = "eu"
voters = ["n1"]
"#
        );
        let loaded = config::load_with(Path::new("node.toml"), &|_| Ok(text.clone().into_bytes()));
        loaded.unwrap_or_else(|report| panic!("{report}")).config
    }

    /// A channel to the ordinary listener of a node.
    pub(crate) fn channel(&self, at: usize, files: &TlsFiles) -> Channel {
        let security = Security::Mutual(Arc::new(Credentials::load(files).expect("the files are good")));
        let peer = Peer::any_node(HostPort::parse(&format!("127.0.0.1:{}", self.ports[at])).expect("an address"));
        Dialer::new(security, Limits::default()).channel(&peer).expect("a good name")
    }

    /// A channel without a certificate to the door of a node.
    pub(crate) fn door(&self, at: usize, trust: &Trust) -> Channel {
        tls::to_join(Tcp, &Limits::default(), self.doors[at].clone(), trust).expect("a good name")
    }

    /// What `argosy token create` says beside the token.
    pub(crate) fn fingerprint(&self) -> Trust {
        let facts = CertificateFacts::read(self.pki.authority.certificate_path()).expect("readable");
        Trust::fingerprint(&facts[0].fingerprint).expect("a fingerprint")
    }

    pub(crate) fn tokens(&self, at: usize, admin: &TlsFiles) -> JoinTokensClient<Channel> {
        JoinTokensClient::new(self.channel(at, admin))
    }

    /// A token for these agents, made at the node that has to ask the other; waits until there is a leader.
    pub(crate) async fn token(&self, admin: &TlsFiles, agents: &str, uses: u64, lifetime_s: u64) -> JoinToken {
        let token = fresh_token().expect("the system has randomness");
        let ask = CreateTokenRequest {
            id: token.id().to_owned(),
            secret_hash: token.secret_hash().to_vec().into(),
            agents: agents.to_owned(),
            uses,
            lifetime_s,
            reason: "test".to_owned(),
            rejoin: false,
        };
        let mut client = self.tokens(1, admin);
        let made = async {
            loop {
                match client.create_token(ask.clone()).await {
                    Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                    made => return made.expect("made"),
                }
            }
        };
        within("the coordinator has a leader", made).await;
        token
    }

    pub(crate) async fn row(&self, admin: &TlsFiles, token: &JoinToken) -> JoinTokenRow {
        let listed = self.tokens(1, admin).list_tokens(ListTokensRequest {}).await.expect("answered").into_inner();
        listed.tokens.into_iter().find(|row| row.id == token.id()).expect("in the book")
    }

    /// The index of the last entry that changed the book, or anything else of the directory.
    pub(crate) async fn revision(&self, admin: &TlsFiles) -> u64 {
        self.tokens(1, admin).list_tokens(ListTokensRequest {}).await.expect("answered").into_inner().revision
    }

    /// The certificate of a node itself.
    pub(crate) fn node(&self, at: usize) -> TlsFiles {
        let path = |end: &str| self.pki.path().join(format!("node-n{}.{end}", at + 1));
        TlsFiles { cert: path("crt"), key: path("key"), ca: self.pki.authority.certificate_path().to_path_buf() }
    }

    pub(crate) async fn revoke(&self, admin: &TlsFiles, token: &JoinToken) -> JoinTokenRow {
        let ask = RevokeTokenRequest { id: token.id().to_owned(), reason: "leaked".to_owned() };
        self.tokens(1, admin).revoke_token(ask).await.expect("revoked").into_inner()
    }

    /// A machine shows a token at a door.
    pub(crate) async fn join(&self, at: usize, machine: &Machine, token: &str) -> Result<IssuedIdentity, Status> {
        let (agent_id, request) = (machine.name.to_owned(), machine.request().into());
        let ask = JoinRequest { token: token.to_owned(), agent_id, request };
        let joined = JoiningClient::new(self.door(at, &self.fingerprint())).join(ask).await;
        joined.map(|issued| issued.into_inner())
    }

    /// A machine shows a token at a door, and no answer ever reaches it.
    pub(crate) fn join_unheard(&self, at: usize, machine: &Machine, token: &str) -> JoinHandle<()> {
        let (agent_id, request) = (machine.name.to_owned(), machine.request().into());
        let ask = JoinRequest { token: token.to_owned(), agent_id, request };
        let door = tls::to_join(OneWay, &Limits::default(), self.doors[at].clone(), &self.fingerprint());
        let mut client = JoiningClient::new(door.expect("a good name"));
        tokio::spawn(async move { drop(client.join(ask).await) })
    }

    /// The files of a machine that has joined.
    pub(crate) fn files(&self, machine: &Machine, issued: &IssuedIdentity) -> TlsFiles {
        let path = |end: &str| self.pki.path().join(format!("joined-{}.{end}", machine.name));
        let (cert, key, ca) = (path("crt"), path("key"), path("ca"));
        std::fs::write(&cert, &issued.certificate).expect("written");
        std::fs::write(&ca, &issued.authorities).expect("written");
        argosy_server::pki::write_private(&key, &machine.key.serialize_pem()).expect("written");
        TlsFiles { cert, key, ca }
    }
}
