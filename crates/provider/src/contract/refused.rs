//! Why a provider turns a call down, and the status that says so.

use tonic::Status;

/// The standard trailer in which gRPC servers say how long to wait.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request itself is wrong.
    Invalid(&'static str),
    /// A newer token has been seen.
    Fenced,
    /// No such machine.
    NotFound,
    /// The machine is not in a state from which this starts.
    OutOfPosition(String),
    /// The provider cannot do this at all.
    Unsupported(&'static str),
    /// Too many calls.
    Throttled {
        /// How long to wait.
        pause_ms: u32,
    },
    /// Nothing was looked at.
    Unavailable(&'static str),
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(what) => Self::invalid_argument(what),
            Refused::Fenced => {
                Self::failed_precondition("fenced: a newer token of this shard has been seen for this machine")
            }
            Refused::NotFound => Self::not_found("no such machine"),
            Refused::OutOfPosition(what) => Self::internal(what),
            Refused::Unsupported(what) => Self::unimplemented(what),
            Refused::Unavailable(what) => Self::unavailable(what),
            Refused::Throttled { pause_ms } => {
                let mut status = Self::resource_exhausted("too many calls; slow down");
                status.metadata_mut().insert(PUSHBACK, pause_ms.into());
                status
            }
        }
    }
}
