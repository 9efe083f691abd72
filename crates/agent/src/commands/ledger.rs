//! The commands that this agent has seen, in the journal: none is run twice.

use std::collections::VecDeque;

use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind as Kind, AgentCommandState as State, AgentCommandUpdate,
};
use serde::{Deserialize, Serialize};

/// Commands that are remembered; a leader says one again within minutes or not at all.
const MOST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    kind: i32,
    boot_id: String,
    state: i32,
    exit_code: Option<i32>,
    output: String,
    ran_ms: u64,
}

/// What has become of every command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(VecDeque<Entry>);

impl Ledger {
    /// Reads what [`Self::encode`] wrote; anything else is an empty ledger.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// To be kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What is known of a command; nothing if it is new.
    #[must_use]
    pub fn known(&self, id: &str) -> Option<AgentCommandUpdate> {
        self.0.iter().find(|entry| entry.id == id).map(update)
    }

    /// A command begins in the boot `boot_id`.
    pub fn begin(&mut self, command: &AgentCommand, boot_id: &str) -> AgentCommandUpdate {
        let entry = Entry {
            id: command.id.clone(),
            kind: command.kind,
            boot_id: boot_id.to_owned(),
            state: State::Accepted.into(),
            exit_code: None,
            output: String::new(),
            ran_ms: 0,
        };
        let said = update(&entry);
        self.0.push_back(entry);
        while self.0.len() > MOST {
            self.0.pop_front();
        }
        said
    }

    /// A command came to this end.
    pub fn end(&mut self, result: &AgentCommandUpdate) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.id == result.id) {
            entry.state = result.state;
            entry.exit_code = result.exit_code;
            entry.output.clone_from(&result.output);
            entry.ran_ms = result.ran_ms;
        }
    }

    /// Closes what an earlier life of the agent began and did not end, in the boot `boot_id`: a reboot that was ordered and came
    /// to pass has succeeded, everything else was interrupted.
    pub fn close_open(&mut self, boot_id: &str) -> Vec<AgentCommandUpdate> {
        let mut closed = Vec::new();
        for entry in self.0.iter_mut().filter(|entry| entry.state == i32::from(State::Accepted)) {
            let rebooted = entry.kind == i32::from(Kind::Reboot) && entry.boot_id != boot_id;
            let (state, text) = match rebooted {
                true => (State::Succeeded, "the machine was booted again"),
                false => (State::Interrupted, "the agent ended while this ran; it is not run again"),
            };
            entry.state = state.into();
            text.clone_into(&mut entry.output);
            closed.push(update(entry));
        }
        closed
    }
}

fn update(entry: &Entry) -> AgentCommandUpdate {
    AgentCommandUpdate {
        id: entry.id.clone(),
        kind: entry.kind,
        state: entry.state,
        exit_code: entry.exit_code,
        output: entry.output.clone(),
        ran_ms: entry.ran_ms,
    }
}
