//! The events of a scenario, one after the other. What waits holds up what follows.

use argosy_shard::Command;

use super::agenda::Due;
use super::condition::Failure;
use super::record::{Cause, FailureKind, FailureNumber, MachineNumber, What};
use super::stage::Stage;
use crate::check::Check;
use crate::fleet::FleetSim;
use crate::scenario::form::{Action, Assertion, CommandWord, Event};
use crate::scenario::scalar::Span;

/// While something is waited for, it is looked at this often.
const POLL_MS: u64 = 100;
/// How long is waited if the file does not say.
const USUAL_TIMEOUT: Span = Span::seconds(30);

/// The events in order, and how far they are.
#[derive(Debug, Default)]
pub(super) struct Script {
    events: Vec<Event>,
    next: usize,
    /// When the event that waits gives up.
    gives_up_ms: Option<u64>,
}

impl Script {
    /// The events of a scenario, by time; of one moment, in the order of the file.
    pub(super) fn new(mut events: Vec<Event>) -> Self {
        events.sort_by_key(|event| event.at);
        Self { events, next: 0, gives_up_ms: None }
    }

    /// When its last event is due.
    pub(super) fn last_ms(&self) -> u64 {
        self.events.last().map_or(0, |event| event.at.0)
    }

    /// When the next event is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.events.get(self.next).map(|event| event.at.0)
    }
}

impl Stage {
    /// Goes on with the script, as far as it goes now.
    pub(super) fn play(&mut self, fleet: &mut FleetSim) {
        let now = fleet.now_ms();
        while let Some(event) = self.script.events.get(self.script.next).cloned() {
            if event.at.0 > now {
                return self.agenda.put(event.at.0, Due::Script);
            }
            if event.action.needs_machine() && self.target(&event).is_none() {
                self.misses_target(fleet, &event);
            } else if event.action == Action::WaitForStatus && !self.waited(fleet, &event) {
                return self.agenda.put(now + POLL_MS, Due::Script);
            } else {
                self.perform(fleet, &event);
            }
            self.script.next += 1;
        }
        self.rests(fleet);
    }

    /// With another seed a generated machine has another name.
    fn misses_target(&mut self, fleet: &FleetSim, event: &Event) {
        let text = format!("{} is there at {}", event.target, event.at);
        self.judged(fleet, None, Check::holds(text, "a machine of this name", "none with this seed", false));
    }

    fn target(&self, event: &Event) -> Option<MachineNumber> {
        self.numbers.get(&event.target).copied()
    }

    fn perform(&mut self, fleet: &mut FleetSim, event: &Event) {
        match event.action {
            Action::StartFleet => self.start_fleet(fleet),
            Action::StopFleet => self.stop_fleet(fleet),
            Action::InjectFailure => self.inject(fleet, event),
            Action::RecoverFailure => self.mend(fleet, event),
            Action::IssueCommand => self.command(fleet, event),
            Action::Log => {
                let message = event.params.log_message.clone();
                self.note(fleet, None, What::Log { message });
            }
            Action::Assert => {
                if let Ok(assertion) = Assertion::of_event(event) {
                    let check = self.check(fleet, &assertion);
                    self.judged(fleet, None, check);
                }
            }
            Action::Wait | Action::WaitForStatus => {}
        }
    }

    /// Whether a wait is over, one way or the other.
    fn waited(&mut self, fleet: &FleetSim, event: &Event) -> bool {
        let Some(machine) = self.target(event) else { return true };
        let (now, expected) = (fleet.now_ms(), event.params.expected_status.0.to_lowercase());
        let timeout = event.params.timeout.unwrap_or(USUAL_TIMEOUT);
        let gives_up_ms = *self.script.gives_up_ms.get_or_insert(now + timeout.0);
        let seen = self.status_of(fleet, machine);
        let is_there = seen == expected;
        if !is_there && now < gives_up_ms {
            return false;
        }
        self.script.gives_up_ms = None;
        let text = format!("{} is {expected} within {timeout} of {}", event.target, event.at);
        self.judged(fleet, None, Check::holds(text, expected, seen, is_there));
        true
    }

    fn inject(&mut self, fleet: &mut FleetSim, event: &Event) {
        let (Some(machine), params) = (self.target(event), &event.params) else { return };
        let Some(kind) = FailureKind::of_name(&params.failure_type) else { return };
        let whole = matches!(kind, FailureKind::NvmlFailure | FailureKind::BootFailure | FailureKind::Network);
        let failure = Failure {
            machine,
            kind,
            xid: params.xid_code.filter(|_| kind == FailureKind::XidError),
            gpu: (!whole).then(|| params.gpu_index.unwrap_or(0)),
            message: params.message.clone(),
            cause: Cause::Script,
            began_ms: fleet.now_ms(),
            over: false,
            told: false,
            tree: None,
            wake: 0,
            outage: None,
        };
        if self.strike(fleet, failure).is_none() {
            let text = format!("{} breaks at {}", event.target, event.at);
            self.judged(fleet, None, Check::holds(text, "a machine that is up", "it is not up", false));
        }
    }

    fn mend(&mut self, fleet: &mut FleetSim, event: &Event) {
        let Some(machine) = self.target(event) else { return };
        let kind = FailureKind::of_name(&event.params.failure_type);
        let active: Vec<FailureNumber> = self.machine(machine).active.iter().copied().collect();
        for at in active {
            if kind.is_none_or(|kind| kind == self.failures[at as usize].kind) {
                self.recover(fleet, at);
            }
        }
    }

    fn command(&mut self, fleet: &mut FleetSim, event: &Event) {
        let (Some(number), Some(command)) = (self.target(event), event.params.command_type) else { return };
        let reason = event.params.command_args.get("reason").map_or("", |reason| reason.0.as_str());
        let machine = self.site(number).node.id.clone();
        let cordon = |on| Command::Cordon { machine: machine.clone(), on, by: Self::by(reason) };
        let outcome = match command {
            CommandWord::Cordon => told(fleet.admin(0, cordon(true))),
            CommandWord::Uncordon => {
                if std::mem::take(&mut self.machine(number).drain_asked) {
                    let machine = machine.clone();
                    fleet.admin(0, Command::SetUnhealthy { machine, on: false, by: Self::by(reason) });
                    self.supply_changed(fleet, number);
                }
                told(fleet.admin(0, cordon(false)))
            }
            CommandWord::Drain => self.drain(fleet, number, reason),
            CommandWord::Terminate if self.machine(number).up => {
                let now = fleet.now_ms();
                fleet.cloud_mut().lose(now, &machine);
                "its host has ended".to_owned()
            }
            CommandWord::Terminate => "there is no host".to_owned(),
            CommandWord::RunDiagnostic if !self.is_responsive(number) => "its agent cannot be reached".to_owned(),
            CommandWord::RunDiagnostic => match self.machine(number).active.len() {
                0 => "passed".to_owned(),
                found => format!("failed: {found} faults found"),
            },
        };
        self.note(fleet, Some(number), What::Command { command: command.name().to_owned(), outcome });
        self.meter(fleet, number);
    }
}

impl Stage {
    /// Closes a machine, and has what it serves covered by another.
    fn drain(&mut self, fleet: &mut FleetSim, number: MachineNumber, reason: &str) -> String {
        let machine = self.site(number).node.id.clone();
        fleet.admin(0, Command::Cordon { machine: machine.clone(), on: true, by: Self::by(reason) });
        let outcome = told(fleet.admin(0, Command::SetUnhealthy { machine, on: true, by: Self::by(reason) }));
        self.machine(number).drain_asked = true;
        self.supply_changed(fleet, number);
        outcome
    }
}

/// What came of a command.
fn told(response: argosy_shard::Response) -> String {
    match response {
        argosy_shard::Response::Rejected(rejection) => rejection.to_string(),
        _ => "done".to_owned(),
    }
}
