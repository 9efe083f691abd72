//! Channels to peers.
//!
//! A channel connects when it is first used and again when the connection is lost, each time with the certificate that is
//! on disk then. It never reaches a peer with another identity than the one it was made for.

use std::io;
use std::sync::Arc;

use argosy_proto::authz::Role;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::limits::Limits;
use super::network::{Connect, Tcp};
use super::verify::ExpectIdentity;
use super::wire::Wire;
use super::{Security, TlsError, Trust, pinned};
use crate::config::HostPort;

/// Whom to dial, and who must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    address: HostPort,
    server_name: Option<String>,
    expect: ExpectIdentity,
}

impl Peer {
    /// The node `id` at `address`: one node's way to another.
    #[must_use]
    pub fn node(address: HostPort, id: &str) -> Self {
        Self::new(address, Role::Node, Some(id))
    }

    /// Whichever node is at `address`: for people's commands and for operators.
    #[must_use]
    pub fn any_node(address: HostPort) -> Self {
        Self::new(address, Role::Node, None)
    }

    /// The provider `name` at `address`.
    #[must_use]
    pub fn provider(address: HostPort, name: &str) -> Self {
        Self::new(address, Role::Provider, Some(name))
    }

    fn new(address: HostPort, role: Role, id: Option<&str>) -> Self {
        Self { address, server_name: None, expect: ExpectIdentity { role, id: id.map(str::to_owned) } }
    }

    /// The host name that the certificate must be valid for, where it is not the one dialled.
    #[must_use]
    pub fn with_server_name(mut self, name: Option<String>) -> Self {
        self.server_name = name;
        self
    }
}

/// Makes channels, over `C`.
#[derive(Debug, Clone)]
pub struct Dialer<C = Tcp> {
    security: Security,
    limits: Limits,
    connect: C,
}

impl Dialer {
    /// Over TCP.
    #[must_use]
    pub const fn new(security: Security, limits: Limits) -> Self {
        Self::over(Tcp, security, limits)
    }
}

impl<C> Dialer<C> {
    /// Over any network.
    pub const fn over(connect: C, security: Security, limits: Limits) -> Self {
        Self { security, limits, connect }
    }
}

impl<C: Connect> Dialer<C> {
    /// A channel to `peer`; returns at once, and connects when it is used.
    ///
    /// # Errors
    /// ARG-0713 when the name cannot be in a certificate.
    pub fn channel(&self, peer: &Peer) -> Result<Channel, TlsError> {
        let tls = match &self.security {
            Security::Plaintext => None,
            Security::Mutual(credentials) => Some(TlsConnector::from(credentials.client(peer.expect.clone()))),
        };
        through(self.connect.clone(), &self.limits, peer, tls)
    }
}

/// A channel for a caller without a certificate to where a node takes join tokens; returns at once, and connects when it is used.
///
/// # Errors
/// ARG-0713 when the name cannot be in a certificate; ARG-0702, ARG-0703 for the authority's file.
pub fn to_join<C: Connect>(connect: C, limits: &Limits, address: HostPort, trust: &Trust) -> Result<Channel, TlsError> {
    let tls = TlsConnector::from(pinned::client(trust)?);
    through(connect, limits, &Peer::any_node(address), Some(tls))
}

fn through<C: Connect>(
    connect: C,
    limits: &Limits,
    peer: &Peer,
    tls: Option<TlsConnector>,
) -> Result<Channel, TlsError> {
    let host = peer.server_name.as_deref().unwrap_or(peer.address.host());
    let bad_name = || TlsError::Name(host.to_owned());
    let name = ServerName::try_from(host.to_owned()).map_err(|_| bad_name())?;
    let tls = tls.map(|tls| (tls, name));
    // The scheme tells tonic whether to add TLS of its own; ours is in the connector, and the origin tells the peer.
    let target: Uri = format!("http://{}", peer.address).parse().map_err(|_| bad_name())?;
    let between_nodes = peer.expect.role == Role::Node && peer.expect.id.is_some();
    let mut endpoint = limits.endpoint(Endpoint::from(target), between_nodes);
    if tls.is_some() {
        endpoint = endpoint.origin(format!("https://{}", peer.address).parse().map_err(|_| bad_name())?);
    }
    let address = Arc::new(peer.address.clone());
    Ok(endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
        let (connect, address, tls) = (connect.clone(), Arc::clone(&address), tls.clone());
        async move { reach(&connect, &address, tls).await.map(TokioIo::new) }
    })))
}

async fn reach<C: Connect>(
    connect: &C,
    address: &HostPort,
    tls: Option<(TlsConnector, ServerName<'static>)>,
) -> io::Result<Wire<C::Io>> {
    let io = connect.connect(address, tls.is_some()).await?;
    match tls {
        None => Ok(Wire::Plain(io)),
        Some((tls, name)) => Ok(Wire::Tls(Box::new(TlsStream::Client(tls.connect(name, io).await?)))),
    }
}
