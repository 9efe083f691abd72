//! The providers of a shard, as its leader calls them: one connection each, one deadline for each kind of call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_provider::client::{Client, Deadlines};
use argosy_shard::Step;
use tonic::transport::Channel;

/// Deadlines of single calls. A provider only has to accept a call within them, not to finish the work.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// `Create`.
    pub create: Duration,
    /// `Configure`.
    pub configure: Duration,
    /// `Drain`.
    pub drain: Duration,
    /// `Delete`.
    pub delete: Duration,
    /// `List` and `Get`.
    pub list: Duration,
    /// The wait for a bootstrap blob.
    pub bootstrap: Duration,
    /// The wait for an operator to begin a reclaim.
    pub reclaim: Duration,
}

/// One provider.
#[derive(Clone)]
pub struct Port {
    name: Arc<str>,
    channel: Channel,
    limits: CallLimits,
}

impl Port {
    /// The provider `name` behind `channel`.
    #[must_use]
    pub fn new(name: &str, channel: Channel, limits: CallLimits) -> Self {
        Self { name: Arc::from(name), channel, limits }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection, for what the protocol's client does not cover.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A client for one kind of mutation.
    pub(crate) fn client_for(&self, step: Step) -> Client {
        let call = match step {
            Step::Create => self.limits.create,
            Step::Configure => self.limits.configure,
            Step::Drain => self.limits.drain,
            Step::Delete => self.limits.delete,
        };
        Client::new(self.channel(), Deadlines { call, list: self.limits.list })
    }

    /// A client for reading.
    pub(crate) fn reader(&self) -> Client {
        Client::new(self.channel(), Deadlines { call: self.limits.list, list: self.limits.list })
    }
}

/// The providers of one shard, by name.
#[derive(Clone, Default)]
pub struct Providers(BTreeMap<Arc<str>, Port>);

impl Providers {
    /// These ports.
    pub fn new(ports: impl IntoIterator<Item = Port>) -> Self {
        Self(ports.into_iter().map(|port| (Arc::clone(&port.name), port)).collect())
    }

    /// The provider of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Port> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Port> {
        self.0.values()
    }
}
