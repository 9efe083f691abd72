//! The stream to the leader: sends the journal, takes acknowledgements and commands, and comes back when it is cut.
//!
//! It keeps no records of its own. At most two batches are on their way; the next one waits for an acknowledgement, and the
//! journal, not this, grows meanwhile.

mod session;

use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::{AgentCommand, AgentHello};
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use crate::host::Host;
use crate::pause::jittered;
use crate::post::Post;

/// Pauses between attempts: the first, and the longest. Each is drawn between half of it and all of it, so that the agents of a
/// fleet that lost its leader do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Makes channels to the installation: the seam for TLS and the network.
pub trait Dial: Send + Sync + 'static {
    /// A channel to one of the nodes; the attempts count up, so that each goes to another one.
    ///
    /// # Errors
    /// When there is none to be had, with the reason.
    fn channel(&self, attempt: u64) -> Result<Channel, String>;
}

/// The stream, over all its connections.
pub struct Uplink<D> {
    dial: D,
    host: Host,
    post: Arc<Post>,
    /// The greeting, with the newest inventory; its journal is filled in.
    hello: watch::Receiver<AgentHello>,
    commands: mpsc::Sender<AgentCommand>,
    heartbeat: Duration,
}

impl<D: Dial> Uplink<D> {
    /// A stream that sends `post`, and hands commands to `commands`.
    #[must_use]
    pub fn new(
        dial: D,
        host: Host,
        post: Arc<Post>,
        hello: watch::Receiver<AgentHello>,
        commands: mpsc::Sender<AgentCommand>,
        heartbeat: Duration,
    ) -> Self {
        Self { dial, host, post, hello, commands, heartbeat }
    }

    /// Sends until it is dropped.
    pub async fn run(self) {
        let (mut attempt, mut pause) = (0_u64, FIRST_PAUSE);
        let mut told = String::new();
        loop {
            let ended = match self.dial.channel(attempt) {
                Ok(channel) => self.session(channel).await,
                Err(reason) => session::Ended { welcomed: false, reason },
            };
            if ended.welcomed || ended.reason != told {
                tracing::warn!(reason = ended.reason, waiting = self.post.waiting(), "not connected; records are kept");
            }
            told = ended.reason;
            pause = if ended.welcomed { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            attempt = attempt.wrapping_add(1);
            jittered(pause).await;
        }
    }
}
