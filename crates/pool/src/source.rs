//! Where a pool's metrics come from, when nobody pushes them: its machines' agents, or Prometheus.

use argosy_model::Duration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::address::address;
use crate::scalar::Span;
use crate::specification::Fault;

/// Longest query, and longest URL, in bytes.
const MAX_TEXT: usize = 4_096;

/// Where metrics come from. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    /// Whether the pool's utilisation is the mean of what its machines' agents say.
    pub agents: bool,
    /// What is asked of Prometheus.
    pub prometheus: Option<Prometheus>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { agents: true, prometheus: None }
    }
}

/// What is asked of Prometheus. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Its base URL, such as `https://prometheus.example:9090`.
    pub url: String,
    /// An expression with one value: the pool's utilisation in percent, 0 to 100.
    #[serde(default)]
    pub utilisation: Option<String>,
    /// An expression with one value: jobs that wait for the pool.
    #[serde(default)]
    pub queue_depth: Option<String>,
    /// How often it is asked.
    #[serde(default = "every")]
    pub every: Span,
    /// How long an answer may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Whether plain HTTP may leave this machine.
    #[serde(default)]
    pub allow_plain_http: bool,
}

const fn every() -> Span {
    Span(Duration::from_secs(15))
}

const fn timeout() -> Span {
    Span(Duration::from_secs(5))
}

impl Sources {
    /// Whether utilisation is asked of Prometheus: then agents are not listened to.
    #[must_use]
    pub fn asks_utilisation(&self) -> bool {
        self.prometheus.as_ref().is_some_and(|prometheus| prometheus.utilisation.is_some())
    }

    /// Everything in it that makes no sense.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let Some(of) = &self.prometheus else { return Vec::new() };
        let mut faults = Vec::new();
        let mut check = |fine: bool, key: &str, what: &str| {
            if !fine {
                faults.push(Fault::new(format!("metrics.prometheus.{key}"), what));
            }
        };
        let queries = [("utilisation", &of.utilisation), ("queue_depth", &of.queue_depth)];
        check(
            queries.iter().any(|(_, query)| query.is_some()),
            "utilisation",
            "neither this nor `queue_depth` is there",
        );
        for (key, query) in queries {
            let fine = query.as_ref().is_none_or(|query| !query.trim().is_empty() && query.len() <= MAX_TEXT);
            check(fine, key, "write an expression of at most 4096 bytes");
        }
        check((1_000..=3_600_000).contains(&of.every.0.0), "every", "write 1s to 1h");
        check((100..=60_000).contains(&of.timeout.0.0), "timeout", "write 100ms to 1m");
        if let Err(what) = judged(&of.url, of.allow_plain_http) {
            check(false, "url", what);
        }
        faults
    }
}

fn judged(url: &str, plain: bool) -> Result<(), &'static str> {
    let address = address(url, plain)?;
    let has_user = address.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if url.len() > MAX_TEXT || has_user || address.query().is_some() {
        return Err("write scheme, host, port and path only");
    }
    Ok(())
}

impl Prometheus {
    /// Where an instant query is asked.
    #[must_use]
    pub fn question(&self, query: &str) -> String {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        format!("{}/api/v1/query?query={query}", self.url.trim_end_matches('/'))
    }
}
