//! The node agents of a shard's machines: who is connected, what they said last, and the commands on their way to them.
//!
//! Soft state, all of it: a new leader begins with none, and every agent comes to it and says what was not acknowledged. No
//! heartbeat and no sample enters the log. Events are handed to [`AgentEvents`], and acknowledged when they are safe there.
//!
//! Architecture invariant: an agent that connects changes nothing about its machine. A cordon, a verdict, a binding are in the log,
//! and no greeting touches them.

mod events;
mod hosts;
mod roster;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandState, AgentCommandUpdate, AgentDetail, AgentHello, AgentInstruction, AgentMessage,
    AgentRow, AgentWelcome,
};
use futures::Stream;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

pub use events::{AgentEvents, SeenEvent, SoftEvents, Taking};

use self::hosts::Hosts;
use self::roster::Roster;
use super::commit::Committer;
use super::pools::Autoscaler;
use crate::metrics::names;

/// Instructions that may wait for a slow agent before its stream is ended.
pub(crate) const INSTRUCTION_LANE: usize = 16;

/// What is written to an agent.
pub(crate) type ToAgent = mpsc::Sender<Result<AgentInstruction, Status>>;

/// The agents of one leadership.
pub struct Agents {
    committer: Arc<Committer>,
    /// The name of the node, for the welcome.
    node: String,
    events: Arc<dyn AgentEvents>,
    pools: Arc<Autoscaler>,
    roster: Mutex<Roster>,
    hosts: Mutex<Hosts>,
    /// Rings when a command made progress.
    progress: Notify,
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl Agents {
    /// Agents of a leadership that hands their events to `events` and their load to `pools`, with none yet.
    pub(crate) fn new(
        committer: Arc<Committer>,
        node: &str,
        events: Arc<dyn AgentEvents>,
        pools: Arc<Autoscaler>,
        ended: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            committer,
            node: node.to_owned(),
            events,
            pools,
            roster: Mutex::default(),
            hosts: Mutex::default(),
            progress: Notify::new(),
            tasks: TaskTracker::new(),
            ended,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine that an agent is of: the one with its id, or the one whose host has it.
    fn machine_of(&self, agent_id: &str) -> Option<String> {
        let view = self.committer.view();
        let fleet = view.state.fleet();
        match fleet.find(agent_id) {
            Some(_) => Some(agent_id.to_owned()),
            None => self.hosts.lock().unwrap_or_else(PoisonError::into_inner).machine_on(&view, agent_id),
        }
    }

    /// Whether this shard has the machine of an agent.
    ///
    /// # Errors
    /// `NOT_FOUND` when it has not.
    pub(crate) fn claim(&self, hello: &AgentHello) -> Result<(), Status> {
        self.machine_of(&hello.agent_id).map(drop).ok_or_else(|| unknown(&hello.agent_id))
    }

    /// Serves an agent whose greeting has been read and whose identity was checked: welcomes it, then reads it in a task of its own.
    ///
    /// # Errors
    /// `NOT_FOUND` when this shard has no such machine, `UNAVAILABLE` when the leadership has ended.
    pub(crate) fn attach(
        self: &Arc<Self>,
        hello: AgentHello,
        agent: impl Stream<Item = Result<AgentMessage, Status>> + Send + Unpin + 'static,
        to_agent: ToAgent,
    ) -> Result<(), Status> {
        if self.ended.is_cancelled() {
            return Err(moved());
        }
        let machine = self.machine_of(&hello.agent_id).ok_or_else(|| unknown(&hello.agent_id))?;
        let acknowledged = self.events.acknowledged(&machine, &hello.journal);
        let (seat, acknowledged, count) = {
            let mut roster = self.lock();
            let (seat, acknowledged) = roster.sit(&machine, hello, to_agent.clone(), acknowledged);
            (seat, acknowledged, roster.connected())
        };
        self.gauge(count);
        self.events.heard(&machine);
        let welcome = AgentWelcome {
            machine: machine.clone(),
            shard: self.committer.shard().to_owned(),
            node: self.node.clone(),
            term: self.committer.term(),
            acknowledged,
        };
        // The lane is new and has room.
        let _ = to_agent.try_send(Ok(AgentInstruction { message: Some(Down::Welcome(welcome)) }));
        let reader = stream::Reader { agents: Arc::clone(self), machine, seat, to_agent };
        self.tasks.spawn(reader.run(agent, self.ended.clone()));
        Ok(())
    }

    /// The agents that this leader has heard of, by machine.
    #[must_use]
    pub fn rows(&self) -> Vec<AgentRow> {
        let view = self.committer.view();
        let fleet = view.state.fleet();
        let mut roster = self.lock();
        roster.keep(|machine| fleet.find(machine).is_some());
        roster.rows(self.committer.shard())
    }

    /// One machine's agent; `None` if this leader has not heard of one.
    #[must_use]
    pub fn detail(&self, machine: &str) -> Option<AgentDetail> {
        self.lock().detail(machine, self.committer.shard())
    }

    /// Gives a command to a machine's agent, and returns what is known of it after at most `wait`.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` when the agent is not connected.
    pub async fn command(
        &self,
        machine: &str,
        command: AgentCommand,
        wait: Duration,
    ) -> Result<AgentCommandUpdate, Status> {
        let id = command.id.clone();
        self.lock().order(machine, command).ok_or_else(|| not_connected(machine))?;
        let ended = async {
            loop {
                // Registered before the look, so that no progress is missed between the two.
                let progress = self.progress.notified();
                tokio::pin!(progress);
                progress.as_mut().enable();
                if self.lock().progress(machine, &id).is_none_or(|update| is_final(update.state())) {
                    return;
                }
                progress.await;
            }
        };
        let _ = timeout(wait, ended).await;
        self.lock().progress(machine, &id).ok_or_else(|| not_connected(machine))
    }

    /// Returns when no stream's task runs any more. They end with the leadership's token.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.gauge(0);
    }

    #[allow(clippy::cast_precision_loss)]
    fn gauge(&self, connected: usize) {
        metrics::gauge!(names::AGENTS_CONNECTED, "shard" => self.committer.shard().to_owned()).set(connected as f64);
    }
}

fn is_final(state: AgentCommandState) -> bool {
    !matches!(state, AgentCommandState::Unspecified | AgentCommandState::Sent | AgentCommandState::Accepted)
}

fn unknown(agent_id: &str) -> Status {
    Status::not_found(format!(
        "ARG-1101: no shard has a machine '{agent_id}', nor one on a host of that name; issue the agent's certificate for the machine's id or its instance id"
    ))
}

fn not_connected(machine: &str) -> Status {
    Status::failed_precondition(format!(
        "ARG-1102: the agent of '{machine}' is not connected; see `argosy agent-status {machine}`"
    ))
}

fn moved() -> Status {
    Status::unavailable("ARG-0606: this node no longer leads the machine's shard; connect again")
}
