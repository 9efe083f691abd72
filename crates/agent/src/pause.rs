//! The pause before another attempt.

use std::time::Duration;

/// Waits between half of a pause and all of it: a thousand agents that lost one node at once must not come back at once.
pub(crate) async fn jittered(pause: Duration) {
    tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
}
