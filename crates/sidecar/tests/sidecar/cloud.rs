//! A stand-in for Lambda's API, with the shapes of its answers, that misbehaves when told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Answer = (StatusCode, [(&'static str, &'static str); 1], String);

/// What a launch does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Says that there is no capacity.
    NoCapacity,
    /// Says that there were too many calls.
    TooMany,
    /// Fails without having done anything.
    BreaksBefore,
    /// Launches, and then fails.
    BreaksAfter,
    /// Launches, and never answers.
    HangsAfter,
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) instances: Vec<Value>,
    pub(crate) launches: Vec<Value>,
    pub(crate) faults: VecDeque<Fault>,
    /// Status of each new instance.
    pub(crate) comes_up: &'static str,
    /// Lists leave instances out so many times more.
    pub(crate) hides: u32,
    pub(crate) capacity: Vec<&'static str>,
    pub(crate) terminations: usize,
    /// What too many calls are told to wait, seconds.
    pub(crate) retry_after: &'static str,
    /// How often the instances have been listed.
    pub(crate) lists: usize,
}

pub(crate) type Cloud = Arc<Mutex<Account>>;

/// Serves an account; returns it and the API's address.
pub(crate) async fn cloud() -> (Cloud, String) {
    let account = Account { comes_up: "active", capacity: vec!["us-south-2"], retry_after: "0", ..Account::default() };
    let account = Arc::new(Mutex::new(account));
    let routes = Router::new()
        .route("/api/v1/instances", get(instances))
        .route("/api/v1/instance-types", get(types))
        .route("/api/v1/ssh-keys", get(keys))
        .route("/api/v1/instance-operations/launch", post(launch))
        .route("/api/v1/instance-operations/terminate", post(terminate))
        .with_state(Arc::clone(&account));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (account, format!("http://{address}/api/v1"))
}

fn said(status: u16, body: &Value) -> Answer {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], body.to_string())
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    said(status, &json!({"error": {"code": code, "message": message, "suggestion": "Try another region."}}))
}

fn stranger(headers: &HeaderMap) -> Option<Answer> {
    let known = headers.get("authorization").is_some_and(|value| value == "Bearer secret-key");
    (!known).then(|| error(401, "global/invalid-api-key", "API key was invalid, expired, or deleted."))
}

async fn instances(State(cloud): State<Cloud>, headers: HeaderMap) -> Answer {
    if let Some(refusal) = stranger(&headers) {
        return refusal;
    }
    let mut account = cloud.lock().expect("no panic");
    account.lists += 1;
    if account.hides > 0 && !account.instances.is_empty() {
        account.hides -= 1;
        return said(200, &json!({"data": []}));
    }
    said(200, &json!({"data": account.instances}))
}

async fn types(State(cloud): State<Cloud>) -> Answer {
    let regions: Vec<Value> = {
        let account = cloud.lock().expect("no panic");
        account.capacity.iter().map(|name| json!({"name": name, "description": "North Texas, USA"})).collect()
    };
    let kind = json!({
        "name": "gpu_8x_h100_sxm5", "description": "8x H100 (80 GB SXM5)", "gpu_description": "H100 (80 GB SXM5)",
        "price_cents_per_hour": 2392,
        "specs": {"vcpus": 208, "memory_gib": 1800, "storage_gib": 22528, "gpus": 8}
    });
    let offered = json!({"instance_type": kind, "regions_with_capacity_available": regions});
    said(200, &json!({"data": {"gpu_8x_h100_sxm5": offered}}))
}

async fn keys() -> Answer {
    said(
        200,
        &json!({"data": [{"id": "0920582c7ff041399e34823a0be62548", "name": "argosy", "public_key": "ssh-ed25519 AAAA"}]}),
    )
}

async fn launch(State(cloud): State<Cloud>, headers: HeaderMap, body: String) -> axum::response::Response {
    if let Some(refusal) = stranger(&headers) {
        return refusal.into_response();
    }
    let asked: Value = serde_json::from_str(&body).expect("JSON");
    let (fault, id, retry_after) = {
        let mut account = cloud.lock().expect("no panic");
        account.launches.push(asked.clone());
        let fault = account.faults.pop_front();
        let id = format!("{:032x}", account.launches.len());
        if !matches!(fault, Some(Fault::NoCapacity | Fault::TooMany | Fault::BreaksBefore)) {
            let status = account.comes_up;
            account.instances.push(json!({
                "id": id, "name": asked["name"], "ip": "198.51.100.2", "private_ip": "10.0.2.100", "status": status,
                "ssh_key_names": asked["ssh_key_names"], "file_system_names": [],
                "region": {"name": asked["region_name"], "description": "North Texas, USA"}
            }));
        }
        (fault, id, account.retry_after)
    };
    match fault {
        Some(Fault::NoCapacity) => {
            let code = "instance-operations/launch/insufficient-capacity";
            error(400, code, "Not enough capacity to fulfill launch request.").into_response()
        }
        Some(Fault::TooMany) => {
            let mut refusal = error(429, "global/quota-exceeded", "Too many requests.").into_response();
            refusal.headers_mut().insert("retry-after", HeaderValue::from_static(retry_after));
            refusal
        }
        Some(Fault::BreaksBefore | Fault::BreaksAfter) => (StatusCode::BAD_GATEWAY, "<html>").into_response(),
        Some(Fault::HangsAfter) => std::future::pending().await,
        None => said(200, &json!({"data": {"instance_ids": [id]}})).into_response(),
    }
}

async fn terminate(State(cloud): State<Cloud>, body: String) -> Answer {
    let asked: Value = serde_json::from_str(&body).expect("JSON");
    let mut account = cloud.lock().expect("no panic");
    account.terminations += 1;
    let id = asked["instance_ids"][0].clone();
    // The list is of instances that run: one that was terminated is in none.
    match account.instances.iter().position(|one| one["id"] == id) {
        None => error(404, "global/object-does-not-exist", "Specified instance does not exist."),
        Some(at) => {
            let mut instance = account.instances.remove(at);
            instance["status"] = "terminated".into();
            said(200, &json!({"data": {"terminated_instances": [instance]}}))
        }
    }
}
