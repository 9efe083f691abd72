//! What a call that was not accepted means for the operation behind it.

use std::time::Duration;

use thiserror::Error;
use tonic::{Code, Status};

/// The standard trailer of gRPC in which a server says how long to wait.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Why a provider did not accept a call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A newer fence has been seen: whoever sent this no longer leads. Never retry.
    #[error("ARG-0501: fenced: the provider has seen a newer fence of this shard for this machine")]
    Fenced,
    /// The provider does not know the machine.
    #[error("ARG-0502: the provider does not know this machine")]
    NotFound,
    /// The request, or what came back, breaks the contract.
    #[error("ARG-0503: the provider and Argosy disagree about the contract: {0}")]
    Invalid(String),
    /// The provider cannot do this at all, as with Delete on owned metal.
    #[error("ARG-0504: the provider does not support this call")]
    Unimplemented,
    /// Too many calls, or a quota is used up.
    #[error("ARG-0505: the provider asks to slow down")]
    Throttled {
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// The machine is not in a state from which this can start.
    #[error("ARG-0506: the machine is not in a state that allows this: {0}")]
    OutOfPosition(String),
    /// The provider could not be reached, or broke off. It may have acted.
    #[error("ARG-0507: the provider cannot be reached: {0}")]
    Unavailable(String),
    /// No answer before the deadline. It may have acted.
    #[error("ARG-0508: no answer from the provider before the deadline")]
    Timeout,
    /// Our certificate does not let us do this.
    #[error("ARG-0509: the provider does not accept our identity: {0}")]
    Unauthorised(String),
}

impl Refusal {
    pub(super) fn from_status(status: &Status) -> Self {
        let message = || status.message().to_owned();
        match status.code() {
            Code::FailedPrecondition => Self::Fenced,
            Code::NotFound => Self::NotFound,
            // The limits of our own decoder also speak as OutOfRange.
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid(message()),
            Code::Unimplemented => Self::Unimplemented,
            Code::ResourceExhausted => Self::Throttled { retry_after: pushback(status) },
            Code::Internal | Code::Aborted | Code::AlreadyExists => Self::OutOfPosition(message()),
            // tonic reports the deadline that it keeps for us as CANCELLED.
            Code::DeadlineExceeded | Code::Cancelled => Self::Timeout,
            Code::PermissionDenied | Code::Unauthenticated => Self::Unauthorised(message()),
            Code::Ok | Code::Unknown | Code::Unavailable | Code::DataLoss => Self::Unavailable(message()),
        }
    }

    /// Whether the provider may have begun the transition although the call failed. Until the machine is observed, or a newer fence has
    /// been accepted, nothing else may be done with it.
    ///
    /// INTERNAL counts: it is the contract's word for "out of position", but also what a crashing server says.
    #[must_use]
    pub fn may_have_executed(&self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable(_) | Self::OutOfPosition(_))
    }

    /// Whether the answer proves that the provider's mark is now at least the fence of this call, so that nothing older can still take
    /// effect. A throttled or refused call may never have reached the fence.
    #[must_use]
    pub fn proves_barrier(&self) -> bool {
        matches!(self, Self::Fenced | Self::NotFound)
    }
}

fn pushback(status: &Status) -> Option<Duration> {
    let text = status.metadata().get(PUSHBACK)?.to_str().ok()?;
    // Negative means "do not retry"; the log decides about that, so it only carries no pause.
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failed_precondition_means_fenced() {
        let all = (0..=16).map(Code::from_i32);
        let fenced = all.filter(|code| Refusal::from_status(&Status::new(*code, "")) == Refusal::Fenced);
        assert_eq!(fenced.collect::<Vec<_>>(), [Code::FailedPrecondition]);
    }

    #[test]
    fn an_answer_that_proves_nothing_leaves_the_attempt_maybe_executed() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown, Code::Internal] {
            assert!(Refusal::from_status(&Status::new(code, "")).may_have_executed(), "{code:?}");
        }
        for code in [Code::FailedPrecondition, Code::NotFound, Code::ResourceExhausted, Code::Unimplemented] {
            assert!(!Refusal::from_status(&Status::new(code, "")).may_have_executed(), "{code:?}");
        }
    }

    #[test]
    fn a_throttled_call_carries_the_pause_that_the_provider_named() {
        let mut status = Status::resource_exhausted("slow down");
        assert_eq!(Refusal::from_status(&status), Refusal::Throttled { retry_after: None });
        status.metadata_mut().insert(PUSHBACK, "250".parse().expect("ascii"));
        let retry_after = Some(Duration::from_millis(250));
        assert_eq!(Refusal::from_status(&status), Refusal::Throttled { retry_after });
    }
}
