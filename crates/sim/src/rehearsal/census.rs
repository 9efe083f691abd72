//! How the fleet is at a moment: by machine, in numbers, and whether what must always hold does.

use argosy_desk::pools::{coming, ready};
use argosy_health::Health;
use argosy_model::{Flags, Machine, State};

use super::agenda::Due;
use super::record::{MachineNumber, Sample};
use super::stage::Stage;
use crate::fleet::FleetSim;

/// An idle machine may be kept for this much longer than its hold before it counts as leaked.
const LEAK_SLACK_MS: u64 = 120_000;

impl Stage {
    fn known(&self, fleet: &FleetSim, machine: MachineNumber) -> Option<Machine> {
        let state = fleet.leaders()[0].state();
        state.fleet().find(&self.site(machine).node.id).map(|ix| *state.fleet().machine(ix))
    }

    /// A machine's verdict.
    pub(super) fn health_of(&self, machine: MachineNumber) -> Health {
        self.health
            .find(&self.site(machine).node.id)
            .map_or(Health::Unknown, |ward| ward.watch.record().standing.health)
    }

    /// A machine's status in the words of scenarios.
    pub(super) fn status_of(&self, fleet: &FleetSim, machine: MachineNumber) -> &'static str {
        let condition = &self.machines[machine as usize];
        let Some(known) = self.known(fleet, machine) else { return "terminated" };
        // Out of supply because somebody wants it drained is not ill.
        let is_out = !known.is_cover() && !condition.drain_asked;
        let is_ill = is_out || condition.standing.unfit || self.health_of(machine) == Health::Unhealthy;
        match known.state {
            State::Speculative | State::Deleting if condition.generation > 0 => "terminated",
            State::Speculative => "absent",
            State::Creating | State::Configuring => "joining",
            State::Failed => "unhealthy",
            _ if is_ill => "unhealthy",
            State::Draining => "draining",
            _ if condition.drain_asked => "draining",
            _ if known.flags.has(Flags::CORDONED) => "cordoned",
            State::Configured => "active",
            _ => "idle",
        }
    }

    /// Whether a machine is up and its agent can be heard.
    pub(super) fn is_responsive(&self, machine: MachineNumber) -> bool {
        let condition = &self.machines[machine as usize];
        condition.up && condition.unreachable == 0
    }

    /// The fleet in numbers.
    pub(super) fn count(&self, fleet: &FleetSim) -> Sample {
        let state = fleet.leaders()[0].state();
        let now = fleet.now_ms();
        let tally = &self.books.record.tally;
        let (cost_microusd, wasted_microusd) = self.books.money(now);
        let mut sample = Sample {
            at_ms: now,
            wanted: state.pools().map(|(_, pool)| pool.standing.target).sum(),
            failures: tally.failures,
            recoveries: tally.recoveries,
            cascades: tally.cascades,
            replacements: tally.replacements,
            active_outages: self.chaos.active_outages(),
            cost_microusd,
            wasted_microusd,
            ..Sample::default()
        };
        for (number, condition) in (0..).zip(&self.machines) {
            sample.broken += u32::from(!condition.active.is_empty());
            sample.responsive += u32::from(condition.up && condition.unreachable == 0);
            sample.silent += u32::from(condition.up && condition.unreachable > 0);
            if let Some(known) = self.known(fleet, number) {
                self.add(&mut sample, number, &known);
            }
        }
        sample
    }

    fn add(&self, sample: &mut Sample, number: MachineNumber, known: &Machine) {
        sample.total += u32::from(known.state != State::Speculative);
        sample.unfit += u32::from(known.flags.has(Flags::HOST) && !known.is_cover());
        sample.cordoned += u32::from(known.flags.has(Flags::CORDONED));
        match known.state {
            State::Creating | State::Configuring => sample.joining += 1,
            State::Draining => sample.draining += 1,
            State::Failed => sample.failed += 1,
            State::Configured if !known.is_cover() => sample.unhealthy += 1,
            State::Configured => match self.health_of(number) {
                Health::Healthy => sample.healthy += 1,
                Health::Unknown => sample.unknown += 1,
                Health::Degraded => sample.degraded += 1,
                Health::Unhealthy => sample.unhealthy += 1,
            },
            State::Speculative | State::Idle | State::Deleting => {}
        }
    }

    /// Counts the fleet for the timeline, and again after the interval.
    pub(super) fn sample(&mut self, fleet: &FleetSim) {
        let sample = self.count(fleet);
        let is_complete = sample.wanted > 0 && sample.healthy >= sample.wanted;
        let is_started = is_complete || sample.at_ms >= self.settled_ms;
        if is_complete {
            self.settled_ms = 0;
        }
        self.books.sample(sample, is_started);
        let interval = self.scenario.stress.as_ref().map_or(1_000, |stress| stress.metrics_interval.0);
        self.agenda.put(fleet.now_ms() + interval, Due::Sample);
    }

    /// What must hold after every cycle, for the assertions that ask for it.
    pub(super) fn hold_invariants(&mut self, fleet: &FleetSim) {
        let state = fleet.leaders()[0].state();
        let now = fleet.now_ms();
        for (name, pool) in state.pools() {
            let (min, max) = (pool.specification.min, pool.specification.max);
            let held = ready(state, name) + coming(state, name);
            let told = |what: &str| format!("{now} ms: pool {name} has or gets {held} machines, {what}");
            if held > max {
                self.books.breaks("never_above_max", || told(&format!("{max} at most")));
            }
            if held < min {
                self.books.breaks("never_below_min", || told(&format!("{min} at least")));
            }
        }
    }

    /// Whether every host at the provider is known and has a purpose; looked at in the end.
    pub(super) fn look_for_leaks(&mut self, fleet: &FleetSim) {
        let leader = &fleet.leaders()[0];
        let (now, hold) = (fleet.now_ms(), self.scenario.argosy.control_plane.hold.0);
        if leader.wants_listing(fleet.cloud()) {
            return;
        }
        for (number, site) in (0..).zip(&self.sites) {
            let id = &site.node.id;
            let is_there = fleet.cloud().get(id).is_some_and(|seen| seen.machine.host.is_some());
            let known = self.known(fleet, number);
            let is_known = known.is_some_and(|known| known.flags.has(Flags::HOST));
            let idles =
                known.filter(|known| known.state == State::Idle).map_or(0, |known| now.saturating_sub(known.since.0));
            if is_there != is_known || idles > hold + LEAK_SLACK_MS {
                self.books.breaks("no_leak", || format!("{now} ms: nobody has {id}, and it is not given back"));
            }
        }
        if let Some(broken) = fleet.cloud().broken().first() {
            self.books.breaks("no_double_action", || broken.clone());
        }
    }
}
