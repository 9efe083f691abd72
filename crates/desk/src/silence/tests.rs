//! What silence comes to, over the death of leaders; each bug of the table must show.

use argosy_health::{ActionClass, Health, Input, Verdict};
use argosy_model::State;
use argosy_repair::Class;
use argosy_shard::{By, Command, Envelope, Genesis, Listing, Observed, ObservedMachine, ObservedShape};

use super::*;
use crate::health::Desk;
use crate::plant;

/// A shard with one machine, and the desks of its leader.
struct House {
    state: ShardState,
    desk: Desk,
    silence: Silence,
    now: ShardTime,
}

impl House {
    fn new() -> Self {
        let (state, desk, silence, now) = (ShardState::new(), Desk::default(), Silence::default(), ShardTime(0));
        let mut house = Self { state, desk, silence, now };
        house.apply(Command::Genesis(Genesis {
            shard: "s".to_owned(),
            shards: vec!["s".to_owned()],
            ..Genesis::default()
        }));
        house.apply(Command::LeaderStarted);
        house.show(State::Idle, Some("host-1"));
        house
    }

    fn apply(&mut self, command: Command) {
        let bytes = Envelope { at: self.now, proposed_in_term: 1, command }.encode();
        self.state.apply(self.state.revision() + 1, 1, &bytes);
    }

    fn show(&mut self, state: State, host: Option<&str>) {
        let machine = ObservedMachine { host: host.map(str::to_owned), ..ObservedMachine::new("m", state) };
        let shape = ObservedShape { zone: Some("z".to_owned()), ..ObservedShape::default() };
        let asked_at = self.state.revision();
        let machines = vec![Observed { shape, machine }];
        let listing = Listing { provider: "sim".to_owned(), asked_at, machines, ..Listing::default() };
        for command in self.state.diff_observation(&listing).commands {
            self.apply(command);
        }
    }

    fn feed(&mut self, event: Event) {
        let ward = self.desk.ward(&self.state, "m", self.now).expect("it is there");
        ward.watch.take(self.now, Input::Event(event));
        self.desk.touched("m");
        self.commit();
    }

    fn commit(&mut self) {
        let batch = self.desk.batch(&self.state, self.now);
        self.apply(Command::Health(batch.updates.clone()));
        assert!(self.desk.committed(&self.state, batch), "one leader is never late");
    }

    /// The agent says that it has booted, as every agent does first.
    fn boots(&mut self) {
        self.is_heard();
        let mark = argosy_health::record::Mark { journal: "j".to_owned(), sequence: 1 };
        let ward = self.desk.ward(&self.state, "m", self.now).expect("it is there");
        ward.watch.take_recorded(self.now, mark, Event::plain(EventType::Boot, -1));
        self.desk.touched("m");
        self.commit();
    }

    fn is_heard(&mut self) {
        if self.silence.heard(&self.state, "m", self.now) == Sign::Again {
            self.feed(heard_again());
        }
    }

    /// Time passes second by second, as at a leader that looks when it is due.
    fn passes(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            let after = self.desk.silent_after().expect("the policy of a new installation listens");
            for _ in self.silence.overdue(&self.state, after, self.now) {
                self.feed(fell_silent(after));
            }
            self.desk.advance(self.now);
            self.commit();
        }
    }

    /// Another leader takes over; what the desks knew is gone.
    fn fails_over(&mut self) {
        (self.desk, self.silence) = (Desk::default(), Silence::default());
        self.desk.take_up(&self.state, self.now);
        self.silence.take_up(&self.state, self.now);
    }

    fn verdict(&mut self) -> Verdict {
        self.desk.ward(&self.state, "m", self.now).expect("it is there").watch.verdict()
    }

    fn said(&mut self) -> (Health, bool) {
        let verdict = self.verdict();
        (verdict.health, verdict.unfit)
    }
}

#[test]
fn an_agent_that_is_heard_is_never_silent_and_one_that_is_not_becomes_so_and_owes_after_its_grace() {
    let mut house = House::new();
    house.boots();
    for _ in 0..40 {
        house.passes(10);
        house.is_heard();
    }
    assert_eq!(house.said(), (Health::Healthy, false));
    house.passes(89);
    assert_eq!(house.said(), (Health::Healthy, false));
    house.passes(1);
    let verdict = house.verdict();
    assert_eq!((verdict.health, verdict.unfit, &*verdict.rule), (Health::Unhealthy, false, "agent-silent"));
    assert!(verdict.line().contains("nothing is heard of its agent for 90 s"), "{}", verdict.line());
    house.passes(120);
    assert_eq!((house.said(), house.verdict().class), ((Health::Unhealthy, true), ActionClass::Replace));
}

#[test]
fn one_that_is_heard_again_is_well_and_owes_nothing_even_after_its_grace() {
    let mut house = House::new();
    house.boots();
    house.passes(600);
    assert_eq!(house.said(), (Health::Unhealthy, true));
    house.is_heard();
    assert_eq!(house.said(), (Health::Healthy, false), "its own end disproves it");
    house.passes(90);
    assert_eq!(house.said(), (Health::Unhealthy, false), "and it may fall silent again");
}

#[test]
fn another_fault_outlives_the_end_of_a_silence() {
    let mut house = House::new();
    house.boots();
    house.feed(Event::xid(0, 79));
    house.passes(600);
    house.is_heard();
    let verdict = house.verdict();
    assert!(verdict.unfit, "{}", verdict.line());
    assert_eq!(verdict.owed.iter().map(|due| &*due.rule).collect::<Vec<_>>(), ["fatal-xid"]);
}

#[test]
fn a_machine_that_never_had_an_agent_is_never_called_silent() {
    let mut house = House::new();
    house.passes(600);
    house.fails_over();
    house.passes(600);
    assert_eq!(house.said(), (Health::Unknown, false));
}

#[test]
fn a_new_leader_condemns_nobody_at_once_and_everybody_that_stays_silent() {
    let history = || {
        let mut house = House::new();
        house.boots();
        house.passes(60);
        // Not heard for a minute, and now its leader dies.
        house.fails_over();
        house.passes(89);
        let before = house.said();
        house.passes(1);
        (before, house.said())
    };
    let sound = ((Health::Healthy, false), (Health::Unhealthy, false));
    assert_eq!(history(), sound);
    for bug in [Bug::CondemnedAtOnce, Bug::SilenceForgotten] {
        assert_ne!(plant::with(bug, history), sound, "{bug:?} was not noticed");
    }
}

#[test]
fn a_silence_that_one_leader_found_ends_at_the_first_sign_that_the_next_one_hears() {
    let history = |takes_up_first: bool| {
        let mut house = House::new();
        house.boots();
        house.passes(95);
        assert_eq!(house.said(), (Health::Unhealthy, false));
        house.fails_over();
        if !takes_up_first {
            // The agent came before the new leader had looked.
            house.silence = Silence::default();
        }
        house.is_heard();
        house.said()
    };
    for takes_up_first in [true, false] {
        assert_eq!(history(takes_up_first), (Health::Healthy, false));
        let broken = plant::with(Bug::ReturnUnnoticed, || history(takes_up_first));
        assert_eq!(broken, (Health::Unhealthy, false), "the bug shows");
    }
}

#[test]
fn a_machine_that_reboots_by_order_is_not_called_silent() {
    let history = || {
        let mut house = House::new();
        house.boots();
        let policy = "{version: 1, act: {reboot-host: {within: 20m}}}";
        let policy = Some(Box::new(argosy_repair::parse("policy", policy).expect("it is sound")));
        house.apply(Command::SetHealthActs { on: true, by: By::default() });
        house.apply(Command::SetRepairPolicy { policy, by: By::default() });
        house.apply(Command::RepairNow { machine: "m".to_owned(), class: Class::RebootHost, by: By::default() });
        while let Some(command) = house.state.propose_repairs(house.now, argosy_pool::Clock::from_unix_ms(0)) {
            house.apply(command);
        }
        let ix = house.state.fleet().find("m").expect("it is there");
        assert!(is_at_work(&house.state, ix), "{:?}", house.state.repairs().book().get(ix));
        house.passes(600);
        house.said()
    };
    assert_eq!(history(), (Health::Healthy, false));
    assert_eq!(plant::with(Bug::RebootCounted, history).0, Health::Unhealthy, "the bug shows");
}

#[test]
fn what_comes_after_a_host_that_is_gone_has_all_the_time_to_come_up() {
    let mut house = House::new();
    house.boots();
    house.passes(80);
    house.show(State::Speculative, None);
    house.passes(60);
    house.show(State::Idle, Some("host-2"));
    house.passes(600);
    assert_eq!(house.said(), (Health::Unknown, false));
    house.boots();
    house.passes(90);
    assert_eq!(house.said(), (Health::Unhealthy, false));
}

#[test]
fn who_is_excused_has_the_whole_time_again() {
    let mut house = House::new();
    house.boots();
    house.passes(100);
    house.desk.ward(&house.state, "m", house.now).expect("it is there").watch.take(house.now, Input::Clear);
    house.silence.excuse("m", house.now);
    house.passes(89);
    assert_eq!(house.said(), (Health::Healthy, false));
    house.passes(1);
    assert_eq!(house.said(), (Health::Unhealthy, false));
}
