//! Why there is no answer.

use std::time::Duration;

/// Why a request brought no answer. What a server answers, whatever its status, is no error here. No variant holds anything of the request,
/// so that no header can get into a log.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The platform's certificate authorities, or those of a file, cannot be had.
    #[error("certificate authorities cannot be read: {0}")]
    Authorities(String),
    /// Nobody answered there, or the connection broke.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// Plain HTTP would have left this machine.
    #[error("plain http stays on this machine; use https")]
    PlainAbroad,
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The answer is longer than the caller takes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}
