//! The gate: deny by default, exactly one identity, and a record of who asked for what.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use argosy_server::authz::{Audit, AuditEntry, Authorize, Identity, IdentityError, PeerIdentity, Principal, Verdict};
use http::{Request, Response};
use tower::{Layer as _, ServiceExt as _};

const REPORT: &str = "/bigfleet.v1alpha1.Coordinator/ReportShard";
const ASSIGN: &str = "/bigfleet.v1alpha1.Coordinator/AssignDomain";

type Entries = Arc<Mutex<Vec<(String, String, Verdict)>>>;

#[derive(Clone, Default)]
struct Kept(Entries);

impl Audit for Kept {
    fn record(&self, entry: &AuditEntry<'_>) {
        let entry = (entry.who.to_owned(), entry.what.to_owned(), entry.verdict);
        self.0.lock().expect("not poisoned").push(entry);
    }
}

fn certified(short: &str) -> Result<Identity, IdentityError> {
    Ok(Identity::Certified(Principal::from_short(short).expect("well-formed")))
}

/// Calls `path` as `identity` through the gate: the status code, its message, and what the handler saw.
async fn call(
    kept: &Kept,
    path: &str,
    identity: Option<Result<Identity, IdentityError>>,
) -> (i32, String, Option<Identity>) {
    let seen = Arc::new(Mutex::new(None));
    let handler = {
        let seen = Arc::clone(&seen);
        tower::service_fn(move |request: Request<()>| {
            *seen.lock().expect("not poisoned") = request.extensions().get::<Identity>().cloned();
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        })
    };
    let mut request = Request::builder().uri(path).body(()).expect("a request");
    if let Some(identity) = identity {
        request.extensions_mut().insert(PeerIdentity { address: None, identity });
    }
    let response = Authorize::new(kept.clone()).layer(handler).oneshot(request).await.expect("infallible");
    let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let seen = seen.lock().expect("not poisoned").take();
    (header("grpc-status").parse().unwrap_or(0), header("grpc-message"), seen)
}

#[tokio::test]
async fn a_method_that_the_table_does_not_name_is_denied_to_everybody() {
    for identity in [certified("admin"), certified("node/eu-1"), Ok(Identity::LoopbackPlaintext)] {
        let (code, message, seen) = call(&Kept::default(), "/argosy.v1.Admin/NoSuchVerb", Some(identity)).await;
        assert_eq!((code, seen), (7, None), "{message}");
        assert!(message.starts_with("ARG-0705"), "{message}");
    }
}

#[tokio::test]
async fn a_role_passes_where_the_table_names_it_and_nowhere_else() {
    let (code, _, seen) = call(&Kept::default(), REPORT, Some(certified("shard/s0"))).await;
    assert_eq!((code, seen), (0, certified("shard/s0").ok()), "the handler sees who calls");
    for other in ["admin", "cluster/c0", "readonly", "agent/a"] {
        let (code, ..) = call(&Kept::default(), REPORT, Some(certified(other))).await;
        assert_eq!(code, 7, "{other}");
    }
}

#[tokio::test]
async fn a_peer_without_exactly_one_identity_is_denied_everything() {
    for why in [IdentityError::None, IdentityError::Several(2), IdentityError::Foreign("https://a".to_owned())] {
        for path in [REPORT, "/grpc.health.v1.Health/Check"] {
            let (code, message, seen) = call(&Kept::default(), path, Some(Err(why.clone()))).await;
            assert_eq!((code, seen), (7, None));
            assert!(message.starts_with("ARG-0704"), "{message}");
        }
    }
    let (code, ..) = call(&Kept::default(), "/grpc.health.v1.Health/Check", None).await;
    assert_eq!(code, 7, "a connection that says nothing about its peer");
}

#[tokio::test]
async fn what_a_person_changes_and_what_is_refused_is_recorded() {
    let kept = Kept::default();
    call(&kept, ASSIGN, Some(certified("admin"))).await;
    call(&kept, ASSIGN, Some(certified("readonly"))).await;
    call(&kept, REPORT, Some(certified("shard/s0"))).await;
    call(&kept, "/grpc.health.v1.Health/Check", Some(certified("readonly"))).await;
    let entries = kept.0.lock().expect("not poisoned").clone();
    assert_eq!(
        entries,
        [
            ("admin".to_owned(), ASSIGN.to_owned(), Verdict::Allowed),
            ("readonly".to_owned(), ASSIGN.to_owned(), Verdict::Denied),
        ]
    );
}
