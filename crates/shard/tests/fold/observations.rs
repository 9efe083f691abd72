//! What a provider shows is believed unless the log knows better, and an unchanged fleet writes nothing.

use argosy_model::{Bucket, Flags, MicroUsd, ShardTime, State};
use argosy_shard::{Event, Genesis, Listing, Observed, Outcome, Settings, ShardState};

use crate::world::{World, bound, listing, row, seen};

fn removed(world: &World) -> Vec<String> {
    let id = |event: &Event| match event {
        Event::MachineRemoved { id, .. } => Some(id.clone()),
        _ => None,
    };
    world.events.iter().filter_map(id).collect()
}

#[test]
fn an_unchanged_listing_writes_nothing() {
    let mut world = World::new();
    let mut spot = bound("b", State::Configured, "c");
    spot.machine.notice = true;
    let fleet = [seen("a", State::Idle), spot, seen("s", State::Speculative), seen("f", State::Failed)];
    world.show(&fleet);
    assert_eq!(world.state.fleet().len(), 4);
    let complete = Listing { complete: true, ..listing(world.state.revision(), &fleet) };
    assert_eq!(world.state.diff_observation(&complete).commands, []);
}

#[test]
fn a_listing_does_not_overwrite_what_is_in_flight() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    world.ask("c", &[row(1, 8_000)]);
    let need = world.need("c");
    let id = world.decide(world.bootstrap("m", &need));
    let fresh = listing(world.state.revision(), &[seen("m", State::Idle)]);
    assert_eq!(world.state.diff_observation(&fresh).commands, [], "the call is on its way");
    // What a leader would not even propose, the fold does not believe either.
    world.force(&fresh);
    assert_eq!(world.state_of("m"), State::Configuring);
    world.show(&[bound("m", State::Configuring, "c")]);
    world.show(&[bound("m", State::Configured, "c")]);
    assert_eq!((world.state_of("m"), world.state.ledger().get(id)), (State::Configured, None));
}

#[test]
fn an_answer_asked_for_before_the_operation_ended_is_not_believed() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    world.ask("c", &[row(1, 8_000)]);
    let need = world.need("c");
    let id = world.decide(world.bootstrap("m", &need));
    let asked_at = world.state.revision();
    world.report(id, Outcome::Seen(Box::new(bound("m", State::Configured, "c"))));
    assert_eq!(world.state_of("m"), State::Configured);
    let old = listing(asked_at, &[seen("m", State::Idle)]);
    assert_eq!(world.state.diff_observation(&old).commands, []);
    world.force(&old);
    assert_eq!(world.state_of("m"), State::Configured);
    let gone = Listing { complete: true, ..listing(asked_at, &[]) };
    assert_eq!(world.state.diff_observation(&gone).commands, [], "nor is its silence");
    world.show(&[seen("m", State::Idle)]);
    assert_eq!(world.state_of("m"), State::Idle, "a later answer is");
}

#[test]
fn a_drain_is_not_ended_by_an_answer_from_before_the_machine_was_bound() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    world.ask("c", &[row(1, 8_000)]);
    let asked_at = world.state.revision();
    let need = world.need("c");
    let id = world.decide(world.bootstrap("m", &need));
    world.report(id, Outcome::Seen(Box::new(bound("m", State::Configured, "c"))));
    world.decide(world.reclaim("m"));
    world.force(&listing(asked_at, &[seen("m", State::Idle)]));
    assert_eq!(world.state_of("m"), State::Draining);
}

#[test]
fn an_answer_asked_for_before_an_operation_began_does_not_end_it() {
    let mut world = World::new();
    let asked_at = world.state.revision();
    world.show(&[bound("m", State::Configured, "c")]);
    world.ask("c", &[]);
    world.decide(world.reclaim("m"));
    let old = listing(asked_at, &[seen("m", State::Idle)]);
    assert_eq!(world.state.diff_observation(&old).commands, []);
    world.force(&old);
    assert_eq!(world.state_of("m"), State::Draining);
    let gone = Listing { complete: true, ..listing(asked_at, &[]) };
    assert_eq!(world.state.diff_observation(&gone).commands, []);
}

#[test]
fn a_host_that_dies_under_its_cluster_is_lost_and_the_cluster_is_told() {
    let mut world = World::new();
    world.show(&[bound("m", State::Configured, "c"), bound("n", State::Configured, "c")]);
    let holder = world.machine("m").cluster();
    world.show(&[seen("m", State::Speculative), seen("n", State::Failed)]);
    assert_eq!((world.state_of("m"), world.state_of("n")), (State::Speculative, State::Failed));
    assert_eq!((world.machine("m").cluster(), world.state.counters().lost), (None, 2));
    let told = |event: &Event| matches!(event, Event::MachineChanged { cluster, .. } if *cluster == holder);
    assert_eq!(world.events.iter().filter(|event| told(event)).count(), 2);
}

#[test]
fn a_machine_that_a_complete_listing_does_not_name_is_gone_with_all_that_refers_to_it() {
    let mut world = World::new();
    world.show(&[bound("m", State::Configured, "c"), seen("kept", State::Idle), seen("bad", State::Idle)]);
    world.ask("c", &[]);
    let id = world.decide(world.reclaim("m"));
    let partial = listing(world.state.revision(), &[seen("kept", State::Idle)]);
    assert_eq!(world.state.diff_observation(&partial).commands, []);
    let complete = Listing { complete: true, unreadable: vec!["bad".to_owned()], ..partial };
    let command = world.state.diff_observation(&complete).commands.remove(0);
    world.apply(command);
    assert_eq!((removed(&world), world.state.fleet().find("m")), (vec!["m".to_owned()], None));
    assert_eq!((world.state.ledger().get(id), world.state.fleet().len()), (None, 2));
}

#[test]
fn another_provider_s_silence_removes_nothing() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    let other = Listing { provider: "other".to_owned(), complete: true, ..listing(world.state.revision(), &[]) };
    assert_eq!(world.state.diff_observation(&other).commands, []);
    let impostor = Listing { machines: vec![seen("m", State::Speculative)], complete: false, ..other };
    let diff = world.state.diff_observation(&impostor);
    assert_eq!((diff.commands.len(), diff.foreign), (0, 1));
}

#[test]
fn a_failed_machine_comes_back_only_by_being_well() {
    let mut world = World::new();
    world.show(&[seen("m", State::Failed)]);
    world.show(&[bound("m", State::Configuring, "c")]);
    assert_eq!(world.state_of("m"), State::Failed);
    world.show(&[seen("m", State::Idle)]);
    assert_eq!((world.state_of("m"), world.state.fleet().error(world.ix("m"))), (State::Idle, None));
}

#[test]
fn a_slot_that_is_shown_failed_has_failed() {
    let mut world = World::new();
    world.show(&[seen("m", State::Speculative)]);
    world.show(&[seen("m", State::Failed)]);
    assert_eq!((world.state_of("m"), world.state.fleet().error(world.ix("m"))), (State::Failed, Some("disk")));
}

#[test]
fn states_that_a_poll_missed_are_skipped_and_the_holder_is_known() {
    let mut world = World::new();
    world.show(&[seen("m", State::Speculative)]);
    world.show(&[bound("m", State::Configured, "c")]);
    assert_eq!(world.state_of("m"), State::Configured);
    let holder = world.machine("m").cluster().expect("bound");
    assert_eq!(world.state.fleet().words.cluster_id(holder), "c");
    world.show(&[bound("m", State::Configured, "d")]);
    let holder = world.machine("m").cluster().expect("bound");
    assert_eq!(world.state.fleet().words.cluster_id(holder), "d");
    let through_idle = world.events.iter().any(|e| matches!(e, Event::MachineChanged { to: State::Idle, .. }));
    assert!(through_idle, "it changed hands through Idle");
}

#[test]
fn a_broken_record_is_screened_and_the_last_good_one_kept() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    let mut hostless = seen("m", State::Idle);
    hostless.machine.host = None;
    let mut homeless = seen("x", State::Configured);
    homeless.machine.cluster = None;
    let mut owned = seen("y", State::Speculative);
    owned.machine.cluster = Some("c".to_owned());
    let broken = listing(world.state.revision(), &[hostless, homeless, owned]);
    let diff = world.state.diff_observation(&broken);
    assert_eq!((diff.commands.len(), diff.screened), (0, 3));
    world.force(&broken);
    assert_eq!((world.state.fleet().len(), world.state.counters().screened), (1, 3));
    assert_eq!(world.state_of("m"), State::Idle);
}

#[test]
fn a_new_price_moves_a_machine_to_another_shape_and_a_notice_makes_it_no_cover() {
    let mut world = World::new();
    world.show(&[bound("m", State::Configured, "c")]);
    let before = world.machine("m");
    let mut dearer = bound("m", State::Configured, "c");
    dearer.shape.price = MicroUsd(900_000);
    dearer.machine.notice = true;
    world.show(&[dearer]);
    let after = world.machine("m");
    assert_eq!(world.state.fleet().words.shape_of(after.shape).price, MicroUsd(900_000));
    assert_eq!((after.claim, after.since), (before.claim, before.since));
    assert!(after.flags.has(Flags::NOTICE) && !after.is_cover());
}

#[test]
fn what_protects_a_machine_survives_the_loss_of_the_state() {
    let mut world = World::new();
    let demand = [row(1_000, 8_000)];
    world.ask("c", &demand);
    world.show(&[seen("m", State::Idle)]);
    let need = world.need("c");
    let id = world.decide(world.bootstrap("m", &need));
    let argosy_shard::Verb::Configure { metadata, .. } = world.state.call(id).expect("to be made").verb else {
        panic!("a bootstrap configures");
    };
    let mut echoed = bound("m", State::Configured, "c");
    echoed.machine.metadata = metadata;
    let mut restored = World::new();
    restored.ask("c", &demand);
    restored.show(&[echoed]);
    let machine = restored.machine("m");
    assert_eq!((machine.assigned_priority, machine.assigned_interruption), (1_000, Bucket::HALF_DOLLAR));
    assert_eq!(machine.claim.expect("bound").profile, Some(restored.need("c").key.profile));
}

#[test]
fn a_shard_takes_in_its_own_domains_only() {
    let zone = |zone: &str| ("topology.kubernetes.io/zone".to_owned(), zone.to_owned());
    let genesis = Genesis {
        shard: "s0".to_owned(),
        shards: vec!["s0".to_owned(), "s1".to_owned()],
        domains: vec![zone("eu-1")],
        settings: Settings::default(),
        generation: 0,
    };
    let mut world = World::around(ShardState::new(), ShardTime(0));
    world.apply(argosy_shard::Command::Genesis(genesis));
    world.apply(argosy_shard::Command::LeaderStarted);
    let mut elsewhere = seen("elsewhere", State::Idle);
    elsewhere.shape.zone = Some("us-1".to_owned());
    let fleet: Vec<Observed> = vec![seen("here", State::Idle), elsewhere];
    let diff = world.state.diff_observation(&listing(world.state.revision(), &fleet));
    assert_eq!((diff.commands.len(), diff.foreign), (1, 1));
    world.force(&listing(world.state.revision(), &fleet));
    assert_eq!((world.state.fleet().len(), world.state.counters().foreign), (1, 1));
}

#[test]
fn machines_in_transit_are_adopted_and_end_by_what_is_shown() {
    let mut world = World::new().adopting_in_transit();
    world.show(&[seen("a", State::Creating), bound("b", State::Draining, "c"), seen("d", State::Deleting)]);
    world.show(&[seen("a", State::Idle), seen("b", State::Idle), seen("d", State::Speculative)]);
    assert_eq!(["a", "b", "d"].map(|id| world.state_of(id)), [State::Idle, State::Idle, State::Speculative]);
    assert_eq!(world.state.counters().lost, 0, "nothing died");
}

#[test]
fn a_long_listing_is_split_into_entries() {
    let world = World::new();
    let fleet: Vec<Observed> = (0..9_000).map(|n| seen(&format!("m{n}"), State::Speculative)).collect();
    let diff = world.state.diff_observation(&listing(world.state.revision(), &fleet));
    assert_eq!(diff.commands.len(), 9);
}
