//! Reading one agent's stream: each record once, and an acknowledgement when it is safe.

use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::agent_message::Message as Up;
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{AgentAck, AgentBatch, AgentInstruction, AgentMessage, AgentRecord};
use futures::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::roster::Seat;
use super::{Agents, SeenEvent, ToAgent, moved};
use crate::metrics::names;

/// Samples that are older are shown to people and judge nothing.
const FRESH_MS: u64 = 60_000;

/// One agent's stream at its leader.
pub(super) struct Reader {
    pub(super) agents: Arc<Agents>,
    pub(super) machine: String,
    pub(super) seat: Seat,
    pub(super) to_agent: ToAgent,
}

impl Reader {
    /// Reads until the agent goes, another takes its place, or the leadership ends.
    pub(super) async fn run(
        self,
        mut agent: impl Stream<Item = Result<AgentMessage, Status>> + Send + Unpin,
        ended: CancellationToken,
    ) {
        tracing::info!(machine = self.machine, "agent connected");
        let end = loop {
            let message = tokio::select! {
                message = agent.next() => message,
                () = self.to_agent.closed() => None,
                () = ended.cancelled() => break Some(moved()),
            };
            // The stream broke, or the agent closed it.
            let Some(Ok(message)) = message else { break None };
            let Some(Up::Batch(batch)) = message.message else { continue };
            let taken = tokio::select! {
                taken = self.batch(batch) => taken,
                () = ended.cancelled() => Err(moved()),
            };
            match taken {
                Ok(true) => {}
                Ok(false) => break None,
                Err(status) => break Some(status),
            }
        };
        if let Some(status) = end {
            let _ = self.to_agent.try_send(Err(status));
        }
        let connected = {
            let mut roster = self.agents.lock();
            roster.leave(&self.machine, self.seat);
            roster.connected()
        };
        self.agents.gauge(connected);
        tracing::info!(machine = self.machine, "agent gone");
    }

    /// Deals with a batch. Says whether the agent still has its place.
    async fn batch(&self, batch: AgentBatch) -> Result<bool, Status> {
        let dropped = (batch.dropped_samples, batch.dropped_events);
        let Some((journal, taken)) = self.agents.lock().heard(&self.machine, self.seat, dropped) else {
            return Ok(false);
        };
        self.agents.events.heard(&self.machine);
        let sent_at = batch.sent_boottime_ms;
        let boot_id = batch.records.last().map(|record| record.boot_id.clone()).unwrap_or_default();
        let fresh: Vec<AgentRecord> = batch.records.into_iter().filter(|record| record.sequence > taken).collect();
        let last = fresh.last().map_or(taken, |record| record.sequence);
        if fresh.windows(2).any(|pair| pair[0].sequence >= pair[1].sequence) {
            return Err(Status::invalid_argument("ARG-1107: the numbers of a batch do not rise"));
        }
        let events = self.sort(fresh, &boot_id, sent_at);
        let shard = self.agents.committer.shard().to_owned();
        for seen in &events {
            let kind = seen.event.event_type().as_str_name();
            metrics::counter!(names::AGENT_EVENTS, "shard" => shard.clone(), "type" => kind).increment(1);
        }
        if !events.is_empty() {
            let safe = self.agents.events.take(&self.machine, &journal, events.clone()).await;
            safe.map_err(|reason| Status::unavailable(format!("ARG-1108: events could not be kept: {reason}")))?;
        }
        let mut roster = self.agents.lock();
        for seen in events {
            roster.happened(&self.machine, self.seat, seen);
        }
        roster.took(&self.machine, self.seat, last);
        drop(roster);
        let ack = AgentInstruction { message: Some(Down::Ack(AgentAck { acknowledged: last })) };
        match self.to_agent.try_send(Ok(ack)) {
            Ok(()) => Ok(true),
            Err(_) => Err(Status::resource_exhausted("ARG-1109: the agent does not read what it is told")),
        }
    }

    /// Keeps what is soft, and returns the events. What samples say is judged while nobody waits for the roster.
    fn sort(&self, records: Vec<AgentRecord>, boot_id: &str, sent_at: u64) -> Vec<SeenEvent> {
        let mut events = Vec::new();
        let mut progress = false;
        for record in records {
            let age_ms = (record.boot_id == boot_id).then(|| sent_at.saturating_sub(record.boottime_ms));
            match record.record {
                Some(Record::Sample(sample)) => {
                    let age = Duration::from_millis(age_ms.unwrap_or(0));
                    // What a journal has kept while the agent was cut off says nothing about now.
                    if age_ms.is_some_and(|age_ms| age_ms <= FRESH_MS) {
                        self.agents.events.sampled(&self.machine, &sample);
                        self.agents.pools.sampled(&self.machine, &sample);
                    }
                    self.agents.lock().sampled(&self.machine, self.seat, sample, age);
                }
                Some(Record::Inventory(inventory)) => {
                    self.agents.events.inventoried(&self.machine, &inventory);
                    self.agents.lock().inventoried(&self.machine, self.seat, inventory);
                }
                Some(Record::Command(update)) => {
                    self.agents.lock().progressed(&self.machine, self.seat, update);
                    progress = true;
                }
                Some(Record::Event(event)) => events.push(SeenEvent {
                    sequence: record.sequence,
                    boot_id: record.boot_id,
                    age_ms,
                    unix_ms: record.unix_ms,
                    event,
                }),
                None => {}
            }
        }
        if progress {
            self.agents.progress.notify_waiters();
        }
        events
    }
}
