//! Commands from the leader: what the site has configured is run, at most once, within its time, and its result is told.
//!
//! Nothing is configured unless the site says so. Each command is in the ledger before it is begun, and the ledger is in the
//! journal: an agent that died while a command ran says so when it comes back, and does not run it again.

mod execute;
mod ledger;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind as Kind, AgentCommandState as State, AgentCommandUpdate,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use execute::{Execute, Order, Outcome, Processes};
pub use ledger::Ledger;

/// Longest output that is kept, bytes.
const OUTPUT: usize = 4 * 1024;

/// What a site runs for one kind of command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The executable and its arguments.
    pub argv: Vec<String>,
    /// It is ended after this, with everything that it started.
    pub timeout: Duration,
}

/// The kinds, by the names of the configuration and the command line.
pub const KINDS: [(&str, Kind); 7] = [
    ("cordon", Kind::Cordon),
    ("uncordon", Kind::Uncordon),
    ("drain", Kind::Drain),
    ("reset-gpu", Kind::ResetGpu),
    ("reboot", Kind::Reboot),
    ("run-diagnostics", Kind::RunDiagnostics),
    ("terminate", Kind::Terminate),
];

/// The name of a kind.
#[must_use]
pub fn name(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("unknown", |(name, _)| name)
}

/// The scripts of a site, and the machine that runs them.
#[derive(Clone)]
pub struct Site {
    scripts: Arc<BTreeMap<&'static str, Script>>,
    machine: Arc<dyn Execute>,
    /// One command at a time.
    turn: Arc<Semaphore>,
}

impl Site {
    /// A site that runs `scripts`.
    #[must_use]
    pub fn new(scripts: BTreeMap<&'static str, Script>, machine: Arc<dyn Execute>) -> Self {
        Self { scripts: Arc::new(scripts), machine, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The names of what is switched on.
    #[must_use]
    pub fn switched_on(&self) -> Vec<String> {
        self.scripts.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Why a command cannot be run here, if it cannot.
    #[must_use]
    pub fn refusal(&self, command: &AgentCommand) -> Option<String> {
        match self.scripts.contains_key(name(command.kind())) {
            true => None,
            false => Some(format!(
                "ARG-1105: '{}' is not switched on at this site; configure `commands.{}`",
                name(command.kind()),
                name(command.kind())
            )),
        }
    }

    /// Runs a command to its end, or to its deadline.
    pub async fn run(self, command: AgentCommand) -> AgentCommandUpdate {
        let arrived = Instant::now();
        let deadline = Duration::from_millis(command.deadline_ms);
        let kind = name(command.kind());
        let update = |state: State, exit_code, output: String| AgentCommandUpdate {
            id: command.id.clone(),
            kind: command.kind,
            state: state.into(),
            exit_code,
            output,
            ran_ms: u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let (Some(script), Ok(Ok(_turn))) = (self.scripts.get(kind), timeout(deadline, self.turn.acquire()).await)
        else {
            return update(State::TimedOut, None, "its deadline passed before it could begin".to_owned());
        };
        let left = deadline.saturating_sub(arrived.elapsed()).min(script.timeout);
        let environment = vec![
            ("ARGOSY_COMMAND".to_owned(), kind.to_owned()),
            ("ARGOSY_COMMAND_ID".to_owned(), command.id.clone()),
            ("ARGOSY_GPUS".to_owned(), command.gpu_uuids.join(",")),
            ("ARGOSY_REASON".to_owned(), command.reason.clone()),
        ];
        let order = Order { argv: script.argv.clone(), environment, limit: left, output: OUTPUT };
        match self.machine.execute(order).await {
            Outcome::Exited { code: 0, output } => update(State::Succeeded, Some(0), output),
            Outcome::Exited { code, output } => update(State::Failed, Some(code), output),
            Outcome::Ended { output } => update(State::TimedOut, None, output),
            Outcome::NotStarted { reason } => update(State::Failed, None, reason),
        }
    }
}
