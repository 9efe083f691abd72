//! A node on its host: the real one, over the world's network and a simulated disk. It can crash, stop in order and start again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use argosy_failpoint::Planted;
use argosy_raft::NodeId;
use argosy_server::node::{Node, Setup};
use argosy_server::tls::{Dialer, Limits, Security};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Disk, Drive, Identity, InstanceId, Store};
use tokio::sync::Notify;

use crate::layout::{Layout, NodeSite};
use crate::planted;
use crate::sight::{NodeSight, ReplicaSight, Tape};
use crate::wire::{Door, Road};

/// A node's place in the world: what is left of it while it is down.
pub(crate) struct Station {
    pub(crate) site: NodeSite,
    layout: Arc<Layout>,
    disk: RefCell<SimDisk>,
    sync: Rc<Cell<Duration>>,
    paused: Rc<Paused>,
    life: Cell<u32>,
    wipes: Cell<u32>,
    running: RefCell<Option<Running>>,
    refused: RefCell<Option<String>>,
    stop: RefCell<Rc<Notify>>,
    planted: Option<Planted>,
}

/// Whether a node stands still, and its end.
#[derive(Default)]
struct Paused {
    on: Cell<bool>,
    over: Notify,
}

struct Running {
    node: Node,
    store: Arc<Store>,
    tapes: Vec<Arc<Tape>>,
}

impl Station {
    pub(crate) fn new(layout: &Arc<Layout>, site: &NodeSite, planted: Option<Planted>) -> Rc<Self> {
        let seed = layout.dice(&format!("disk/{}", site.id)).bits();
        Rc::new(Self {
            site: site.clone(),
            layout: Arc::clone(layout),
            disk: RefCell::new(SimDisk::new(seed)),
            sync: Rc::new(Cell::new(Duration::from_millis(layout.shape.sync_ms))),
            paused: Rc::default(),
            life: Cell::new(0),
            wipes: Cell::new(0),
            running: RefCell::new(None),
            refused: RefCell::new(None),
            stop: RefCell::default(),
            planted,
        })
    }

    /// The software of the host: one life of the node, to its end.
    pub(crate) async fn live(self: Rc<Self>) -> turmoil::Result {
        self.life.set(self.life.get() + 1);
        self.refused.replace(None);
        // One for each life: a wish that the last one did not live to hear is not for this one.
        let stop = Rc::new(Notify::new());
        self.stop.replace(Rc::clone(&stop));
        match self.start().await {
            Ok(running) => {
                self.running.replace(Some(running));
                stop.notified().await;
                let running = self.running.take();
                if let Some(running) = running {
                    running.node.shutdown().await;
                }
            }
            // As a process that exits: its supervisor sees why, and nothing of it runs.
            Err(reason) => drop(self.refused.replace(Some(reason))),
        }
        Ok(())
    }

    async fn start(&self) -> Result<Running, String> {
        let config = self.layout.config(&self.site);
        let identity = Identity {
            cluster: config.fleet.as_str().parse().map_err(|error| format!("{error}"))?,
            node: NodeId(u64::from(self.site.number)),
            instance: InstanceId::random(),
        };
        let work = Arc::new(Notify::new());
        let called = Arc::clone(&work);
        let disk: Arc<dyn Disk> = self.disk.borrow().handle();
        let disk = self.planted.map_or_else(|| Arc::clone(&disk), |bug| planted::over(bug, Arc::clone(&disk)));
        let drive = Drive::Caller(Box::new(move || called.notify_one()));
        let store = Store::open(disk, identity, Admission::Bootstrap, drive).map_err(|error| error.to_string())?;
        tokio::task::spawn_local(commit(Arc::downgrade(&store), work, Rc::clone(&self.sync), Rc::clone(&self.paused)));
        let listener = Door::open(self.site.port()).await.map_err(|error| error.to_string())?;
        let road = Road(Arc::clone(&self.layout));
        let dialer = Dialer::over(road, Security::Plaintext, Limits::from(config.connections.clone()));
        let setup = Setup { config, store: Arc::clone(&store), listener, dialer, security: Security::Plaintext };
        let node = Node::start(setup).await.map_err(|error| error.to_string())?;
        let listened = node.shards().iter().map(|replica| {
            let tape = Arc::new(Tape::default());
            replica.listen(Arc::clone(&tape) as Arc<dyn argosy_server::replica::Listener>);
            tape
        });
        let tapes = listened.collect();
        Ok(Running { node, store, tapes })
    }

    /// Lets go of the node before its host is crashed, and cuts the power of its disk.
    pub(crate) fn crash(&self) {
        drop(self.running.take());
        self.disk.borrow().crash();
    }

    /// Asks the node to stop in good order.
    pub(crate) fn stop(&self) {
        self.stop.borrow().notify_one();
    }

    pub(crate) fn is_up(&self) -> bool {
        self.running.borrow().is_some()
    }

    pub(crate) fn disk(&self) -> SimDisk {
        self.disk.borrow().clone()
    }

    /// Time of a sync from now on.
    pub(crate) fn set_sync(&self, sync: Duration) {
        self.sync.set(sync);
    }

    /// Whether nothing is written for now.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.on.set(paused);
        self.paused.over.notify_waiters();
    }

    /// Replaces the disk by an empty one; only while the node is down.
    pub(crate) fn wipe(&self, seed: u64) {
        self.wipes.set(self.wipes.get() + 1);
        self.disk.replace(SimDisk::new(seed));
    }

    /// Whether it leads a shard, as far as it knows.
    pub(crate) fn leads(&self, shard: &str) -> bool {
        let running = self.running.borrow();
        let replica = running.as_ref().and_then(|running| running.node.shards().get(shard));
        replica.is_some_and(|replica| replica.leader().is_some())
    }

    /// Whether it does not run, or runs on a disk that failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.running.borrow().as_ref().is_none_or(|running| running.store.failed().is_some())
    }

    pub(crate) fn look(&self) -> NodeSight {
        let running = self.running.borrow();
        let replicas = running.iter().flat_map(|running| {
            running.node.shards().iter().zip(&running.tapes).map(|(replica, tape)| ReplicaSight {
                shard: replica.name().to_owned(),
                group: replica.group().id().0,
                status: replica.status(),
                reign: replica.leader().map(|leader| leader.term()),
                decided: replica.leader().and_then(|leader| leader.decided()),
                view: replica.view(),
                published: tape.take(),
                halted: replica.halted(),
            })
        });
        let failed = running.as_ref().and_then(|running| running.store.failed()).map(|error| error.to_string());
        NodeSight {
            id: self.site.id.clone(),
            number: u64::from(self.site.number),
            life: self.life.get(),
            disk: self.wipes.get(),
            instance: running.as_ref().map(|running| running.store.identity().instance.0),
            durable: self.disk.borrow().durable(),
            paused: self.paused.on.get(),
            replicas: replicas.collect(),
            refused: self.refused.borrow().clone().or(failed),
        }
    }
}

/// The group commit's writer, as a task: a sync takes its time, and then all that waits is written.
async fn commit(store: Weak<Store>, work: Arc<Notify>, sync: Rc<Cell<Duration>>, paused: Rc<Paused>) {
    loop {
        work.notified().await;
        if !sync.get().is_zero() {
            tokio::time::sleep(sync.get()).await;
        }
        while paused.on.get() {
            paused.over.notified().await;
        }
        let Some(store) = store.upgrade() else { return };
        while store.commit_pending() {}
    }
}
