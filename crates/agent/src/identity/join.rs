//! The first certificate: with a token, from whichever door answers.

use std::time::Duration;

use argosy_proto::argosy::v1::JoinRequest;
use argosy_proto::argosy::v1::joining_client::JoiningClient;
use tokio::time::timeout;
use tonic::{Code, Request, Status};

use super::{Ask, Folder, IdentityError, Term, causes, unix_now};
use crate::pause::jittered;
use crate::uplink::Dial;

/// Pauses between attempts: the first and the longest, each drawn between half of it and all of it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns once there is a certificate that holds: the one that lies in the folder, or one for the token. Tries until a node says no;
/// that none answers is no answer.
///
/// # Errors
/// What no further attempt would change.
pub async fn obtain<D: Dial>(folder: &Folder, ask: &Ask, doors: &D) -> Result<Term, IdentityError> {
    let (mut attempt, mut pause, mut told) = (0_u64, FIRST_PAUSE, String::new());
    loop {
        let why = match once(folder, ask, doors, attempt).await {
            Ok(term) => return Ok(term),
            Err(Failed::ForGood(error)) => return Err(error),
            Err(Failed::ForNow(why)) => why,
        };
        if why != told {
            tracing::warn!(
                "ARG-1126: not joined yet: {why}; trying again. Each of `join.addresses` must be the `join.listen` of a node"
            );
            told = why;
        }
        attempt = attempt.wrapping_add(1);
        jittered(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether another attempt may help.
pub(super) enum Failed {
    ForNow(String),
    ForGood(IdentityError),
}

impl Failed {
    /// What failed while this certificate lay in the folder.
    fn of(error: IdentityError, lying: Option<&Term>) -> Self {
        let passes = match &error {
            // Clocks are set, at times long after a machine has booted.
            IdentityError::Clock { .. } => true,
            IdentityError::Token { .. } => lying.is_some(),
            // This machine had joined by a clock that was later than its clock is now: what a node says of the token decides nothing.
            _ => lying.is_some_and(|term| unix_now() < term.from_unix_s),
        };
        if passes { Self::ForNow(error.to_string()) } else { Self::ForGood(error) }
    }
}

/// One attempt. The folder is looked into each time: a clock that was set may have made what lies there good.
pub(super) async fn once<D: Dial>(folder: &Folder, ask: &Ask, doors: &D, attempt: u64) -> Result<Term, Failed> {
    let lying = folder.certificate(&ask.agent_id);
    if let Some(term) = lying.as_ref().filter(|term| term.holds(unix_now())) {
        return Ok(term.clone());
    }
    let for_good = |error| Failed::of(error, lying.as_ref());
    let token = ask.token.read().map_err(for_good)?;
    let request = folder.request().map_err(for_good)?.into();
    let channel = doors.channel(attempt).map_err(Failed::ForNow)?;
    let message = JoinRequest { token, agent_id: ask.agent_id.clone(), request };
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    let answered = timeout(PATIENCE, async { JoiningClient::new(channel).join(request).await }).await;
    let answered = answered.map_err(|_| Failed::ForNow("no answer in time".to_owned()))?;
    let issued = answered.map_err(|status| match refused(&status) {
        Ok(error) => for_good(error),
        Err(why) => Failed::ForNow(why),
    })?;
    let issued = issued.into_inner();
    let installed = folder.install(&ask.agent_id, &issued.certificate, &issued.authorities, issued.now_unix_s);
    let term = installed.map_err(for_good)?;
    tracing::info!(agent = ask.agent_id, until_unix_s = term.until_unix_s, "joined");
    Ok(term)
}

/// What a node has against us; or why there was no answer.
fn refused(status: &Status) -> Result<IdentityError, String> {
    use Code::{AlreadyExists, InvalidArgument, PermissionDenied, Unauthenticated};
    let said = causes(status);
    if let Some(at) = said.find("ARG-1124") {
        // Every layer says it again, in brackets of its own.
        let once = said[at..].split(')').next().unwrap_or_default();
        return Ok(IdentityError::OtherAuthority(once.to_owned()));
    }
    match status.code() {
        AlreadyExists | InvalidArgument | PermissionDenied | Unauthenticated => {
            Ok(IdentityError::Refused(status.message().to_owned()))
        }
        _ => Err(said),
    }
}
