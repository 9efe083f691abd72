//! What a desk does where something is not as it left it: machines that are gone, policies that change, batches that are late.

use argosy_health::{Event, Health, Input};
use argosy_model::{Duration, State};
use argosy_shard::{By, Command, Envelope, Genesis, Listing, Observed, ObservedMachine, ObservedShape};

use super::*;

/// A shard with machines `a` and `b`, and the desk of its leader.
struct House {
    state: ShardState,
    desk: Desk,
    now: ShardTime,
}

impl House {
    fn new() -> Self {
        let mut house = Self { state: ShardState::new(), desk: Desk::default(), now: ShardTime(0) };
        house.apply(Command::Genesis(Genesis {
            shard: "s".to_owned(),
            shards: vec!["s".to_owned()],
            ..Genesis::default()
        }));
        house.apply(Command::LeaderStarted);
        house.show(&["a", "b"]);
        house
    }

    fn apply(&mut self, command: Command) {
        let bytes = Envelope { at: self.now, proposed_in_term: 1, command }.encode();
        self.state.apply(self.state.revision() + 1, 1, &bytes);
    }

    fn show(&mut self, machines: &[&str]) {
        let observed = |id: &&str| {
            let machine =
                ObservedMachine { host: Some(format!("host-{id}")), ..ObservedMachine::new(*id, State::Idle) };
            Observed { shape: ObservedShape { zone: Some("z".to_owned()), ..ObservedShape::default() }, machine }
        };
        let machines = machines.iter().map(observed).collect();
        let asked_at = self.state.revision();
        let listing = Listing { provider: "sim".to_owned(), asked_at, machines, complete: true, ..Listing::default() };
        for command in self.state.diff_observation(&listing).commands {
            self.apply(command);
        }
    }

    fn breaks(&mut self, machine: &str) -> Option<u64> {
        let ward = self.desk.ward(&self.state, machine, self.now)?;
        ward.watch.take(self.now, Input::Event(Event::xid(0, 79)));
        self.desk.touched(machine)
    }

    fn commit(&mut self) -> bool {
        let batch = self.desk.batch(&self.state, self.now);
        self.apply(Command::Health(batch.updates.clone()));
        self.desk.committed(&self.state, batch)
    }
}

#[test]
fn what_is_heard_of_a_machine_that_is_not_there_is_about_nobody() {
    let mut house = House::new();
    assert_eq!(house.breaks("nobody"), None);
    assert_eq!(house.desk.facts(&house.state, "nobody", house.now, Facts::default()), None);
    assert!(house.desk.find("nobody").is_none() && house.desk.touched("nobody").is_none() && !house.desk.has_news());
}

#[test]
fn a_machine_that_goes_before_its_record_is_written_leaves_nothing_behind() {
    let mut house = House::new();
    assert!(house.breaks("a").is_some() && house.desk.has_news() && house.desk.find("a").is_some());
    house.show(&["b"]);
    assert!(house.state.fleet().find("a").is_none(), "its provider lists it no more");
    let batch = house.desk.batch(&house.state, house.now);
    assert!(batch.updates.is_empty() && batch.is_last);
    assert!(house.desk.find("a").is_none() && !house.desk.has_news() && house.desk.next_deadline().is_none());
}

#[test]
fn what_did_not_get_into_the_log_is_told_again_and_then_once() {
    let mut house = House::new();
    house.breaks("a");
    let lost = house.desk.batch(&house.state, house.now);
    assert_eq!((lost.updates.len(), house.desk.has_news()), (1, false));
    house.desk.failed(&lost);
    assert!(house.desk.has_news(), "nobody knows whether it is in the log");
    assert!(house.commit() && !house.desk.has_news());
    // The lost one came after all: it is from where nobody is any more, and changes nothing.
    let updates = |house: &House| {
        let ix = house.state.fleet().find("a").expect("it is there");
        house.state.health().get(ix).map(|kept| kept.updates)
    };
    assert_eq!(updates(&house), Some(1));
    house.apply(Command::Health(lost.updates));
    assert_eq!(updates(&house), Some(1));
}

/// A policy under which nothing is a fault and nobody is ever silent.
const LENIENT: &str =
    "defaults: { silent_after: 0s }\nrules:\n  - name: never\n    condition: \"false\"\n    result: degraded\n";

#[test]
fn another_policy_is_in_force_with_the_next_look_and_one_that_cannot_be_read_changes_nothing() {
    let mut house = House::new();
    let set = |house: &mut House, text: &str| {
        house.apply(Command::SetHealthPolicy { text: text.to_owned(), by: By::default() });
        house.desk.follow(&house.state);
        house.desk.silent_after().is_none()
    };
    house.breaks("a");
    assert_eq!(house.desk.find("a").expect("it is known").watch.verdict().health, Health::Unhealthy);
    assert!(set(&mut house, LENIENT));
    house.breaks("b");
    assert_ne!(house.desk.find("b").expect("it is known").watch.verdict().health, Health::Unhealthy);
    assert!(set(&mut house, "rules: 7"), "the one before it stays");
    assert!(!set(&mut house, ""), "back to that of a new installation");
}

#[test]
fn what_a_machine_is_counts_from_when_it_is_said() {
    let mut house = House::new();
    house.breaks("a");
    let facts = Facts { gpus: 8, domains: Vec::new() };
    assert_eq!(house.desk.facts(&house.state, "a", house.now, facts.clone()), Some(()));
    assert_eq!(house.desk.facts(&house.state, "a", house.now, facts), Some(()), "said again, it is the same");
    let verdict = house.desk.find("a").expect("it is known").watch.verdict();
    assert_eq!(verdict.health, Health::Unhealthy, "what was found stands");
}

#[test]
fn a_new_leader_goes_on_from_the_records_and_one_that_cannot_be_read_is_begun_anew() {
    let mut house = House::new();
    house.breaks("a");
    house.commit();
    house.desk = Desk::default();
    house.desk.take_up(&house.state, house.now);
    assert_eq!(house.desk.find("a").expect("the log has it").watch.verdict().health, Health::Unhealthy);
    assert!(house.desk.find("b").is_none(), "nothing was ever heard of it");

    let ix = house.state.fleet().find("a").expect("it is there");
    let kept = house.state.health().get(ix).expect("the log has a record");
    let verdict = house.desk.find("a").expect("it is known").watch.verdict();
    let update = HealthUpdate {
        machine: "a".to_owned(),
        base: kept.updates,
        record: vec![255; 3],
        verdict: HealthVerdict {
            health: verdict.health.name().to_owned(),
            class: verdict.class.name().to_owned(),
            reason: String::new(),
            since: ShardTime(0),
            unfit: false,
        },
    };
    house.apply(Command::Health(vec![update]));
    house.desk = Desk::default();
    house.desk.take_up(&house.state, house.now);
    assert_eq!(house.desk.find("a").expect("it is there").watch.verdict().health, Health::Unknown);
}

#[test]
fn time_is_let_pass_only_for_whom_it_matters() {
    let mut house = House::new();
    house.breaks("a");
    house.commit();
    let due = house.desk.next_deadline();
    assert!(due.is_none_or(|due| due > house.now));
    let moment = due.unwrap_or(house.now.plus(Duration::from_secs(3_600)));
    assert_eq!(house.desk.advance(house.now), Vec::<String>::new());
    assert_eq!(house.desk.advance(moment).len(), usize::from(due.is_some()));
}
