//! Metrics and probes of a node, over plain HTTP on an address of their own (loopback unless configured otherwise).
//!
//! `/metrics` is Prometheus text. `/healthz` answers as long as the process can. `/readyz` answers 200 once every replica
//! on this node works and its shard has a leader, else 503 with the reasons, one a line. The rest of the server records
//! through the `metrics` macros with the constants of [`names`]; [`install`] must come first.

pub mod names;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio::net::TcpListener;

use self::names::{ALL, Kind};

/// Metrics that could not be set up.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// A recorder is there already, or its settings are unsound.
    #[error("ARG-0690: metrics cannot be recorded: {0}")]
    Recorder(String),
    /// The endpoint ended.
    #[error("ARG-0691: the metrics endpoint ended: {0}")]
    Endpoint(#[from] std::io::Error),
}

/// What `/readyz` asks: the reasons why this node is not ready, none if it is.
pub type Readiness = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Upper bounds of the histograms' buckets, in seconds: 100 µs to 600 s in steps of about 2.
const BUCKETS_SECONDS: [f64; 23] = [
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0,
    60.0, 120.0, 300.0, 600.0,
];

/// Makes this process record its metrics, and describes every one of them.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    let recorder_error = |error: &dyn std::fmt::Display| MetricsError::Recorder(error.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_SECONDS)
        .map_err(|error| recorder_error(&error))?
        .install_recorder()
        .map_err(|error| recorder_error(&error))?;
    describe();
    Ok(handle)
}

/// Tells the recorder what every metric means.
fn describe() {
    for metric in ALL {
        let help = metric.help.trim();
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metrics::Unit::Seconds, help),
        }
    }
}

/// Serves the endpoint until `shutdown` completes.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    readiness: Readiness,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), MetricsError> {
    axum::serve(listener, routes(handle, readiness)).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

fn routes(handle: PrometheusHandle, readiness: Readiness) -> Router {
    let render = move || {
        let handle = handle.clone();
        async move {
            handle.run_upkeep();
            handle.render()
        }
    };
    Router::new()
        .route("/metrics", get(render))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { ready(&readiness()) }))
}

fn ready(reasons: &[String]) -> Response {
    if reasons.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n"))).into_response()
}

/// docs/reference/metrics.md.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\nServed as Prometheus text on `metrics.listen` under `/metrics`. Histograms are in seconds. Generated from\n\
         `crates/server/src/metrics/names.rs`; `argosy metrics reference` prints this page.\n\n\
         | name | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in ALL {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let kind = format!("{:?}", metric.kind).to_lowercase();
        page.push_str(&format!("| `{}` | {kind} | {labels} | {} |\n", metric.name, metric.help.trim()));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_not_ready_says_why() {
        assert_eq!(ready(&[]).status(), StatusCode::OK);
        assert_eq!(ready(&["shard eu-s1: no leader".to_owned()]).status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, reference()).expect("writable");
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == reference(), "run UPDATE_GOLDEN=1 cargo test -p argosy-server metrics");
    }
}
