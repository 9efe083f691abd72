//! The node agents of a region on one host: real journals and real streams, for machines of the shards at home there.
//!
//! What an agent would read from a driver is made up here, and nothing else: each event has a number in its text, so that one that is lost
//! or counted twice can be told from what the shard keeps.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argosy_agent::event::Draft;
use argosy_agent::host::Host;
use argosy_agent::journal::{Journal, JournalDisk, fresh_name};
use argosy_agent::post::Post;
use argosy_agent::uplink::{Dial, Uplink};
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{
    AgentHello, AgentSample, EventSource, GpuSample, HealthEvent, HealthEventType, HealthWatchSystem,
};
use argosy_workload::dice::Dice;
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use crate::layout::Layout;
use crate::sight::AgentSight;
use crate::wire::Road;

/// Bytes that a journal keeps.
const JOURNAL_BYTES: usize = 1 << 20;
/// Commands that may wait; nobody gives any.
const COMMANDS: usize = 4;
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often agents look whether something has happened, and how often it has.
const EVERY: Duration = Duration::from_millis(500);
const HAPPENS_PPM: u32 = 150_000;
/// XIDs of every class, and one that nobody knows.
const XIDS: [u64; 8] = [13, 31, 43, 63, 74, 79, 94, 999];
/// How an event's text begins; its number follows.
pub(crate) const EVENT: &str = "event number ";

/// The agents' place in the world.
pub(crate) struct Ward {
    layout: Arc<Layout>,
    region: String,
    patients: Vec<Patient>,
    /// Events that every agent has at once when it starts next.
    storm: Cell<u32>,
    still: Cell<bool>,
}

/// A machine's agent: what outlives its process.
struct Patient {
    machine: Arc<str>,
    shard: Arc<str>,
    disk: Arc<Mutex<Paper>>,
    /// Events that have ever happened.
    happened: Cell<u64>,
    post: RefCell<Option<Arc<Post>>>,
}

/// A file on a disk that forgets what was not synced.
#[derive(Debug, Default)]
struct Paper {
    durable: Vec<u8>,
    pending: Vec<u8>,
}

impl Paper {
    /// What a crash leaves of the last write is torn; a journal reads up to there.
    fn crash(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.durable.extend_from_slice(&pending[..pending.len() / 2]);
    }
}

/// A journal's hold of its file.
struct Sheet(Arc<Mutex<Paper>>);

impl Sheet {
    fn paper(&self) -> MutexGuard<'_, Paper> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalDisk for Sheet {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.paper().durable.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.paper().pending.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut paper = self.paper();
        let pending = std::mem::take(&mut paper.pending);
        paper.durable.extend(pending);
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        *self.paper() = Paper { durable: bytes.to_vec(), pending: Vec::new() };
        Ok(())
    }
}

/// Dials one node after the other.
struct Nodes(Arc<Layout>);

impl Dial for Nodes {
    fn channel(&self, attempt: u64) -> Result<Channel, String> {
        let count = self.0.nodes.len() as u64;
        let node = usize::try_from(attempt % count).ok().and_then(|at| self.0.nodes.get(at));
        node.map(|node| Road(Arc::clone(&self.0)).channel(node.port())).ok_or_else(|| "there are no nodes".to_owned())
    }
}

impl Patient {
    fn lives(machine: &str, shard: &str) -> Self {
        let (happened, post) = (Cell::new(0), RefCell::new(None));
        Self { machine: machine.into(), shard: shard.into(), disk: Arc::default(), happened, post }
    }

    /// A process of the agent: its stream runs until the host ends.
    fn start(&self, layout: &Arc<Layout>, boot: &str) {
        let sheet = Sheet(Arc::clone(&self.disk));
        sheet.paper().crash();
        let journal = Journal::open(Box::new(sheet), &fresh_name(), JOURNAL_BYTES);
        let post = Arc::new(Post::new(journal, boot));
        self.post.replace(Some(Arc::clone(&post)));
        let hello = AgentHello {
            agent_id: self.machine.to_string(),
            shard: self.shard.to_string(),
            boot_id: boot.to_owned(),
            version: "chaos".to_owned(),
            ..AgentHello::default()
        };
        // Both ends live as long as the stream: it ends without them.
        let (greeting, hello) = watch::channel(hello);
        let (orders, ordered) = mpsc::channel(COMMANDS);
        let uplink = Uplink::new(Nodes(Arc::clone(layout)), nowhere(), post, hello, orders, HEARTBEAT);
        tokio::task::spawn_local(async move {
            let _kept = (greeting, ordered);
            uplink.run().await;
        });
    }

    fn happen(&self, dice: &mut Dice) {
        let Some(post) = self.post.borrow().clone() else { return };
        self.happened.set(self.happened.get() + 1);
        let at = usize::try_from(dice.below(XIDS.len() as u64)).unwrap_or(0);
        let event = xid(XIDS[at], dice.below(8), self.happened.get());
        let sample = AgentSample { gpus: vec![GpuSample::default(); 8], ..AgentSample::default() };
        let records = [Record::Sample(sample), Record::Event(event)];
        post.write(records.into_iter().map(|record| (nowhere().now(), record)).collect(), |_| {});
    }

    fn look(&self) -> AgentSight {
        let waiting = self.post.borrow().as_ref().map(|post| post.waiting_events() as u64);
        AgentSight {
            machine: self.machine.clone(),
            shard: self.shard.clone(),
            happened: self.happened.get(),
            acknowledged: waiting.map(|waiting| self.happened.get().saturating_sub(waiting)),
        }
    }
}

/// A machine of which nothing can be read: its clock alone goes, and that is the world's.
fn nowhere() -> Host {
    Host::at(Path::new("/nonexistent"))
}

fn xid(code: u64, gpu: u64, number: u64) -> HealthEvent {
    let draft = Draft::new(HealthEventType::Xid, HealthWatchSystem::Driver, EventSource::KernelLog);
    let event = draft.metric("xid_code", code).message(&format!("{EVENT}{number}")).done();
    HealthEvent { gpu_index: i32::try_from(gpu).unwrap_or(-1), ..event }
}

impl Ward {
    pub(crate) fn new(layout: &Arc<Layout>, region: &str) -> Rc<Self> {
        let machines = layout.machines_with_agents(region);
        let patients = machines.into_iter().map(|(shard, machine)| Patient::lives(&machine, shard)).collect();
        Rc::new(Self {
            layout: Arc::clone(layout),
            region: region.to_owned(),
            patients,
            storm: Cell::new(0),
            still: Cell::new(false),
        })
    }

    /// The software of the host: all agents, from their start on.
    pub(crate) async fn watch(self: Rc<Self>) -> turmoil::Result {
        let now = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        let boot = format!("{}-{now}", self.region);
        let mut dice = self.layout.dice(&format!("agents/{boot}"));
        let storm = self.storm.take();
        for patient in &self.patients {
            patient.start(&self.layout, &boot);
            for _ in 0..storm {
                patient.happen(&mut dice);
            }
        }
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            for patient in &self.patients {
                if !self.still.get() && dice.chance(HAPPENS_PPM) {
                    patient.happen(&mut dice);
                }
            }
        }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Every agent has so many events at once when it starts next.
    pub(crate) fn storm(&self, events: u32) {
        self.storm.set(events);
    }

    /// From now on nothing happens.
    pub(crate) fn hold_still(&self) {
        self.still.set(true);
    }

    pub(crate) fn look(&self) -> Vec<AgentSight> {
        self.patients.iter().map(Patient::look).collect()
    }
}
