//! From a roll-up to its acknowledgement: parse, diff against committed state, commit, and only then say so.
//!
//! A cluster's roll-ups come one after the other, so a delta is made against the state that it will be applied on; where
//! another session of the cluster was faster, the delta is made again. A roll-up that changes nothing writes nothing,
//! and is acknowledged once this node has confirmed that it still leads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use argosy_failpoint::{Failpoint, Planted, pause, planted};
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{Acknowledgement, ClusterCapacityNeeds, ShardMessage};
use argosy_raft::Read;
use argosy_shard::{NeedRow, Rejection, Response, RollUpTaken};

use super::rows;
use crate::leader::commit::{CommitError, Committer};
use crate::leader::inline;
use crate::metrics::names;
use crate::session::Frame;

/// How often a delta is made again before the operator's next roll-up is waited for.
const TRIES: u32 = 8;
/// How late a step of a roll-up may be at a failpoint.
const LATE: Duration = Duration::from_secs(1);

/// What [`Ingest::take`] returns: what to tell the operator, if anything.
pub(super) type Taking<'a> = Pin<Box<dyn Future<Output = Option<Frame>> + Send + 'a>>;

/// Turns roll-ups into committed demand.
pub(super) trait Ingest: Send + Sync + 'static {
    /// Deals with one roll-up. `None` when its fate is not known: nothing may be said, and the next leader gets it again.
    fn take<'a>(&'a self, cluster: &'a str, number: u64, rollup: &'a ClusterCapacityNeeds) -> Taking<'a>;
}

/// The ingest of one leadership.
pub(super) struct RollUps {
    pub(super) committer: Arc<Committer>,
    pub(super) max_needs: u32,
}

/// How a roll-up was dealt with.
enum Dealt {
    /// It is the committed demand, or counted as held back.
    Acknowledge,
    /// It was refused; the operator is not told, as in the protocol, and the last good demand stays.
    Refused(String),
}

impl Ingest for RollUps {
    fn take<'a>(&'a self, cluster: &'a str, number: u64, rollup: &'a ClusterCapacityNeeds) -> Taking<'a> {
        Box::pin(async move {
            let dealt = match inline(|| rows::read(rollup, self.max_needs)) {
                Ok(rows) => self.commit(cluster, &rows).await.ok()?,
                Err(error) => Dealt::Refused(error.to_string()),
            };
            if let Some(pause) = pause(Failpoint::AckLate, LATE) {
                tokio::time::sleep(pause).await;
            }
            let message = match dealt {
                Dealt::Acknowledge => Some(ShardMessage { message: Some(FromShard::Ack(self.ack("rollup"))) }),
                Dealt::Refused(reason) => {
                    let shard = self.committer.shard().to_owned();
                    tracing::warn!(shard, cluster, reason, "roll-up refused");
                    metrics::counter!(names::ROLLUPS_REJECTED, "shard" => shard, "cluster" => cluster.to_owned())
                        .increment(1);
                    None
                }
            };
            Some(Frame { message, settled: number })
        })
    }
}

impl RollUps {
    /// An acknowledgement; its numbers are telemetry.
    pub(super) fn ack(&self, echo: &str) -> Acknowledgement {
        let shard_epoch = i64::try_from(self.committer.term()).unwrap_or(i64::MAX);
        Acknowledgement { echo: echo.to_owned(), coordinator_term: 0, shard_epoch }
    }

    /// Makes the rows the committed demand of the cluster.
    async fn commit(&self, cluster: &str, rows: &[NeedRow]) -> Result<Dealt, CommitError> {
        for _ in 0..TRIES {
            let view = self.committer.view();
            let Some(delta) = inline(|| view.state.diff_rollup(cluster, rows)) else {
                self.committer.confirm(Read::Lease).await?;
                return Ok(Dealt::Acknowledge);
            };
            if let Some(pause) = pause(Failpoint::DeltaLate, LATE) {
                tokio::time::sleep(pause).await;
            }
            match self.committer.commit(delta).await {
                Ok(committed) => {
                    if let Response::RollUp(RollUpTaken::HeldBack { times }) = committed.response {
                        tracing::warn!(
                            shard = self.committer.shard(),
                            cluster,
                            times,
                            code = "ARG-0413",
                            "roll-up held back"
                        );
                    }
                    return Ok(Dealt::Acknowledge);
                }
                Err(CommitError::Rejected(Rejection::RollUpBase { .. })) => {}
                Err(CommitError::Rejected(rejection)) if is_about_the_rollup(&rejection) => {
                    return Ok(Dealt::Refused(rejection.to_string()));
                }
                Err(_) if planted(Planted::AcknowledgedUncommitted) => return Ok(Dealt::Acknowledge),
                Err(error) => return Err(error),
            }
        }
        Ok(Dealt::Refused(format!(
            "ARG-0609: cluster '{cluster}' reports over several sessions at once; run one operator per cluster"
        )))
    }
}

/// Whether the fold has judged the roll-up itself, not the moment or the proposer.
fn is_about_the_rollup(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Row { .. } | Rejection::RollUp { .. } | Rejection::Malformed { .. })
}
