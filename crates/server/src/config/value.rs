//! The types that single values are read into: names, addresses, holds, log formats.
//!
//! Each is parsed once, here; what holds one of them needs no further check.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A name that also appears in certificates, metric labels and file names: 1 to 63 of `A-Z a-z 0-9 . _ -`, first and last
/// a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// What a name may look like, for messages.
    pub const RULE: &'static str =
        "a name of 1 to 63 letters, digits, `.`, `_`, `-`, starting and ending with a letter or digit";

    /// The name, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let bytes = text.as_bytes();
        let (first, last) = (bytes.first()?, bytes.last()?);
        let good = bytes.len() <= 63
            && first.is_ascii_alphanumeric()
            && last.is_ascii_alphanumeric()
            && bytes.iter().all(|&b| inner(b));
        good.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Where to dial: a host name or an IP address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// `host:port`, an IPv6 address in brackets; the port may not be 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() != 0).then(|| Self::from(address));
        }
        let (host, port) = text.rsplit_once(':')?;
        let label = |l: &str| {
            let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
            l.len() <= 63
                && edge(l.as_bytes().first())
                && edge(l.as_bytes().last())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let port = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse::<u16>().ok())??;
        (host.len() <= 253 && host.split('.').all(label) && port != 0).then(|| Self { host: host.to_owned(), port })
    }

    /// The host, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is a literal loopback address. A name is not: what it resolves to is not ours to promise.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How long an idle machine is kept before it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is never given back.
    Forever,
    /// It is given back after this time.
    For(Duration),
}

/// Whether shards run by the clock or are stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleMode {
    /// Cycles, listings and retries come by themselves.
    Clock,
    /// Nothing happens until a step is asked for.
    Lockstep,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_certificate_and_a_file() {
        for good in ["eu-1", "a", "Shard.0_x", &"n".repeat(63)] {
            assert!(Name::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "a-", "a/b", "a b", "ä", "..", &"n".repeat(64)] {
            assert!(Name::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port_and_nothing_else() {
        for good in ["a.example:1", "10.0.0.1:7780", "[::1]:7780", "x-1:65535"] {
            assert_eq!(HostPort::parse(good).map(|a| a.to_string()).as_deref(), Some(good));
        }
        for bad in
            ["", "a", "a:", ":1", "a:0", "a:65536", "a:+1", "http://a:1", "a..b:1", "::1:80", "-a:1", "1.2.3.4:0"]
        {
            assert!(HostPort::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_a_literal_address_counts_as_loopback() {
        let loopback = |text| HostPort::parse(text).is_some_and(|a| a.is_loopback());
        assert!(loopback("127.0.0.1:1") && loopback("127.9.9.9:1") && loopback("[::1]:1"));
        assert!(!loopback("localhost:1") && !loopback("10.0.0.1:1") && !loopback("127.0.0.1.evil.example:1"));
    }
}
