//! The record of refused calls and of calls that change something on a person's behalf.
//!
//! Here it says who asked for what, and whether it was let through. What came of it is in the shard's own audit store.

use std::net::SocketAddr;

/// What was decided about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was let through.
    Allowed,
    /// It was refused.
    Denied,
}

/// One line of the record.
#[derive(Debug, Clone, Copy)]
pub struct AuditEntry<'a> {
    /// The caller, or why it has no identity.
    pub who: &'a str,
    /// Where it called from.
    pub from: Option<SocketAddr>,
    /// The method's path.
    pub what: &'a str,
    /// What was decided.
    pub verdict: Verdict,
}

/// Where the record goes.
pub trait Audit: Send + Sync + 'static {
    /// Keeps one entry; called on the path of the request, so it may not block.
    fn record(&self, entry: &AuditEntry<'_>);
}

/// The record as log lines under the target `argosy::audit`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingAudit;

impl Audit for TracingAudit {
    fn record(&self, entry: &AuditEntry<'_>) {
        let from = entry.from.map(tracing::field::display);
        match entry.verdict {
            Verdict::Allowed => {
                tracing::info!(target: "argosy::audit", who = entry.who, from, what = entry.what, "allowed")
            }
            Verdict::Denied => {
                tracing::warn!(target: "argosy::audit", code = "ARG-0705", who = entry.who, from, what = entry.what, "denied");
            }
        }
    }
}
