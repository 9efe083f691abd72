//! Whether a token lets an agent in: asked by the leader before it proposes, and by the fold when it counts.
//!
//! The leader asks first so that a wrong guess never becomes an entry: whoever has no token cannot make the log grow.

use serde::{Deserialize, Serialize};

use super::text::{allows, is_name};
use super::{Moment, Token, TokenBook, TokenRefusal};
use crate::plant::{Bug, planted};

/// An agent that shows a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The token's id.
    pub token: String,
    /// SHA-256 of the secret that was shown.
    pub secret_hash: [u8; 32],
    /// The name that is to stand in its certificate.
    pub agent: String,
    /// SHA-256 of its public key: the same key again is the same use.
    pub key: [u8; 32],
}

/// Whether a use was counted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is one more use.
    New,
    /// This agent was let in with this key: to let it in again changes nothing.
    Counted,
}

impl TokenBook {
    /// Whether an agent would be let in at this moment.
    ///
    /// # Errors
    /// Why not.
    pub fn would_admit(&self, ask: &Admission, at_unix_s: u64) -> Result<Standing, TokenRefusal> {
        self.judge(ask, self.moment(at_unix_s))
    }

    /// Lets an agent in, and counts the use once.
    pub(crate) fn admit(&mut self, ask: &Admission, at_unix_s: u64) -> Result<(), TokenRefusal> {
        let now = self.advance(at_unix_s);
        let standing = self.judge(ask, now)?;
        if (standing == Standing::New || planted(Bug::ReplayCounted)) && !planted(Bug::UsesNotCounted) {
            let key = if planted(Bug::ReplayCounted) { self.any_free_key(&ask.token, ask.key) } else { ask.key };
            if let Some(token) = self.tokens.get_mut(&ask.token) {
                token.admitted.insert(key, ask.agent.clone());
                token.names.insert(ask.agent.clone());
            }
        }
        Ok(())
    }

    fn judge(&self, ask: &Admission, now: Moment) -> Result<Standing, TokenRefusal> {
        let token = self.tokens.get(&ask.token).ok_or(TokenRefusal::Unknown)?;
        // Nothing about a token is told to anybody who does not hold it.
        if !same_secret(&token.asked.secret_hash, &ask.secret_hash) {
            return Err(TokenRefusal::Unknown);
        }
        let id = || ask.token.clone();
        if token.revoked.is_some() && !planted(Bug::RevocationIgnored) {
            return Err(TokenRefusal::Revoked { id: id() });
        }
        if token.expires.is_over_since(now, 0) && !planted(Bug::ExpiryIgnored) {
            return Err(TokenRefusal::Expired { id: id() });
        }
        let in_scope = is_name(&ask.agent) && allows(&token.asked.agents, &ask.agent);
        if !in_scope && !planted(Bug::ScopeIgnored) {
            let agent = super::text::cut(&ask.agent);
            return Err(TokenRefusal::OutOfScope { id: id(), agents: token.asked.agents.clone(), agent });
        }
        standing(token, ask)
    }

    /// For [`Bug::ReplayCounted`]: a place in the book for a use that is counted again.
    fn any_free_key(&self, id: &str, mut key: [u8; 32]) -> [u8; 32] {
        while self.tokens.get(id).is_some_and(|token| token.admitted.contains_key(&key)) {
            key[0] = key[0].wrapping_add(1);
        }
        key
    }
}

fn standing(token: &Token, ask: &Admission) -> Result<Standing, TokenRefusal> {
    let other = |agent: &String| TokenRefusal::OtherKey { id: ask.token.clone(), agent: agent.clone() };
    match token.admitted.get(&ask.key) {
        // The answer was lost, and the agent asks again.
        Some(agent) if *agent == ask.agent => return Ok(Standing::Counted),
        Some(agent) => return Err(other(agent)),
        None => {}
    }
    // Else one who has a token for many machines could take the name of each that came before.
    if !token.asked.rejoin && token.names.contains(&ask.agent) {
        return Err(other(&ask.agent));
    }
    if token.admitted.len() as u64 >= token.asked.uses {
        return Err(TokenRefusal::UsedUp { id: ask.token.clone(), uses: token.asked.uses });
    }
    Ok(Standing::New)
}

/// Looks at every byte, wherever the first difference is. What is compared are hashes of secrets that nobody can guess, so a
/// comparison that ends early would tell nothing either; this way nobody has to think about it.
pub(super) fn same_secret(known: &[u8; 32], shown: &[u8; 32]) -> bool {
    let looked_at = if planted(Bug::SecretByPrefix) { 4 } else { known.len() };
    let pairs = known.iter().zip(shown).take(looked_at);
    std::hint::black_box(pairs.fold(0_u8, |difference, (a, b)| difference | (a ^ b))) == 0
}
