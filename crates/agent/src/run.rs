//! The running agent: sources into the journal, commands out of the stream.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind, AgentCommandState, AgentCommandUpdate, AgentHello, AgentInventory, EventSource,
    GpuDriver, GpuDriverState, HealthEventType, HealthWatchSystem,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::commands::{Ledger, Site};
use crate::event::{self, Draft};
use crate::gpu::{GpuThread, Gpus, Look, NvmlXid, XidThread};
use crate::host::{CpuTicks, Host, Moment};
use crate::kernel_log::{Entry, KernelLog};
use crate::merge::Merge;
use crate::post::Post;
use crate::snapshot;
use crate::uplink::{Dial, Uplink};
use crate::watch::{Thresholds, Watch};
use crate::xid::{FaultKind, Reading, read_line};

/// How often the kernel's log is looked into.
const LOG_INTERVAL: Duration = Duration::from_millis(500);
/// Records of the log that are taken at one time, so that a flood of them holds up nothing else.
const LOG_PORTION: usize = 512;
/// Commands that wait to be looked at.
const COMMAND_LANE: usize = 16;

/// How an agent works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As in its certificate.
    pub agent_id: String,
    /// The shard to ask first; empty for any.
    pub shard: String,
    /// The host's reference at its provider; empty to take the firmware's word.
    pub instance_id: String,
    /// Between two looks at the GPUs.
    pub sample_interval: Duration,
    /// How long the driver may take for one.
    pub driver_limit: Duration,
    /// Between two signs of life.
    pub heartbeat_interval: Duration,
    /// From where on a number is news.
    pub thresholds: Thresholds,
    /// NVIDIA's library; `None` for the one that the system finds.
    pub library: Option<PathBuf>,
    /// Whether to wait for XIDs in the driver too.
    pub nvml_xids: bool,
}

/// The parts of a machine that an agent needs.
pub struct Machine<G> {
    /// `/proc` and `/sys`.
    pub host: Host,
    /// Its GPUs.
    pub gpus: G,
    /// Its kernel's log, where it can be read.
    pub log: Option<Box<dyn KernelLog>>,
    /// What the site lets be run on it.
    pub site: Site,
}

struct Agent {
    settings: Settings,
    host: Host,
    log: Option<Box<dyn KernelLog>>,
    site: Site,
    post: Arc<Post>,
    watch: Watch,
    merge: Merge,
    /// The clock of `merge`, which must go on whatever `/proc` says.
    began: Instant,
    ledger: Ledger,
    running: JoinSet<AgentCommandUpdate>,
    look: Look,
    ticks: Option<CpuTicks>,
    hello: watch::Sender<AgentHello>,
}

/// Runs an agent until it is dropped.
pub async fn run<G: Gpus, D: Dial>(settings: Settings, machine: Machine<G>, post: Arc<Post>, dial: D) {
    let Machine { host, gpus, log, site } = machine;
    let marks = post.marks();
    let hello = AgentHello {
        agent_id: settings.agent_id.clone(),
        shard: settings.shard.clone(),
        boot_id: post.boot_id().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commands: site.switched_on(),
        ..AgentHello::default()
    };
    let (hello, greeting) = watch::channel(hello);
    let (orders, mut ordered) = mpsc::channel(COMMAND_LANE);
    let mut agent = Agent {
        watch: Watch::resume(settings.thresholds.clone(), &marks.watch, post.boot_id()),
        ledger: Ledger::decode(&marks.commands),
        ticks: host.cpu(),
        merge: Merge::default(),
        began: Instant::now(),
        running: JoinSet::new(),
        look: Look::default(),
        host: host.clone(),
        post: Arc::clone(&post),
        log,
        site,
        hello,
        settings: settings.clone(),
    };
    agent.close_open_commands();
    let mut looks = looks(gpus, &settings);
    let mut xids = settings.nvml_xids.then(|| XidThread::start(settings.library.clone()));
    // The first look comes before the first greeting: it carries the inventory.
    if let Some(look) = looks.recv().await {
        agent.looked(look);
    }
    let uplink = Uplink::new(dial, host, post, greeting, orders, settings.heartbeat_interval);
    let uplink = uplink.run();
    tokio::pin!(uplink);
    let mut reading = interval(LOG_INTERVAL);
    reading.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut uplink => return,
            Some(look) = looks.recv() => agent.looked(look),
            _ = reading.tick() => agent.read_log(),
            xid = next_xid(&mut xids) => agent.reported(xid),
            Some(command) = ordered.recv() => agent.ordered(command),
            Some(Ok(update)) = agent.running.join_next() => agent.ended(update),
        }
    }
}

async fn next_xid(xids: &mut Option<XidThread>) -> NvmlXid {
    match xids {
        Some(xids) => xids.next().await,
        None => std::future::pending().await,
    }
}

/// Looks at the GPUs again and again, on a task of its own: a driver that hangs holds up nothing else.
fn looks(gpus: impl Gpus, settings: &Settings) -> mpsc::Receiver<Look> {
    let (sender, looks) = mpsc::channel(1);
    let (every, limit) = (settings.sample_interval, settings.driver_limit);
    let mut gpus = GpuThread::start(gpus);
    tokio::spawn(async move {
        let mut due = interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            let look = gpus.look(limit).await.unwrap_or_else(|stuck| {
                let driver =
                    GpuDriver { state: GpuDriverState::Lost.into(), error: stuck.to_string(), ..GpuDriver::default() };
                Look { driver, ..Look::default() }
            });
            if sender.send(look).await.is_err() {
                return;
            }
        }
    });
    looks
}

impl Agent {
    /// A look has come: its events, its sample, and the inventory if that changed.
    fn looked(&mut self, look: Look) {
        let now = self.host.now();
        let mut records: Vec<(Moment, Record)> =
            self.watch.observe(&look, now.boottime_ms).into_iter().map(|event| (now, Record::Event(event))).collect();
        let (sample, ticks) = snapshot::sample(&self.host, self.ticks.take(), &look);
        self.ticks = ticks;
        records.push((now, Record::Sample(sample)));
        let inventory = snapshot::inventory(&self.host, &self.settings.instance_id, &look);
        if self.changed(&inventory) {
            records.push((now, Record::Inventory(inventory.clone())));
            self.hello.send_modify(|hello| hello.inventory = Some(inventory));
        }
        self.look = look;
        let baseline = self.watch.baseline();
        self.post.write(records, |marks| marks.watch = baseline);
    }

    fn changed(&self, inventory: &AgentInventory) -> bool {
        self.hello.borrow().inventory.as_ref() != Some(inventory)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The driver reported an XID; its line may come yet.
    fn reported(&mut self, xid: NvmlXid) {
        self.merge.report(self.elapsed_ms(), xid);
    }

    /// Takes what is new in the kernel's log, and what the driver alone reported.
    fn read_log(&mut self) {
        let now = self.host.now();
        for _ in 0..LOG_PORTION {
            let Some(log) = &mut self.log else { break };
            match log.next() {
                Ok(Some(entry)) => self.logged(&entry, now),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "the kernel's log cannot be read; going on without it");
                    self.log = None;
                }
            }
        }
        for xid in self.merge.overdue(self.elapsed_ms()) {
            let event = event::of_nvml_xid(&xid, &self.look.devices, &self.look.driver.version);
            self.post.write(vec![(now, Record::Event(event))], |_| {});
        }
    }

    fn logged(&mut self, entry: &Entry, now: Moment) {
        let marks = self.post.marks();
        let old = marks.kernel_boot_id == self.post.boot_id() && entry.sequence <= marks.kernel_sequence;
        let reading = read_line(&entry.text);
        if old || reading == Reading::Other {
            return;
        }
        let elapsed_ms = self.elapsed_ms();
        let event = match reading {
            Reading::Fault(fault) => {
                let confirmed = fault.kind == FaultKind::Xid && self.merge.line(elapsed_ms, fault.code, fault.pci);
                let mut event = event::of_fault(&fault, &entry.text, &self.look.devices, &self.look.driver.version);
                if confirmed {
                    event.sources.push(EventSource::Nvml.into());
                }
                event
            }
            _ => event::of_unreadable(&entry.text),
        };
        let (boot_id, sequence) = (self.post.boot_id().to_owned(), entry.sequence);
        self.post.write(vec![(moment(entry, now), Record::Event(event))], |marks| {
            marks.kernel_boot_id = boot_id;
            marks.kernel_sequence = sequence;
        });
    }

    /// A command has come. It is in the ledger, on disk, before it is begun.
    fn ordered(&mut self, command: AgentCommand) {
        let refusal = self.site.refusal(&command);
        let update = match (self.ledger.known(&command.id), refusal) {
            (Some(known), _) => known,
            (None, Some(reason)) => {
                self.ledger.begin(&command, self.post.boot_id());
                let (id, kind) = (command.id.clone(), command.kind);
                let state = AgentCommandState::Refused.into();
                let refused = AgentCommandUpdate { id, kind, state, output: reason, ..AgentCommandUpdate::default() };
                self.ledger.end(&refused);
                refused
            }
            (None, None) => {
                tracing::info!(id = command.id, kind = ?command.kind(), reason = command.reason, "command accepted");
                let accepted = self.ledger.begin(&command, self.post.boot_id());
                self.tell(vec![Record::Command(accepted)]);
                self.running.spawn(self.site.clone().run(command));
                return;
            }
        };
        self.tell(vec![Record::Command(update)]);
    }

    fn ended(&mut self, update: AgentCommandUpdate) {
        tracing::info!(id = update.id, state = ?update.state(), "command ended");
        self.ledger.end(&update);
        let reset = update.kind() == AgentCommandKind::ResetGpu && update.state() == AgentCommandState::Succeeded;
        let mut records = vec![Record::Command(update)];
        if reset {
            let draft = Draft::new(HealthEventType::GpuReset, HealthWatchSystem::Driver, EventSource::Sample);
            records.push(Record::Event(draft.message("GPUs were reset by a command").done()));
        }
        self.tell(records);
    }

    /// Tells of the commands that an earlier life of this agent began and did not end.
    fn close_open_commands(&mut self) {
        let closed = self.ledger.close_open(self.post.boot_id());
        self.tell(closed.into_iter().map(Record::Command).collect());
    }

    fn tell(&self, records: Vec<Record>) {
        let now = self.host.now();
        let ledger = self.ledger.encode();
        self.post.write(records.into_iter().map(|record| (now, record)).collect(), |marks| marks.commands = ledger);
    }
}

/// When a record of the log was written, on both clocks; a bare line has no time of its own.
fn moment(entry: &Entry, now: Moment) -> Moment {
    if entry.boottime_ms == 0 {
        return now;
    }
    let ago = now.boottime_ms.saturating_sub(entry.boottime_ms);
    Moment { boottime_ms: entry.boottime_ms, unix_ms: now.unix_ms - i64::try_from(ago).unwrap_or(0) }
}
