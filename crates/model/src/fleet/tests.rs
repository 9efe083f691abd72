//! The fleet's rules: one chokepoint, indexes that always agree with the records, slots that every replica gives out alike.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::machine::{Claim, Invariant};
use crate::money::{MicroUsd, Ppb};
use crate::resources::Resources;
use crate::shape::{CapacityType, Shape};

fn fleet() -> (Fleet, crate::ShapeIx) {
    let mut fleet = Fleet::default();
    let shape = Shape {
        provider: fleet.words.symbol("p"),
        instance_type: Some(fleet.words.symbol("m")),
        zone: Some(fleet.words.symbol("z")),
        capacity_type: CapacityType::OnDemand,
        price: MicroUsd(1),
        interruption: Ppb(0),
        resources: Resources::none(),
        labels: vec![],
    };
    let shape = fleet.words.shape(&shape);
    (fleet, shape)
}

/// Every index, rebuilt from the records alone.
fn assert_indexes_agree(fleet: &Fleet) {
    let mut members = 0;
    for state in State::ALL {
        for (class, set) in fleet.classes().in_state(state) {
            members += set.len();
            assert!(!set.is_empty() && set.iter().all(|ix| Class::of(fleet.machine(*ix)) == class));
        }
    }
    assert_eq!(members, fleet.len());
    let is_free = |flags: Flags| !flags.has(Flags::CONDEMNED | Flags::KEPT);
    let idle: Vec<_> =
        fleet.iter().filter(|(_, m)| m.state == State::Idle && is_free(m.flags)).map(|(ix, m)| (m.since, ix)).collect();
    let is_condemned = |m: &Machine| m.state == State::Idle && m.flags.has(Flags::CONDEMNED);
    let condemned: Vec<_> = fleet.iter().filter(|(_, m)| is_condemned(m)).map(|(ix, _)| ix).collect();
    assert_eq!(fleet.condemned().collect::<Vec<_>>(), condemned);
    assert_eq!(fleet.elastic_idle().count(), idle.len());
    assert!(idle.iter().all(|entry| fleet.elastic_idle.contains(entry)));
}

#[test]
fn an_illegal_edge_or_a_broken_record_changes_nothing() {
    let (mut fleet, shape) = fleet();
    let idle = Machine::new(shape, State::Idle, ShardTime(0));
    let ix = fleet.add("a", idle, Aside::default()).expect("sound");
    let refused = fleet.step(ix, State::Configured, ShardTime(1), None, Cause::Provider);
    assert!(matches!(refused, Err(FleetError::IllegalEdge { .. })));
    let homeless = Machine { flags: Flags::default(), ..idle };
    let refused = fleet.put(ix, homeless, Aside::default(), Cause::Provider);
    assert!(matches!(refused, Err(FleetError::Invariant { rule: Invariant::HostMissing, .. })));
    assert_eq!(*fleet.machine(ix), idle);
    assert_indexes_agree(&fleet);
}

#[test]
fn a_bound_machine_never_changes_clusters_without_being_idle() {
    let (mut fleet, shape) = fleet();
    let [a, b] = ["a", "b"].map(|id| fleet.words.cluster(id));
    let claim = |cluster| Some(Claim { cluster, profile: None, group: None });
    let bound = Machine { claim: claim(a), ..Machine::new(shape, State::Configured, ShardTime(0)) };
    let ix = fleet.add("m", bound, Aside::default()).expect("sound");
    let stolen = Machine { claim: claim(b), ..bound };
    let refused = fleet.put(ix, stolen, Aside::default(), Cause::Skipped);
    assert!(matches!(refused, Err(FleetError::ChangesHands { .. })));
}

#[test]
fn a_failed_machine_says_why_and_only_it() {
    let (mut fleet, shape) = fleet();
    let creating = Machine::new(shape, State::Creating, ShardTime(0));
    let ix = fleet.add("m", creating, Aside::default()).expect("sound");
    assert!(fleet.step(ix, State::Failed, ShardTime(1), None, Cause::Provider).is_err());
    fleet.step(ix, State::Failed, ShardTime(1), Some("no boot"), Cause::Provider).expect("legal");
    assert_eq!(fleet.error(ix), Some("no boot"));
    fleet.step(ix, State::Speculative, ShardTime(2), None, Cause::Recovered).expect("legal");
    assert_eq!(fleet.error(ix), None);
}

#[test]
fn the_lowest_free_slot_is_given_out_first() {
    let (mut fleet, shape) = fleet();
    let slot = Machine::new(shape, State::Speculative, ShardTime(0));
    let ixs: Vec<_> = (0..4).map(|n| fleet.add(&format!("m{n}"), slot, Aside::default()).expect("new")).collect();
    fleet.remove(ixs[2]).expect("there");
    fleet.remove(ixs[1]).expect("there");
    assert_eq!(fleet.add("again", slot, Aside::default()), Ok(ixs[1]));
    assert_eq!((fleet.len(), fleet.find("m1")), (3, None));
}

#[test]
fn a_host_reference_is_kept_only_where_it_is_not_the_id() {
    let (mut fleet, shape) = fleet();
    let idle = Machine::new(shape, State::Idle, ShardTime(0));
    let with = |host: &str| Aside { host: Some(Arc::from(host)), error: None };
    let same = fleet.add("a", idle, with("a")).expect("sound");
    let other = fleet.add("b", idle, with("i-0b")).expect("sound");
    assert_eq!((fleet.host(same), fleet.host(other)), (Some("a"), Some("i-0b")));
    assert_eq!(fleet.hosts.len(), 1);
}

proptest! {
    #[test]
    fn indexes_always_agree_with_the_records(steps in proptest::collection::vec((0usize..6, 0usize..8, 0usize..6), 1..200)) {
        let (mut fleet, shape) = fleet();
        let cluster = fleet.words.cluster("c");
        let causes = [Cause::Decided, Cause::Provider, Cause::Refused, Cause::Lost, Cause::Recovered, Cause::Skipped];
        for (at, (machine, state, cause)) in steps.into_iter().enumerate() {
            let now = ShardTime(at as u64);
            let id = format!("m{machine}");
            let Some(ix) = fleet.find(&id) else {
                fleet.add(&id, Machine::new(shape, State::Speculative, now), Aside::default()).expect("new");
                continue;
            };
            let mut next = fleet.machine(ix).moved(State::ALL[state], now);
            if next.state.is_bound() {
                next.claim = Some(Claim { cluster, profile: None, group: None });
            }
            let error = (next.state == State::Failed).then(|| Arc::from("e"));
            let before = fleet.clone();
            let done = fleet.put(ix, next, Aside { host: None, error }, causes[cause]);
            let unchanged = before.get(ix) == fleet.get(ix);
            prop_assert!(done.is_ok() || unchanged);
            assert_indexes_agree(&fleet);
            assert_indexes_agree(&before);
        }
    }
}
