//! Scripted scenarios: a fleet, what is done to it cycle by cycle, and the exact end.
//!
//! Each has a golden trace, compared byte for byte: a decision that comes out otherwise shows, even where the end is the same.
//! [`stories`] has the scenarios; this module runs them.

pub mod outcome;
pub mod stories;

use argosy_shard::{Command, NeedRow, Response, RollUpTaken, Step};

pub use self::outcome::Outcome;
use crate::actor::Actor;
use crate::check::{Check, Report};
use crate::cloud::Offer;
use crate::fleet::{FleetSim, Setup};
use crate::leader::Cycled;
use crate::suite::Played;
use crate::trace::{Kind, Trace};

/// Something that is done to the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A cluster reports these rows; none is a withdrawal.
    Report(&'static str, Vec<NeedRow>),
    /// So many cycles pass.
    Cycles(u64),
    /// The next call of a step on a machine ends in failure.
    Doom(&'static str, Step),
    /// A host is lost at once.
    Lose(&'static str),
    /// A machine is announced to end after so many milliseconds.
    Notice(&'static str, u64),
    /// A failed machine is well again.
    Repair(&'static str),
    /// An admin commits a command.
    Admin(Box<Command>),
    /// Another leader takes over.
    FailOver,
}

/// A scenario.
pub struct Script {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// How the fleet begins.
    pub setup: Setup,
    /// The machines, by id.
    pub machines: Vec<(String, Offer)>,
    /// What is done, in order. Everything before the first cycle happens before anything is decided.
    pub acts: Vec<Act>,
    /// What must be so in the end.
    pub ends: fn(&Outcome<'_>) -> Vec<Check>,
}

/// The script on its way.
struct Player {
    acts: std::vec::IntoIter<Act>,
    /// Cycles to wait for before the next act.
    wait: u64,
    trace: Trace,
    cycles: Vec<Cycled>,
    is_over: bool,
    now_ms: u64,
}

impl Script {
    /// Plays it.
    pub fn play(&self) -> Played {
        let mut fleet = FleetSim::new(self.setup.clone(), self.machines.clone());
        let mut player = Player {
            acts: self.acts.clone().into_iter(),
            wait: 0,
            trace: Trace::default(),
            cycles: Vec::new(),
            is_over: false,
            now_ms: 0,
        };
        player.trace.bound(Kind::Start, &fleet, self.name);
        while !player.is_over && fleet.broken().is_empty() {
            fleet.run(u64::MAX, &mut player);
        }
        player.trace.bound(Kind::End, &fleet, self.name);
        let assertions = (self.ends)(&Outcome::new(&fleet, &player.cycles));
        let report = Report::of(self.name, &fleet, assertions, player.trace.hash());
        Played { report, trace: player.trace }
    }
}

impl Player {
    fn perform(&mut self, act: Act, fleet: &mut FleetSim) {
        let now_ms = fleet.now_ms();
        let note = match act {
            Act::Cycles(count) => {
                self.wait = count;
                return;
            }
            Act::Report(cluster, rows) => {
                let note = match fleet.report(cluster, &rows) {
                    None => format!("needs={}, unchanged", rows.len()),
                    Some(Response::RollUp(RollUpTaken::HeldBack { times })) => format!("held back, {times} times"),
                    Some(_) => format!("needs={}", rows.len()),
                };
                return self.trace.rollup(now_ms, cluster, &note);
            }
            Act::Doom(machine, step) => {
                fleet.cloud_mut().doom(machine, step);
                format!("the next {} of {machine} will fail", step.name())
            }
            Act::Lose(machine) => {
                fleet.cloud_mut().lose(now_ms, machine);
                format!("the host of {machine} is lost")
            }
            Act::Notice(machine, after_ms) => {
                fleet.cloud_mut().give_notice(now_ms, machine, after_ms);
                format!("{machine} ends in {after_ms} ms")
            }
            Act::Repair(machine) => {
                fleet.cloud_mut().repair(machine);
                format!("{machine} is well again")
            }
            Act::Admin(command) => {
                let note = format!("an admin commits {}", command.name());
                fleet.admin(0, *command);
                note
            }
            Act::FailOver => {
                fleet.fail_over(0);
                "another leader takes over".to_owned()
            }
        };
        self.trace.event(now_ms, &note);
    }
}

impl Actor for Player {
    fn next_ms(&self) -> Option<u64> {
        (self.wait == 0 && !self.is_over).then_some(self.now_ms)
    }

    fn act(&mut self, fleet: &mut FleetSim) {
        match self.acts.next() {
            Some(act) => self.perform(act, fleet),
            None => self.is_over = true,
        }
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled) {
        self.trace.cycle(fleet, cycled);
        self.cycles.push(cycled.clone());
        self.wait = self.wait.saturating_sub(1);
        // What comes next happens in the moment of this cycle, and the next cycle sees it.
        self.now_ms = fleet.now_ms();
    }
}
