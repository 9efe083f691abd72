//! Going down in order, within five seconds: sessions first, then leaderships, then the listener, the store last.

use std::time::Duration;

use tokio::time::timeout;

use super::{Node, NodeError};

/// Most time for sessions to be told.
const SESSIONS: Duration = Duration::from_millis(500);
/// Most time for leaders' work to end.
const WORK: Duration = Duration::from_secs(1);
/// Most time to hand leaderships over and stop the replicas.
const HAND_OVER: Duration = Duration::from_millis(2_500);
/// Most time for connections to end.
const CONNECTIONS: Duration = Duration::from_millis(500);

impl Node {
    /// Stops the node: operators are told to go elsewhere, leaderships are handed over, everything acknowledged is on
    /// disk.
    pub async fn shutdown(mut self) {
        tracing::info!("shutting down");
        self.closing.cancel();
        if timeout(SESSIONS, self.sessions.drained()).await.is_err() {
            tracing::warn!(open = self.sessions.open(), "some sessions did not end in time");
        }
        self.stopping.cancel();
        self.work.close();
        if timeout(WORK, self.work.wait()).await.is_err() {
            tracing::warn!("some of the leaders' work did not end in time");
        }
        // The listener is still open: a hand-over needs to talk.
        if timeout(HAND_OVER, self.host.shutdown()).await.is_err() {
            tracing::warn!("the replicas did not stop in time; the others elect new leaders by themselves");
        }
        self.unplugged.cancel();
        if timeout(CONNECTIONS, &mut self.server).await.is_err() {
            self.server.abort();
        }
        crate::leader::inline(|| self.store.close());
        tracing::info!("shut down");
    }

    /// Returns when the server has ended by itself, which it should not.
    pub(super) async fn broken(&mut self) -> NodeError {
        match (&mut self.server).await {
            Ok(Ok(())) => NodeError::Server("the listener closed".to_owned()),
            Ok(Err(error)) => NodeError::Server(error.to_string()),
            Err(error) => NodeError::Server(error.to_string()),
        }
    }
}
