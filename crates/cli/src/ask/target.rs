//! Which node a command talks to, and with what certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use argosy_localfleet::{Blueprint, Layout, certificates};
use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::authz::Role;
use argosy_server::config::{HostPort, TlsFiles};
use argosy_server::tls::{Credentials, Dialer, Limits, Peer, Security};
use clap::Args;
use tonic::Request;
use tonic::transport::Channel;

/// Largest answer that is taken, bytes.
const LARGEST_ANSWER: usize = 256 << 20;

/// Any node of the installation answers for all of it.
#[derive(Args, Debug, Clone)]
pub(crate) struct Target {
    /// A node to ask, host:port.
    #[arg(long, value_name = "ADDRESS", env = "ARGOSY_SERVER", default_value = "127.0.0.1:7780")]
    server: String,
    /// Your certificate.
    #[arg(long, value_name = "FILE", env = "ARGOSY_CERT", requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", env = "ARGOSY_KEY")]
    key: Option<PathBuf>,
    /// The certificate authority of the installation.
    #[arg(long, value_name = "FILE", env = "ARGOSY_CA")]
    ca: Option<PathBuf>,
    /// The directory of a fleet of `argosy up`: address and certificates are taken from there.
    #[arg(long, value_name = "DIR", env = "ARGOSY_UP_DIR", conflicts_with_all = ["cert", "key", "ca"])]
    up: Option<PathBuf>,
    /// Give up after this time.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// What every change to a shard names.
#[derive(Args, Debug, Clone)]
pub(crate) struct Change {
    /// The shard.
    #[arg(long)]
    pub(super) shard: String,
    /// Why. It is kept in the shard's audit chain.
    #[arg(long)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) target: Target,
}

impl Target {
    /// Reads.
    pub(crate) fn fleet(&self) -> Result<FleetClient<Channel>> {
        Ok(FleetClient::new(self.channel()?).max_decoding_message_size(LARGEST_ANSWER))
    }

    /// Changes.
    pub(crate) fn admin(&self) -> Result<AdminClient<Channel>> {
        Ok(AdminClient::new(self.channel()?))
    }

    /// Health: policies and verdicts.
    pub(crate) fn health(&self) -> Result<MachineHealthClient<Channel>> {
        Ok(MachineHealthClient::new(self.channel()?))
    }

    /// A request with the deadline of this target.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// A connection, for the clients of other services.
    pub(crate) fn channel(&self) -> Result<Channel> {
        let (address, files) = self.address_and_files()?;
        let security = match files {
            Some(files) => Security::Mutual(Arc::new(Credentials::load(&files)?)),
            None if is_here(&address) => Security::Plaintext,
            None => bail!("ARG-0820: {address} is not on this machine: give --cert, --key and --ca"),
        };
        Ok(Dialer::new(security, Limits::default()).channel(&Peer::any_node(address))?)
    }

    /// The file of the installation's authority; `None` where nothing is secured.
    pub(crate) fn authority(&self) -> Result<Option<PathBuf>> {
        Ok(self.address_and_files()?.1.map(|files| files.ca))
    }

    fn address_and_files(&self) -> Result<(HostPort, Option<TlsFiles>)> {
        if let Some(dir) = &self.up {
            let layout = Layout::new(dir)?;
            let blueprint = Blueprint::load(layout.root())?;
            let node = blueprint.nodes.first().context("a fleet has nodes")?;
            let files = certificates::files(&layout.pki(), &certificates::holder(Role::Admin, "")?);
            return Ok((HostPort::from(node.address), Some(files)));
        }
        let address = HostPort::parse(&self.server).with_context(|| format!("{:?} is not host:port", self.server))?;
        let files = match (&self.cert, &self.key, &self.ca) {
            (Some(cert), Some(key), Some(ca)) => {
                Some(TlsFiles { cert: cert.clone(), key: key.clone(), ca: ca.clone() })
            }
            _ => None,
        };
        Ok((address, files))
    }
}

/// Whether an address is on this machine. `localhost` is the one name that is nobody else's to give away (RFC 6761).
fn is_here(address: &HostPort) -> bool {
    address.is_loopback() || address.host() == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_goes_to_this_machine_and_to_none_whose_name_only_begins_like_it() {
        let here = |address: &str| is_here(&HostPort::parse(address).expect("host:port"));
        for address in ["127.0.0.1:7780", "127.0.0.2:7780", "localhost:7780", "[::1]:7780"] {
            assert!(here(address), "{address}");
        }
        for address in ["localhost.example.com:7780", "127.0.0.1.example.com:7780", "[::2]:7780", "10.0.0.1:7780"] {
            assert!(!here(address), "{address}");
        }
    }
}
