//! What a leader knows of each machine's agent: plain data, without tasks and without time of its own but the process's clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandState, AgentCommandUpdate, AgentDetail, AgentEventRow, AgentHello, AgentInstruction,
    AgentInventory, AgentRow, AgentSample,
};
use tokio::time::Instant;
use tonic::Status;

use super::{SeenEvent, ToAgent};

/// Events of one machine that people may look at.
const EVENTS: usize = 64;
/// Commands of one machine, likewise.
const COMMANDS: usize = 16;

/// One connection of one agent; a later one takes the place of an earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat(u64);

/// The agents by machine.
#[derive(Default)]
pub(super) struct Roster {
    agents: BTreeMap<String, Entry>,
    seats: u64,
    /// How many have somebody to write to.
    connected: usize,
}

struct Entry {
    /// Without the inventory, which stands below.
    hello: AgentHello,
    seat: Seat,
    to_agent: Option<ToAgent>,
    heard: Instant,
    /// The last number of the journal that was taken here.
    taken: u64,
    inventory: AgentInventory,
    sample: Option<(AgentSample, Instant)>,
    events: VecDeque<(Instant, SeenEvent)>,
    seen: u64,
    commands: VecDeque<AgentCommandUpdate>,
    dropped: (u64, u64),
}

impl Roster {
    /// An agent has connected. Whoever had its place is sent away. Returns the last number that need not come again.
    pub(super) fn sit(
        &mut self,
        machine: &str,
        mut hello: AgentHello,
        to_agent: ToAgent,
        acknowledged: u64,
    ) -> (Seat, u64) {
        self.seats += 1;
        let seat = Seat(self.seats);
        let inventory = hello.inventory.take().unwrap_or_default();
        let before = self.agents.remove(machine);
        let same_journal = before.as_ref().filter(|entry| entry.hello.journal == hello.journal);
        let taken = same_journal.map_or(0, |entry| entry.taken).max(acknowledged);
        let mut entry = before.unwrap_or_else(|| Entry {
            hello: AgentHello::default(),
            seat,
            to_agent: None,
            heard: Instant::now(),
            taken,
            inventory: AgentInventory::default(),
            sample: None,
            events: VecDeque::new(),
            seen: 0,
            commands: VecDeque::new(),
            dropped: (0, 0),
        });
        match entry.to_agent.replace(to_agent) {
            Some(older) => {
                let _ = older.try_send(Err(Status::aborted(
                    "ARG-1106: a newer connection of this agent took the place of this one",
                )));
            }
            None => self.connected += 1,
        }
        (entry.hello, entry.seat, entry.heard, entry.taken, entry.inventory) =
            (hello, seat, Instant::now(), taken, inventory);
        self.agents.insert(machine.to_owned(), entry);
        (seat, taken)
    }

    /// The connection has ended, unless another has its place.
    pub(super) fn leave(&mut self, machine: &str, seat: Seat) {
        let left = self.seated(machine, seat).and_then(|entry| entry.to_agent.take());
        self.connected -= usize::from(left.is_some());
    }

    fn seated(&mut self, machine: &str, seat: Seat) -> Option<&mut Entry> {
        self.agents.get_mut(machine).filter(|entry| entry.seat == seat)
    }

    /// How many agents are connected.
    pub(super) fn connected(&self) -> usize {
        self.connected
    }

    /// Forgets the machines that are gone.
    pub(super) fn keep(&mut self, there: impl Fn(&str) -> bool) {
        self.agents.retain(|machine, entry| {
            let stays = there(machine);
            self.connected -= usize::from(!stays && entry.to_agent.is_some());
            stays
        });
    }

    /// The agent was heard. Returns its journal and the last number that was taken; `None` if another has its place.
    pub(super) fn heard(&mut self, machine: &str, seat: Seat, dropped: (u64, u64)) -> Option<(String, u64)> {
        let entry = self.seated(machine, seat)?;
        entry.heard = Instant::now();
        entry.dropped = dropped;
        Some((entry.hello.journal.clone(), entry.taken))
    }

    /// Records up to `sequence` are dealt with.
    pub(super) fn took(&mut self, machine: &str, seat: Seat, sequence: u64) {
        if let Some(entry) = self.seated(machine, seat) {
            entry.taken = entry.taken.max(sequence);
        }
    }

    /// A sample that is `age` old.
    pub(super) fn sampled(&mut self, machine: &str, seat: Seat, sample: AgentSample, age: Duration) {
        if let Some(entry) = self.seated(machine, seat) {
            let at = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
            entry.sample = Some((sample, at));
        }
    }

    /// The machine is another than it was.
    pub(super) fn inventoried(&mut self, machine: &str, seat: Seat, inventory: AgentInventory) {
        if let Some(entry) = self.seated(machine, seat) {
            entry.inventory = inventory;
        }
    }

    /// Something happened to the machine.
    pub(super) fn happened(&mut self, machine: &str, seat: Seat, event: SeenEvent) {
        if let Some(entry) = self.seated(machine, seat) {
            entry.seen += 1;
            entry.events.push_front((Instant::now(), event));
            entry.events.truncate(EVENTS);
        }
    }

    /// A command made progress.
    pub(super) fn progressed(&mut self, machine: &str, seat: Seat, update: AgentCommandUpdate) {
        if let Some(entry) = self.seated(machine, seat) {
            entry.remember(update);
        }
    }

    /// Sends a command, unless its agent has taken it before. `None` when the agent is not connected.
    pub(super) fn order(&mut self, machine: &str, command: AgentCommand) -> Option<()> {
        let entry = self.agents.get_mut(machine)?;
        let to_agent = entry.to_agent.as_ref()?;
        let known = entry.commands.iter().find(|update| update.id == command.id);
        if known.is_some_and(|update| update.state() != AgentCommandState::Sent) {
            return Some(());
        }
        let sent = AgentCommandUpdate {
            id: command.id.clone(),
            kind: command.kind,
            state: AgentCommandState::Sent.into(),
            ..AgentCommandUpdate::default()
        };
        to_agent.try_send(Ok(AgentInstruction { message: Some(Down::Command(command)) })).ok()?;
        entry.remember(sent);
        Some(())
    }

    /// What is known of a command.
    pub(super) fn progress(&self, machine: &str, id: &str) -> Option<AgentCommandUpdate> {
        self.agents.get(machine)?.commands.iter().find(|update| update.id == id).cloned()
    }

    /// All agents, by machine.
    pub(super) fn rows(&self, shard: &str) -> Vec<AgentRow> {
        self.agents.iter().map(|(machine, entry)| entry.row(machine, shard)).collect()
    }

    /// One agent.
    pub(super) fn detail(&self, machine: &str, shard: &str) -> Option<AgentDetail> {
        let entry = self.agents.get(machine)?;
        let events = entry.events.iter().map(|(arrived, seen)| AgentEventRow {
            sequence: seen.sequence,
            age_ms: seen.age_ms.unwrap_or(0).saturating_add(millis(arrived.elapsed())),
            unix_ms: seen.unix_ms,
            event: Some(seen.event.clone()),
        });
        Some(AgentDetail {
            as_of: None,
            agent: Some(entry.row(machine, shard)),
            inventory: Some(entry.inventory.clone()),
            sample: entry.sample.as_ref().map(|(sample, _)| sample.clone()),
            sample_age_ms: entry.sample.as_ref().map_or(0, |(_, at)| millis(at.elapsed())),
            events: events.collect(),
            commands: entry.commands.iter().cloned().collect(),
            boot_id: entry.hello.boot_id.clone(),
            switched_on: entry.hello.commands.clone(),
        })
    }
}

impl Entry {
    fn remember(&mut self, update: AgentCommandUpdate) {
        self.commands.retain(|known| known.id != update.id);
        self.commands.push_front(update);
        self.commands.truncate(COMMANDS);
    }

    fn row(&self, machine: &str, shard: &str) -> AgentRow {
        AgentRow {
            machine: machine.to_owned(),
            shard: shard.to_owned(),
            agent_id: self.hello.agent_id.clone(),
            connected: self.to_agent.is_some(),
            silent_ms: millis(self.heard.elapsed()),
            version: self.hello.version.clone(),
            driver: self.inventory.driver.clone(),
            gpus: u32::try_from(self.inventory.gpus.len()).unwrap_or(u32::MAX),
            events: self.seen,
            dropped_samples: self.dropped.0,
            dropped_events: self.dropped.1,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
