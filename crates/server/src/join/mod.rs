//! From a join token to an agent's certificate, and from one certificate to the next.
//!
//! A machine without a certificate comes to the `door`, a listener of its own where nothing else is served. The `desk` behind it
//! reads the token and the request, has the coordinator's leader let the agent in and count the use (`api::tokens`), and has the
//! `office` sign. An agent that has a certificate renews it at the `renewal` service of the ordinary listener, without the coordinator:
//! agents stay agents while it is gone.
//!
//! Nothing here decides whom a token lets in; that is the book's (crates/coordinator). Nothing here keeps a secret or logs one.

mod desk;
mod door;
mod knocks;
mod office;
mod renewal;

use std::time::{SystemTime, UNIX_EPOCH};

pub use argosy_coordinator::tokens::{BadToken, JoinToken};
use ring::rand::{SecureRandom as _, SystemRandom};

pub(crate) use desk::Desk;
pub(crate) use door::open;
pub(crate) use office::Office;
pub(crate) use renewal::RenewalService;

/// A token that nobody can guess; `None` when the system has no randomness to give.
#[must_use]
pub fn fresh_token() -> Option<JoinToken> {
    let (mut id, mut secret) = ([0; 10], [0; 32]);
    let random = SystemRandom::new();
    random.fill(&mut id).and_then(|()| random.fill(&mut secret)).ok()?;
    Some(JoinToken::from_random(id, secret))
}

/// The moment by this node's wall clock: certificates and tokens are for people's calendars, so nothing else will do here.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
