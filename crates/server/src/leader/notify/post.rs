//! Requests to receivers: headers, signature, and what an answer means.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argosy_notify::payload::{DrainStatus, drain_status_of};
use argosy_notify::{Message, Sink};
use argosy_web::{Bounds, Client, Plain};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};

use super::secrets::Secret;

/// Longest answer that is read; what it says does not matter.
const ANSWER: usize = 64 * 1_024;
const AGENT: &str = concat!("argosy/", env!("CARGO_PKG_VERSION"));

/// What came of a message. The words are for people, and hold nothing of the request or of the answer's body: either may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The receiver has it.
    Taken,
    /// The receiver does not want it.
    TurnedDown(String),
    /// Nobody is there, or it is too busy.
    Away(String),
}

/// A node's way to receivers.
#[derive(Default)]
pub struct Post {
    folder: Option<PathBuf>,
    /// By the file of certificate authorities, and whether plain HTTP may leave this machine.
    clients: Mutex<BTreeMap<(Option<String>, bool), Client>>,
}

impl Post {
    /// With the folder of secrets of this node.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, clients: Mutex::default() }
    }

    /// Sends a message once.
    pub(super) async fn send(&self, sink: &Sink, message: &Message) -> Said {
        let request = self.headers(sink, Some(message)).and_then(|headers| {
            let mut request = Request::post(&message.url)
                .body(Bytes::from(message.body.clone()))
                .map_err(|error| error.to_string())?;
            *request.headers_mut() = headers;
            Ok(request)
        });
        match self.exchange(sink, request).await {
            Ok((status, _)) if status.is_success() => Said::Taken,
            Ok((status, _)) if is_busy(status) => Said::Away(format!("HTTP {}", status.as_u16())),
            Ok((status, _)) => Said::TurnedDown(format!("HTTP {}", status.as_u16())),
            Err(why) => Said::Away(why),
        }
    }

    /// Asks a sink whether a machine is drained.
    pub(super) async fn ask_drained(&self, sink: &Sink, machine: &str) -> Result<DrainStatus, String> {
        let request = self.headers(sink, None).and_then(|headers| {
            let question = Request::get(drain_status_of(sink, machine));
            let mut request = question.body(Bytes::new()).map_err(|error| error.to_string())?;
            *request.headers_mut() = headers;
            Ok(request)
        });
        match self.exchange(sink, request).await? {
            (StatusCode::OK, body) => DrainStatus::read(&body),
            (status, _) => Err(format!("HTTP {}", status.as_u16())),
        }
    }

    async fn exchange(
        &self,
        sink: &Sink,
        request: Result<Request<Bytes>, String>,
    ) -> Result<(StatusCode, Bytes), String> {
        let bounds = Bounds { time: Duration::from_millis(sink.timeout.0.0), answer: ANSWER };
        let answer = self.client(sink)?.send(request?, bounds).await.map_err(|error| error.to_string())?;
        Ok((answer.status(), answer.into_body()))
    }

    fn headers(&self, sink: &Sink, message: Option<&Message>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in &sink.headers {
            headers.insert(named(name)?, valued(value)?);
        }
        for (name, file) in &sink.secret_headers {
            let secret = self.secret(file)?;
            let mut value = valued(secret.line())?;
            value.set_sensitive(true);
            headers.insert(named(name)?, value);
        }
        let Some(message) = message else { return Ok(headers) };
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("webhook-id"), valued(&message.id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(timestamp));
        if let Some(file) = &sink.secret {
            let signatures = self.secret(file)?.signatures(&message.id, timestamp, &message.body);
            let signatures = signatures.map_err(|error| error.to_string())?;
            headers.insert(HeaderName::from_static("webhook-signature"), valued(&signatures)?);
        }
        Ok(headers)
    }

    fn secret(&self, name: &str) -> Result<Secret, String> {
        Secret::read(self.folder.as_deref(), name).map_err(|error| error.to_string())
    }

    fn client(&self, sink: &Sink) -> Result<Client, String> {
        let key = (sink.authorities.clone(), sink.allow_plain_http);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let plain = if sink.allow_plain_http { Plain::Anywhere } else { Plain::Loopback };
        let client = match (&sink.authorities, &self.folder) {
            (None, _) => Client::new(plain),
            (Some(file), Some(folder)) => Client::with_authorities(&folder.join(file), plain),
            (Some(_), None) => {
                return Err("ARG-1403: this node has no folder of secrets; set `notify.secrets`".to_owned());
            }
        };
        let client = client.map_err(|error| error.to_string())?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Whether an answer says that the receiver cannot look at anything now. It turns nothing down.
fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn named(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| "a header has a name that none can have".to_owned())
}

fn valued(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|_| "a header has a value that none can have".to_owned())
}
