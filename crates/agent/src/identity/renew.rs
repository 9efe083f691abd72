//! The next certificate, before this one is over. The stream to the leader is not touched: it goes on with the certificate it began with,
//! and the next connection takes the new one from the folder.

use std::time::Duration;

use argosy_proto::argosy::v1::RenewRequest;
use argosy_proto::argosy::v1::agent_identity_client::AgentIdentityClient;
use tokio::time::timeout;
use tonic::Request;

use super::join::{Failed, once};
use super::{Ask, Folder, Term, causes, unix_now};
use crate::pause::jittered;
use crate::uplink::Dial;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The wall clock is looked at this often: it may be set, and a machine may have slept.
const LOOK: Duration = Duration::from_secs(30);

/// Pauses between attempts without a certificate that holds: the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Keeps the certificate fresh until it is dropped. One that is over all the same is asked for with the token again, with the same key,
/// which is no new use of it.
pub async fn keep<D: Dial, N: Dial>(folder: &Folder, ask: &Ask, mut term: Term, doors: &D, nodes: &N) {
    let mut not_before = 0;
    loop {
        until(term.renew_at(rand::random()).max(not_before)).await;
        term = next(folder, ask, &term, doors, nodes).await;
        tracing::info!(until_unix_s = term.until_unix_s, "the certificate was renewed");
        // One that hardly lasts, because its authority ends, is no reason to ask without a pause.
        not_before = unix_now() + 1;
    }
}

/// Asks until there is another certificate: as the agent that it is while this one holds, and after that as one that joins.
async fn next<D: Dial, N: Dial>(folder: &Folder, ask: &Ask, term: &Term, doors: &D, nodes: &N) -> Term {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 0_u64;
    loop {
        let asked = if term.holds(unix_now()) {
            renew(folder, ask, nodes, attempt).await.map_err(Failed::ForNow)
        } else {
            once(folder, ask, doors, attempt).await
        };
        attempt = attempt.wrapping_add(1);
        let (why, is_final) = match asked {
            Ok(fresh) => return fresh,
            Err(Failed::ForNow(why)) => (why, false),
            Err(Failed::ForGood(error)) => (error.to_string(), true),
        };
        let now = unix_now();
        if term.holds(now) {
            let left_s = term.until_unix_s - now;
            tracing::warn!("ARG-1129: the certificate was not renewed and holds for {left_s} s more: {why}");
            jittered(term.retry_after(now)).await;
            continue;
        }
        tracing::warn!("ARG-1129: the certificate does not hold any more, and the token got no other: {why}");
        // The machines of a site that was off for a weekend come back together, and every new one has to pass the same doors.
        if is_final {
            pause = LONGEST_PAUSE;
        }
        jittered(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn until(unix_s: i64) {
    loop {
        let left = u64::try_from(unix_s - unix_now()).unwrap_or(0);
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_secs(left).min(LOOK)).await;
    }
}

async fn renew<N: Dial>(folder: &Folder, ask: &Ask, nodes: &N, attempt: u64) -> Result<Term, String> {
    let request = folder.request().map_err(|error| error.to_string())?.into();
    let channel = nodes.channel(attempt)?;
    let mut request = Request::new(RenewRequest { request });
    request.set_timeout(PATIENCE);
    let answered = timeout(PATIENCE, async { AgentIdentityClient::new(channel).renew(request).await }).await;
    let issued = answered.map_err(|_| "no answer in time".to_owned())?.map_err(|status| causes(&status))?.into_inner();
    let installed = folder.install(&ask.agent_id, &issued.certificate, &issued.authorities, issued.now_unix_s);
    installed.map_err(|error| error.to_string())
}
