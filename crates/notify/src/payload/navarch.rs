//! Navarch's format: `{event, node_id, reason, timestamp}`, and the answer to the question whether a machine is drained.

use argosy_model::State;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sender, rfc3339};
use crate::outbox::Delivery;
use crate::sink::Sink;
use crate::transition::{Subject, What};

/// What is escaped in a query: all but the unreserved characters of RFC 3986. Receivers may be scripts that compare an id as it stands.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn body(sender: &Sender<'_>, delivery: &Delivery) -> Option<Value> {
    let transition = &delivery.transition;
    let (event, reason) = match &transition.what {
        What::Cordon { on: true, reason, .. } => ("cordon", Some(reason)),
        What::Cordon { on: false, reason, .. } => ("uncordon", Some(reason)),
        What::State { to: State::Draining, reason, .. } => ("drain", reason.as_ref()),
        _ => return None,
    };
    let Subject::Machine { id, .. } = &transition.subject else { return None };
    let mut body = json!({"event": event, "node_id": id, "timestamp": sender.rfc3339(transition.at.0)});
    // It is left out where there is none, as there.
    if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
        body["reason"] = json!(reason);
    }
    Some(body)
}

/// Receivers of this format know three events: an unknown one about no machine is the least that can be asked of them.
pub(super) fn trial(unix_ms: i64) -> Value {
    json!({"event": "test", "node_id": "", "timestamp": rfc3339(unix_ms)})
}

pub(super) fn trial_url(sink: &Sink) -> String {
    let urls = [&sink.cordon_url, &sink.uncordon_url, &sink.drain_url];
    urls.into_iter().find(|url| !url.is_empty()).cloned().unwrap_or_default()
}

/// What a workload system says of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DrainStatus {
    /// Nothing runs there any more.
    pub drained: bool,
    /// In its words.
    #[serde(default)]
    pub message: String,
}

impl DrainStatus {
    /// Reads an answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
}

/// Where a sink is asked whether a machine is drained.
#[must_use]
pub fn drain_status_of(sink: &Sink, machine: &str) -> String {
    let url = &sink.drain_status_url;
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}node_id={}", utf8_percent_encode(machine, &RESERVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_id_cannot_add_to_the_question() {
        let sink = |url: &str| Sink { drain_status_url: url.to_owned(), ..Sink::default() };
        let asked = drain_status_of(&sink("https://slurm/drained"), "a b&force=1/ä");
        assert_eq!(asked, "https://slurm/drained?node_id=a%20b%26force%3D1%2F%C3%A4");
        assert_eq!(drain_status_of(&sink("https://slurm/?v=1"), "m-1"), "https://slurm/?v=1&node_id=m-1");
    }

    #[test]
    fn an_answer_that_does_not_say_is_no_answer() {
        assert_eq!(
            DrainStatus::read(br#"{"drained": true, "message": "idle", "x": 1}"#).map(|it| it.drained),
            Ok(true)
        );
        assert!(DrainStatus::read(b"{}").is_err());
        assert!(DrainStatus::read(b"<html>").is_err());
    }
}
