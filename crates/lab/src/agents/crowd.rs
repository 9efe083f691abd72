//! Whole agents: an uplink over a connection of its own, a journal, a certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use argosy_agent::event::Draft;
use argosy_agent::host::Host;
use argosy_agent::journal::{Journal, JournalDisk, fresh_name};
use argosy_agent::post::Post;
use argosy_agent::uplink::{Dial, Uplink};
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{EventSource, HealthEventType, HealthWatchSystem};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use super::stage::Stage;
use super::words::{Tally, hello, sample};
use super::{LoadError, Options, phase};

/// Bytes that a journal keeps while its agent waits.
const JOURNAL_BYTES: usize = 64 << 10;
/// Between two signs of life, as an agent is configured when nothing is said.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A fault after which a machine is replaced: the GPU has fallen off the bus.
const FATAL_XID: u64 = 79;

/// The whole agents. Dropping them ends them.
pub(super) struct Crowd {
    posts: Vec<Arc<Post>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// The one connection of an agent, which connects again by itself.
struct Line(Channel);

impl Dial for Line {
    fn channel(&self, _: u64) -> Result<Channel, String> {
        Ok(self.0.clone())
    }
}

/// A disk that is never read again: these agents do not outlive their process.
struct Nowhere;

impl JournalDisk for Nowhere {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn replace(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Crowd {
    /// Starts the agents that have connections of their own.
    pub(super) fn start(stage: &Stage, options: &Options, tally: &Arc<Tally>) -> Result<Self, LoadError> {
        let mut crowd = Self { posts: Vec::new(), _tasks: Vec::new() };
        for at in 0..options.streams {
            let machine = stage.machine(at);
            let post = Arc::new(Post::new(Journal::open(Box::new(Nowhere), &fresh_name(), JOURNAL_BYTES), "load"));
            let line = Line(stage.agent_channel(&machine)?);
            let begins = Instant::now() + phase(at, options.agents, options.interval);
            let hello = hello(&machine, stage.shard());
            let (post_of, tally) = (Arc::clone(&post), Arc::clone(tally));
            let every = options.interval;
            let life = async move {
                let (_greeting, greeting) = watch::channel(hello);
                let (commands, _commands) = mpsc::channel(1);
                let uplink = Uplink::new(line, Host::default(), Arc::clone(&post_of), greeting, commands, HEARTBEAT);
                tokio::join!(uplink.run(), look(machine, post_of, begins, every, tally));
            };
            crowd.posts.push(post);
            crowd._tasks.push(AbortOnDropHandle::new(tokio::spawn(life)));
        }
        Ok(crowd)
    }

    /// So many of these machines lose a GPU.
    pub(super) fn faults(&self, machines: u32) {
        for post in self.posts.iter().take(machines as usize) {
            let draft = Draft::new(HealthEventType::Xid, HealthWatchSystem::Driver, EventSource::KernelLog);
            let event = draft.metric("xid_code", FATAL_XID).message("GPU has fallen off the bus").done();
            post.write(vec![(Host::default().now(), Record::Event(event))], |_| {});
        }
    }
}

/// Looks at the machine for ever.
async fn look(machine: String, post: Arc<Post>, begins: Instant, every: Duration, tally: Arc<Tally>) {
    let mut tick = interval_at(begins, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        tick.tick().await;
        let sample = sample(&machine, turn);
        tally.said(sample.encoded_len());
        post.write(vec![(Host::default().now(), Record::Sample(sample))], |_| {});
    }
}
