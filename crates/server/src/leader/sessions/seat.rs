//! One session at the leader: reads its two lanes, writes its outbox.
//!
//! Replies and roll-ups are read side by side, so a bootstrap blob never waits behind a roll-up that is being committed.

use std::sync::Arc;

use argosy_failpoint::{Failpoint, Planted, fires, planted};
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{ClusterCapacityNeeds, ShardMessage};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Hub;
use super::ingest::Ingest;
use super::outbox::{Item, News, Outbox};
use super::updates;
use crate::session::{Ended, Frame, Inlet, Numbered, Reply};

/// The running side of a session.
pub(super) struct Seat {
    pub(super) hub: Arc<Hub>,
    pub(super) cluster: String,
    pub(super) outbox: Arc<Outbox>,
    pub(super) ingest: Arc<dyn Ingest>,
    pub(super) frames: mpsc::Sender<Result<Frame, Ended>>,
}

impl Seat {
    /// Serves the session until its other end goes, its outbox ends, or the leadership does.
    pub(super) async fn serve(self, inlet: Inlet, ended: CancellationToken) {
        let Inlet { rollups, mut replies } = inlet;
        let end = tokio::select! {
            end = self.write() => end,
            end = self.take_rollups(rollups) => end,
            () = self.take_replies(&mut replies) => None,
            () = ended.cancelled() => Some(Ended::Moved),
            () = self.frames.closed() => None,
        };
        if let Some(end) = end {
            // The front may have gone already.
            let _ = self.frames.send(Err(end)).await;
        }
        self.hub.leave(&self.cluster, &self.outbox);
        if planted(Planted::SilenceIsNoDemand) {
            let nothing = ClusterCapacityNeeds { cluster_id: self.cluster.clone(), ..Default::default() };
            let _ = self.ingest.take(&self.cluster, 0, &nothing).await;
        }
    }

    async fn write(&self) -> Option<Ended> {
        loop {
            let message = match self.outbox.next().await {
                Item::Frame(frame) => {
                    self.frames.send(Ok(*frame)).await.ok()?;
                    continue;
                }
                Item::End(end) => return Some(end),
                Item::Hint(hint) => FromShard::AvailableCapacity(*hint),
                Item::News(News::Left(update)) => FromShard::NodeStateUpdate(*update),
                Item::News(News::Current(machine)) => {
                    let update = updates::current(self.hub.view().state.fleet(), machine, &self.cluster);
                    // It has left meanwhile; that news comes by itself.
                    let Some(update) = update else { continue };
                    FromShard::NodeStateUpdate(update)
                }
            };
            let frame = Frame { message: Some(ShardMessage { message: Some(message) }), settled: 0 };
            if fires(Failpoint::NewsTwice) {
                self.frames.send(Ok(frame.clone())).await.ok()?;
            }
            self.frames.send(Ok(frame)).await.ok()?;
        }
    }

    /// One roll-up after the other; what arrives meanwhile waits one deep, the newest wins. One whose fate is not known
    /// ends the session's stay here: its front has it still, and brings it to whoever leads then.
    async fn take_rollups(&self, mut rollups: watch::Receiver<Option<Numbered>>) -> Option<Ended> {
        loop {
            rollups.changed().await.ok()?;
            let newest = rollups.borrow_and_update().clone();
            let Some(Numbered { number, needs }) = newest else { continue };
            match self.ingest.take(&self.cluster, number, &needs).await {
                Some(_) if fires(Failpoint::SessionMoved) => return Some(Ended::Moved),
                Some(frame) => self.outbox.push(frame),
                None => return Some(Ended::Moved),
            }
        }
    }

    async fn take_replies(&self, replies: &mut mpsc::Receiver<Reply>) {
        while let Some(reply) = replies.recv().await {
            self.hub.answered(&self.cluster, reply);
        }
    }
}
