//! The hub of a leadership: the sessions of its clusters, and what goes to and fro over them.
//!
//! Soft state: a new leader begins with no sessions, and every session attaches to it anew and is told of all its
//! machines again. One session per cluster; the newer one, by generation, takes the place of the older.
//!
//! Architecture invariant: nothing is acknowledged here before it is committed (`ingest`), and silence is never read as
//! "no demand": a session that ends withdraws nothing.

mod ask;
mod hints;
mod ingest;
mod outbox;
mod questions;
mod rows;
mod seat;
mod updates;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{BootstrapBlobResponse, ShardMessage};
use argosy_shard::Event;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

pub use ask::{NoBlob, Reclaimed};
pub(crate) use hints::requirements;

use self::hints::Told;
use self::ingest::RollUps;
use self::outbox::{News, Outbox};
use self::questions::Questions;
use self::seat::Seat;
use super::commit::Committer;
use crate::metrics::names;
use crate::replica::{Folded, Listener, View};
use crate::session::{AttachError, Attached, Ended, FRAME_LANE, Frame, Generation, Inlet};

/// Limits of a hub's sessions.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Frames that may wait for a slow operator before its session is ended.
    pub outbox: usize,
    /// Rows of one roll-up.
    pub max_rollup_needs: u32,
}

/// The sessions of one leadership.
pub struct Hub {
    shard: Arc<str>,
    committer: Arc<Committer>,
    ingest: Arc<RollUps>,
    limits: HubLimits,
    seats: Mutex<Seats>,
    blobs: Questions<BootstrapBlobResponse>,
    reclaims: Questions<i32>,
    tasks: TaskTracker,
    ended: CancellationToken,
}

/// Sessions that one hub can open before their counts reach those of the next hub of its term.
const COUNT_BITS: u32 = 20;

struct Seats {
    by_cluster: BTreeMap<String, Taken>,
    opened: u64,
}

/// A session that is attached.
struct Taken {
    generation: Generation,
    outbox: Arc<Outbox>,
    /// The hints it has been given.
    hints: Told,
}

impl Hub {
    /// The hub of a leadership, with no sessions yet.
    pub(crate) fn new(committer: Arc<Committer>, limits: HubLimits, ended: CancellationToken) -> Arc<Self> {
        // A term may have several hubs, one after the other, and a session of a later one is later.
        let first_count = committer.view().applied << COUNT_BITS;
        let ingest = Arc::new(RollUps { committer: Arc::clone(&committer), max_needs: limits.max_rollup_needs });
        Arc::new(Self {
            shard: Arc::from(committer.shard()),
            committer,
            ingest,
            limits,
            seats: Mutex::new(Seats { by_cluster: BTreeMap::new(), opened: first_count }),
            blobs: Questions::default(),
            reclaims: Questions::default(),
            tasks: TaskTracker::new(),
            ended,
        })
    }

    /// Attaches a session. The greeting is acknowledged, open questions are put again, and every machine of the cluster
    /// is told.
    ///
    /// # Errors
    /// When a newer session of the cluster is attached, or the leadership has ended.
    pub fn attach(
        self: &Arc<Self>,
        cluster: &str,
        generation: Option<Generation>,
        inlet: Inlet,
    ) -> Result<Attached, AttachError> {
        if self.ended.is_cancelled() {
            return Err(AttachError::Later("the leader has just lost its place".to_owned()));
        }
        let outbox = Arc::new(Outbox::new(self.limits.outbox));
        let generation = self.take_seat(cluster, generation, &outbox)?;
        let ack = ShardMessage { message: Some(FromShard::Ack(self.ingest.ack("hello"))) };
        outbox.push(Frame { message: Some(ack), settled: 0 });
        for message in self.blobs.open_with(cluster).into_iter().chain(self.reclaims.open_with(cluster)) {
            outbox.push(Frame { message: Some(message), settled: 0 });
        }
        self.replay(cluster, &outbox);
        let (sender, frames) = mpsc::channel(FRAME_LANE);
        let seat = Seat {
            hub: Arc::clone(self),
            cluster: cluster.to_owned(),
            outbox,
            ingest: Arc::clone(&self.ingest) as _,
            frames: sender,
        };
        self.tasks.spawn(seat.serve(inlet, self.ended.clone()));
        Ok(Attached { generation, elsewhere: None, frames })
    }

    fn take_seat(
        &self,
        cluster: &str,
        generation: Option<Generation>,
        outbox: &Arc<Outbox>,
    ) -> Result<Generation, AttachError> {
        let mut seats = self.lock();
        let older = seats.by_cluster.get(cluster).map(|taken| taken.generation);
        let generation = match generation {
            Some(kept) if older.is_some_and(|seated| seated > kept) => {
                return Err(AttachError::Refused(Status::aborted(Ended::Replaced.to_string())));
            }
            Some(kept) => kept,
            None => {
                seats.opened += 1;
                Generation { term: self.committer.term(), count: seats.opened }
            }
        };
        let taken = Taken { generation, outbox: Arc::clone(outbox), hints: Told::default() };
        let replaced = seats.by_cluster.insert(cluster.to_owned(), taken);
        let count = seats.by_cluster.len();
        drop(seats);
        self.count(if replaced.is_some() { "replaced" } else { "installed" }, count);
        if let Some(old) = replaced {
            tracing::info!(shard = %self.shard, cluster, "a newer session took the place of an older one");
            old.outbox.end(Ended::Replaced);
        }
        Ok(generation)
    }

    /// Tells a session of every machine that its cluster has, or is getting.
    fn replay(&self, cluster: &str, outbox: &Outbox) {
        let view = self.view();
        for machine in view.state.replay_for(cluster) {
            outbox.tell(view.state.fleet().id(machine).into(), News::Current(machine));
        }
    }

    /// Gives back the seat of a stay that has ended, unless another has it. The other may be the same session, which keeps its generation:
    /// after a broken relay it attaches again before its former stay has noticed.
    fn leave(&self, cluster: &str, outbox: &Arc<Outbox>) {
        let mut seats = self.lock();
        if seats.by_cluster.get(cluster).is_some_and(|taken| Arc::ptr_eq(&taken.outbox, outbox)) {
            seats.by_cluster.remove(cluster);
            let count = seats.by_cluster.len();
            drop(seats);
            self.count("removed", count);
        }
    }

    /// Queues a frame for a cluster's session. Says whether it has one.
    fn tell(&self, cluster: &str, frame: Frame) -> bool {
        let outbox = self.lock().by_cluster.get(cluster).map(|taken| Arc::clone(&taken.outbox));
        if let Some(outbox) = &outbox {
            outbox.push(frame);
        }
        outbox.is_some()
    }

    /// The clusters that have a session.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        self.lock().by_cluster.keys().cloned().collect()
    }

    /// Returns when no session's task runs any more. They end with the leadership's token; each finds the next leader.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.count("removed", 0);
    }

    fn view(&self) -> Arc<View> {
        self.committer.view()
    }

    #[allow(clippy::cast_precision_loss)]
    fn count(&self, event: &'static str, seats: usize) {
        let shard = self.shard.to_string();
        metrics::counter!(names::SESSION_LIFECYCLE, "shard" => shard.clone(), "event" => event).increment(1);
        metrics::gauge!(names::ACTIVE_SESSIONS, "shard" => shard).set(seats as f64);
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Hub {
    /// Every change of a machine is news for the cluster that has it, or had it before the change.
    fn folded(&self, view: &View, events: &[Folded]) {
        let fleet = view.state.fleet();
        let seats = self.lock();
        for folded in events {
            let (id, cluster) = match &folded.event {
                Event::MachineChanged { cluster: Some(cluster), .. } => (&folded.machine, *cluster),
                Event::MachineRemoved { id, cluster: Some(cluster), .. } => {
                    let cluster = fleet.words.cluster_id(*cluster);
                    if let Some(taken) = seats.by_cluster.get(cluster) {
                        taken.outbox.tell(id.as_str().into(), News::Left(Box::new(updates::gone(id, cluster))));
                    }
                    continue;
                }
                _ => continue,
            };
            let cluster = fleet.words.cluster_id(cluster);
            let (Some(id), Some(taken)) = (id, seats.by_cluster.get(cluster)) else { continue };
            if let Some(news) = news(view, &folded.event, id, cluster) {
                taken.outbox.tell(Arc::clone(id), news);
            }
        }
    }
}

/// What a change of a machine is to the cluster that is told.
fn news(view: &View, event: &Event, id: &str, cluster: &str) -> Option<News> {
    let Event::MachineChanged { machine, from, to, .. } = event else { return None };
    let fleet = view.state.fleet();
    let record = fleet.get(*machine).filter(|_| fleet.id(*machine) == id)?;
    let holds = record.cluster().is_some_and(|holder| fleet.words.cluster_id(holder) == cluster);
    Some(match holds {
        true => News::Current(*machine),
        false => News::Left(Box::new(updates::left(fleet, *machine, *from, *to, cluster))),
    })
}
