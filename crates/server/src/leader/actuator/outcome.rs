//! From a provider's answer to what the log is told of an attempt.
//!
//! The distinction that matters is whether the call can have been executed: what is not known to be refused is unknown,
//! and then nothing else is done with the machine until it is observed or a newer attempt has settled it.

use argosy_provider::client::{Accepted, Refusal as Answer};
use argosy_shard::{Outcome, Refusal};

use crate::leader::observed::observed;

/// Longest text of a provider that goes into the log.
const MAX_TEXT_BYTES: usize = 256;

/// What an accepted call comes to: it was accepted, and maybe what the machine looks like now.
pub(super) fn accepted(accepted: Accepted) -> Vec<Outcome> {
    let taken = Outcome::Accepted { provider_operation: cut(accepted.operation_id) };
    let seen = accepted.machine.map(|machine| Outcome::Seen(Box::new(observed(machine))));
    std::iter::once(taken).chain(seen).collect()
}

/// What a call that was not accepted comes to.
pub(super) fn refused(answer: &Answer) -> Outcome {
    let refusal = match answer {
        Answer::Timeout | Answer::Unavailable(_) => return Outcome::Unknown { text: cut(answer.to_string()) },
        Answer::Fenced => Refusal::Fenced,
        Answer::NotFound => Refusal::NotFound,
        Answer::Invalid(_) | Answer::Unauthorised(_) => Refusal::Invalid,
        Answer::Unimplemented => Refusal::Unimplemented,
        Answer::Throttled { .. } => Refusal::Throttled,
        Answer::OutOfPosition(_) => Refusal::OutOfPosition,
    };
    Outcome::Refused { refusal, text: cut(answer.to_string()) }
}

/// The name of an outcome in metrics.
pub(super) fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Seen(_) => "success",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Refused { refusal: Refusal::NoBlob, .. } => "blob_error",
        Outcome::Refused { refusal, .. } => refusal.name(),
    }
}

/// Cuts a text to what the log takes, at a character.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_proves_nothing_is_unknown_and_not_refused() {
        for answer in [Answer::Timeout, Answer::Unavailable("reset".to_owned())] {
            assert!(matches!(refused(&answer), Outcome::Unknown { .. }), "{answer:?}");
        }
        let fenced = refused(&Answer::Fenced);
        assert!(matches!(fenced, Outcome::Refused { refusal: Refusal::Fenced, .. }));
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut("ä".repeat(200)).len(), 256);
        assert_eq!(cut(format!("a{}", "ä".repeat(200))).len(), 255);
        assert_eq!(cut("short".to_owned()), "short");
    }
}
