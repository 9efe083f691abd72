//! Lambda's HTTP API: paced calls, and what an answer proves.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use argosy_web::{Bounds, Client};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::shapes::{Data, Failure, Instance, Launch, Launched, Offered, Reason, SshKey, Terminate};

/// Longest answer that is read.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Most pages of one listing.
const MAX_PAGES: usize = 1_000;

/// The key of an account. It shows in no log: its `Debug` does not.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// A key, unless it is empty or no header can hold it.
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok().filter(|_| !key.is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// The API says that it did nothing, and why.
    #[error("{} {}{}", .0.code, .0.message, .0.suggestion.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
    Refused(Reason),
    /// Too many calls, or a key that is not taken: nothing was done, and it may be tried again.
    #[error("{text}")]
    Later {
        /// What the API says.
        text: String,
        /// How long to wait, if it says so.
        wait: Option<Duration>,
    },
    /// Whether anything was done is not known.
    #[error("{0}")]
    Unknown(String),
}

/// Keeps calls apart in time. Callers go in the order of their coming.
#[derive(Debug)]
pub(super) struct Gap {
    least: Duration,
    next: Mutex<Option<Instant>>,
}

impl Gap {
    pub(super) fn new(least: Duration) -> Self {
        Self { least, next: Mutex::new(None) }
    }

    /// Waits for its turn.
    pub(super) async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        *next = Some(Instant::now() + self.least);
    }
}

/// The API of one account.
pub(super) struct Api {
    web: Client,
    base: String,
    key: ApiKey,
    calls: Gap,
    launches: Gap,
    time: Duration,
}

impl Api {
    pub(super) fn new(web: Client, config: &super::LambdaConfig, key: ApiKey) -> Self {
        Self {
            web,
            base: config.api.trim_end_matches('/').to_owned(),
            key,
            calls: Gap::new(config.pace.calls.0),
            launches: Gap::new(config.pace.launches.0),
            time: config.call_timeout.0,
        }
    }

    /// Every instance of the account.
    pub(super) async fn instances(&self) -> Result<Vec<Instance>, ApiError> {
        let mut all = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let path = match token.as_str() {
                "" => "/instances".to_owned(),
                token => format!("/instances?page_token={}", utf8_percent_encode(token, NON_ALPHANUMERIC)),
            };
            let page: Data<Vec<Instance>> = self.call(Method::GET, &path, None::<&()>).await?;
            all.extend(page.data);
            match page.page_token {
                Some(next) if !next.is_empty() => token = next,
                _ => return Ok(all),
            }
        }
        Err(ApiError::Unknown("the list of instances does not end".to_owned()))
    }

    /// Every instance type by name.
    pub(super) async fn types(&self) -> Result<BTreeMap<String, Offered>, ApiError> {
        let answer: Data<BTreeMap<String, Offered>> = self.call(Method::GET, "/instance-types", None::<&()>).await?;
        Ok(answer.data)
    }

    /// The names of the account's SSH keys.
    pub(super) async fn ssh_keys(&self) -> Result<Vec<String>, ApiError> {
        let answer: Data<Vec<SshKey>> = self.call(Method::GET, "/ssh-keys", None::<&()>).await?;
        Ok(answer.data.into_iter().map(|key| key.name).collect())
    }

    /// Launches one instance. It has no idempotency key: a second call is a second instance.
    pub(super) async fn launch(&self, launch: &Launch<'_>) -> Result<Vec<String>, ApiError> {
        self.launches.turn().await;
        let answer: Data<Launched> = self.call(Method::POST, "/instance-operations/launch", Some(launch)).await?;
        Ok(answer.data.instance_ids)
    }

    /// Terminates one instance. A second call does no harm.
    pub(super) async fn terminate(&self, id: &str) -> Result<(), ApiError> {
        let order = Terminate { instance_ids: [id] };
        let answer: Result<Data<serde_json::Value>, ApiError> =
            self.call(Method::POST, "/instance-operations/terminate", Some(&order)).await;
        answer.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ApiError> {
        self.calls.turn().await;
        let unknown = |error: String| ApiError::Unknown(format!("{method} {path}: {error}"));
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| unknown(error.to_string()))?;
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.key.0.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.unwrap_or_default()))
            .map_err(|error| unknown(error.to_string()))?;
        let bounds = Bounds { time: self.time, answer: ANSWER_BYTES };
        let answer = self.web.send(request, bounds).await.map_err(|error| unknown(error.to_string()))?;
        if answer.status() == StatusCode::OK {
            return serde_json::from_slice(answer.body()).map_err(|error| unknown(format!("its answer: {error}")));
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Err(judge(answer.status(), answer.body(), wait.map(Duration::from_secs), unknown))
    }
}

/// What an answer proves that is none of success.
fn judge(
    status: StatusCode,
    body: &[u8],
    wait: Option<Duration>,
    unknown: impl FnOnce(String) -> ApiError,
) -> ApiError {
    let reason = serde_json::from_slice::<Failure>(body).map(|failure| failure.error).ok();
    let code = reason.as_ref().map(|reason| reason.code.clone()).unwrap_or_default();
    let text = || format!("HTTP {} {code}", status.as_u16());
    match (status, reason) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED, _) => ApiError::Later { text: text(), wait },
        // The API passes on what its own suppliers answer, and they may have acted.
        (status, Some(reason)) if status.is_client_error() && !reason.code.starts_with("provider/") => {
            ApiError::Refused(reason)
        }
        _ => unknown(text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_in_no_log() {
        let key = ApiKey::new("secret-key").expect("a key");
        assert!(!format!("{key:?} {:?}", key.0).contains("secret"), "{key:?}");
        assert!(ApiKey::new("").is_none() && ApiKey::new("two\nlines").is_none());
    }

    #[test]
    fn only_an_answer_that_proves_that_nothing_was_done_is_a_refusal() {
        let verdict = |status, code: &str| {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"m","suggestion":"s"}}}}"#);
            judge(StatusCode::from_u16(status).expect("a status"), body.as_bytes(), None, ApiError::Unknown)
        };
        for (status, code) in
            [(400, "instance-operations/launch/insufficient-capacity"), (403, "global/quota-exceeded")]
        {
            assert!(matches!(verdict(status, code), ApiError::Refused(_)), "{status} {code}");
        }
        for status in [401, 429] {
            assert!(matches!(verdict(status, "global/x"), ApiError::Later { .. }), "{status}");
        }
        for (status, code) in [(500, "global/internal-error"), (503, "x"), (400, "provider/internal-unavailable")] {
            assert!(matches!(verdict(status, code), ApiError::Unknown(_)), "{status} {code}");
        }
        let html = judge(StatusCode::BAD_REQUEST, b"<html>", None, ApiError::Unknown);
        assert!(matches!(html, ApiError::Unknown(_)), "a proxy's page proves nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn launches_are_kept_twelve_seconds_apart() {
        let gap = Gap::new(Duration::from_secs(12));
        let began = Instant::now();
        for _ in 0..3 {
            gap.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(24));
    }
}
