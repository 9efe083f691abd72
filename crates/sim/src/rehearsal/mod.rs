//! Rehearsals: a scenario run on virtual time against the whole control plane.
//!
//! ```text
//!   scenario ──> layout ──> cloud ─────────────┐
//!            ──> pools ──── commands ──> leader: fold, engine, plans ──> calls ──> cloud
//!            ──> stage: failures ──> agents ──> health desk ──> commands ┘  │
//!                  │ <──────────────── machines that come and go ───────────┘
//!                  └──> record (and from it every report)
//! ```
//!
//! The stage is one actor beside a [`FleetSim`]: it breaks things and mends them, plays the agents, tells the autoscalers their
//! load, gives the commands of people, and writes down what happens. What is decided is decided by the product's own code: the
//! shard's fold, the engine, the pools' policies, the desks of a leader.
//!
//! **What is deliberately absent:** an event for each heartbeat. An agent that can be heard is heard; silence is an event once it has
//! lasted, and a reading is repeated only while it is bad. So the cost of a run is that of what happens in it.

mod agenda;
mod agents;
mod books;
mod census;
mod chaos;
mod condition;
mod failures;
mod judge;
pub mod layout;
pub mod pools;
pub mod record;
mod repairs;
mod script;
mod setup;
mod stage;
mod startup;

use std::collections::BTreeMap;

use argosy_desk::{health, pools as pool_desk};
use argosy_pool::Clock;
use argosy_shard::Command;

use self::agenda::{Agenda, Due};
use self::books::Books;
use self::condition::Condition;
use self::record::{MachineNumber, RunRecord, Tally};
use self::stage::Stage;
use crate::fleet::FleetSim;
use crate::scenario::Loaded;

/// The moment on the wall at which every rehearsal begins, for schedules: Monday, 5 January 2026, 00:00 UTC.
const BEGINS_UNIX_MS: i64 = 1_767_571_200_000;
/// Autoscalers look at their pools this often, as the server's do.
const LOOK_MS: u64 = 10_000;
/// So long after the last machine ought to be there a fleet that is not complete is short of something.
const SETTLE_MS: u64 = 10_000;

/// A scenario that is being run.
#[derive(Debug)]
pub struct Rehearsal {
    fleet: FleetSim,
    stage: Stage,
    ends_ms: u64,
}

/// What the clock on the wall says at a moment of a rehearsal.
fn clock_at(now_ms: u64) -> Clock {
    Clock::from_unix_ms(BEGINS_UNIX_MS.saturating_add(i64::try_from(now_ms).unwrap_or(i64::MAX)))
}

impl Rehearsal {
    /// Lays a scenario out. Nothing has happened yet.
    pub fn new(loaded: &Loaded, seed: u64) -> Self {
        let scenario = &loaded.scenario;
        let sites = layout::sites(scenario, seed);
        let prices = setup::prices(scenario, &sites);
        let fleet = setup::fleet(scenario, &sites, &prices, seed);
        let machines = sites.iter().zip(&prices).map(|(site, price)| books::entry(site, *price)).collect();
        let record = RunRecord {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            seed,
            virtual_ms: 0,
            configuration: serde_json::to_value(scenario).expect("a scenario is plain data"),
            machines,
            events: Vec::new(),
            samples: Vec::new(),
            assertions: Vec::new(),
            violations: Vec::new(),
            warnings: loaded.warnings.clone(),
            tally: Tally::default(),
        };
        let numbers = sites.iter().zip(0..).map(|(site, number)| (site.node.id.clone(), number));
        let numbers: BTreeMap<String, MachineNumber> = numbers.collect();
        let last_start_ms = sites.iter().map(|site| site.first_start_ms).max().unwrap_or(0);
        let stage = Stage {
            pools: pools::specifications(scenario, &sites),
            machines: sites.iter().map(|_| Condition::default()).collect(),
            numbers,
            failures: Vec::new(),
            agenda: Agenda::default(),
            chaos: chaos::Chaos::new(scenario.chaos().cloned(), &sites, seed),
            script: script::Script::new(scenario.events.clone()),
            judge: judge::Judge::new(scenario),
            books: Books::new(record),
            health: health::Desk::default(),
            autoscaler: pool_desk::Desk::default(),
            missed: BTreeMap::new(),
            workshop: repairs::Workshop::new(scenario.argosy.repair.clone(), seed),
            over: false,
            settled_ms: last_start_ms + SETTLE_MS,
            sites,
            scenario: scenario.clone(),
        };
        let mut rehearsal = Self { fleet, ends_ms: 0, stage };
        rehearsal.prepare();
        rehearsal
    }

    fn prepare(&mut self) {
        let (stage, fleet) = (&mut self.stage, &mut self.fleet);
        let health = stage.scenario.argosy.health.clone();
        if !health.policy.is_empty() {
            let by = Stage::by("the scenario's policy");
            fleet.admin(0, Command::SetHealthPolicy { text: health.policy, by });
        }
        fleet.admin(0, stage.workshop.policy());
        fleet.admin(0, Command::SetHealthActs { on: health.acts, by: Stage::by("the scenario") });
        let is_generated = stage.scenario.stress.as_ref().is_some_and(|stress| stress.fleet_gen.is_some());
        if is_generated || !stage.scenario.argosy.pools.is_empty() {
            stage.start_fleet(fleet);
        }
        stage.agenda.put(0, Due::Sample);
        if stage.pools.iter().any(|pool| pool.autoscaler.is_some()) {
            stage.agenda.put(LOOK_MS, Due::Look);
        }
        for (number, load) in stage.scenario.argosy.loads.iter().enumerate() {
            stage.agenda.put(load.at.0, Due::Load(number));
        }
        for at in &stage.scenario.argosy.control_plane.new_leader_at {
            stage.agenda.put(at.0, Due::NewLeader);
        }
        stage.prepare_chaos();
        stage.prepare_assertions();
        stage.agenda.put(stage.script.next_ms().unwrap_or(0), Due::Script);
        let scripted = stage.judge.last_ms().max(stage.script.last_ms());
        self.ends_ms = stage.scenario.stress.as_ref().map_or(scripted, |stress| stress.duration.0);
        if stage.scenario.stress.is_some() {
            stage.agenda.put(self.ends_ms, Due::End);
        }
    }

    /// Virtual time.
    pub fn now_ms(&self) -> u64 {
        self.fleet.now_ms()
    }

    /// When it will be over; a script that waits may take longer.
    pub fn ends_ms(&self) -> u64 {
        self.ends_ms
    }

    /// The record as it is so far.
    pub fn record(&self) -> &RunRecord {
        &self.stage.books.record
    }

    /// Lets virtual time pass until a moment. Says whether it is over. However it is cut into pieces of whole seconds, it is the same
    /// run.
    pub fn run_until(&mut self, until_ms: u64) -> bool {
        self.fleet.run(until_ms, &mut self.stage);
        self.is_over()
    }

    /// Whether there is nothing left to do: it has ended, or a rule of the simulator was broken.
    pub fn is_over(&self) -> bool {
        self.stage.over || !self.fleet.broken().is_empty()
    }

    /// Ends it, and adds everything up.
    pub fn finish(mut self) -> RunRecord {
        if !self.stage.over {
            self.stage.end(&self.fleet);
        }
        let now_ms = self.fleet.now_ms();
        self.stage.books.close(now_ms);
        let mut record = self.stage.books.record;
        record.virtual_ms = now_ms;
        record.violations = self.fleet.broken();
        let leader = &self.fleet.leaders()[0];
        (record.tally.cycles, record.tally.entries) = (leader.cycles(), leader.state().revision());
        record
    }
}

/// Runs a scenario to its end.
pub fn run(loaded: &Loaded, seed: u64) -> RunRecord {
    let mut rehearsal = Rehearsal::new(loaded, seed);
    rehearsal.run_until(u64::MAX);
    rehearsal.finish()
}
