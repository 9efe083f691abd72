//! The form of an explanation: its names are part of the API, and this test is where a change of them is seen.

use argosy_engine::Explainer;
use argosy_engine::explain::{MachineExplanation, NeedExplanation, PlanExplanation};
use argosy_engine::whatif::{Outcome, Scenario, what_if};
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement, Resources, Shape, State,
};

use crate::world::World;

/// Two needs for three machines: the lower one is short.
fn starving() -> (World, NeedKey) {
    let mut world = World::default();
    let words = &mut world.fleet.words;
    let cpu = words.dim("cpu");
    let shape = Shape {
        provider: words.symbol("sim"),
        instance_type: Some(words.symbol("m")),
        zone: Some(words.symbol("z1")),
        capacity_type: CapacityType::OnDemand,
        price: MicroUsd::from_usd(1),
        interruption: Ppb(0),
        resources: Resources::from_amounts([(cpu, 4_000)]),
        labels: Vec::new(),
    };
    let typed =
        Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values: vec![words.symbol("m")] };
    words.symbol(ZONE_KEY);
    let profile = |priority| Profile::new(vec![typed.clone()], None, priority, Bucket::ZERO, Bucket::ZERO);
    let unit = Resources::from_amounts([(cpu, 4_000)]);
    let (high, low) = (profile(200), profile(100));
    for at in 0..3 {
        world.add(&format!("m-{at}"), &shape, State::Idle, None);
    }
    world.need("c1", &high, None, unit.times(2), unit.clone());
    let low = world.need("c2", &low, None, unit.times(2), unit);
    (world, low)
}

/// What is serialised, and that it reads back as what it was.
fn written<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data");
    assert_eq!(&serde_json::from_str::<T>(&text).expect("it reads back"), value);
    text
}

fn assert_form(name: &str, actual: &str, stored: &str) {
    assert!(actual.trim() == stored.trim(), "the form of {name} is another one now:\n{actual}");
}

#[test]
fn the_names_in_an_explanation_are_those_that_are_documented() {
    let (world, low) = starving();
    let explainer = Explainer::of(&world.view());
    let need: NeedExplanation = explainer.need_with_remedies(&low, 8).expect("a known need");
    assert_form("need", &written(&need), include_str!("forms/need.json"));
    let machine: MachineExplanation = explainer.machine(world.fleet.find("m-0").expect("it is there")).expect("taken");
    assert_form("machine", &written(&machine), include_str!("forms/machine.json"));
    let plan: PlanExplanation = explainer.plan();
    assert_form("plan", &written(&plan), include_str!("forms/plan.json"));
}

#[test]
fn the_names_in_an_outcome_are_those_that_are_documented() {
    let (world, _) = starving();
    let scenario = r#"{"add_machines": [{"count": 1, "like": "m-0", "labels": {"rack": "r1"}}]}"#;
    let scenario: Scenario = serde_json::from_str(scenario).expect("a scenario");
    let outcome: Outcome = what_if(&world.view(), &scenario).expect("it can be tried");
    assert_form("outcome", &written(&outcome), include_str!("forms/outcome.json"));
}

#[test]
fn a_scenario_with_an_unknown_key_is_refused() {
    for text in [
        r#"{"loose": []}"#,
        r#"{"lose": [{"key": "zone", "value": "z1", "kind": "zone"}]}"#,
        r#"{"add_machines": [{"cuont": 3}]}"#,
        r#"{"change_needs": [{"need": {"cluser": "c1"}}]}"#,
    ] {
        let refused = serde_json::from_str::<Scenario>(text).expect_err("it is misspelt").to_string();
        assert!(refused.contains("unknown field"), "{refused}");
    }
}

#[test]
fn nothing_of_the_state_is_touched_by_asking() {
    let (world, low) = starving();
    let before = (world.fleet.edition(), world.demand.edition(), world.fleet.words.stamp());
    let explainer = Explainer::of(&world.view());
    explainer.need_with_remedies(&low, 32).expect("a known need");
    let scenario: Scenario = serde_json::from_str(r#"{"lose": [{"key": "zone", "value": "z1"}]}"#).expect("a scenario");
    what_if(&world.view(), &scenario).expect("it can be tried");
    assert!(before == (world.fleet.edition(), world.demand.edition(), world.fleet.words.stamp()));
    assert_eq!(world.count(State::Idle), 3);
}
