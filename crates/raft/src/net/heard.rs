//! When any other node was last heard of, over any stream and for any group: a node that hears nobody is cut off.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The moment, written by every stream of the node.
#[derive(Debug)]
pub(crate) struct Heard {
    began: Instant,
    /// Milliseconds since it began.
    at_ms: AtomicU64,
}

impl Heard {
    /// Nobody has been heard of yet; silence is counted from now on.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), at_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Somebody has said something.
    pub(crate) fn note(&self) {
        self.at_ms.fetch_max(self.now_ms(), Ordering::Relaxed);
    }

    /// How long nobody has said anything.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(self.at_ms.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_word() {
        let heard = Heard::new();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(heard.silence(), Duration::from_secs(3));
        heard.note();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(heard.silence(), Duration::from_secs(1));
    }
}
