//! An operation ends by what its provider is seen to have done; an attempt whose fate is unknown is never taken for one
//! that did nothing.

use argosy_model::{Duration, Flags, State};
use argosy_shard::operation::Progress;
use argosy_shard::{Command, Ending, Event, OperationId, Outcome, Refusal, Report, Response, Settings, Verb};

use crate::world::{World, bound, by, row, seen};

fn provisioning() -> (World, OperationId) {
    let mut world = World::new();
    world.show(&[seen("slot", State::Speculative)]);
    world.ask("c", &[row(100, 8_000)]);
    let need = world.need("c");
    let id = world.decide(world.provision("slot", &need));
    (world, id)
}

fn bootstrapping() -> (World, OperationId) {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    world.ask("c", &[row(100, 8_000)]);
    let need = world.need("c");
    let id = world.decide(world.bootstrap("m", &need));
    (world, id)
}

fn draining() -> (World, OperationId) {
    let mut world = World::new();
    world.show(&[bound("m", State::Configured, "c")]);
    world.ask("c", &[]);
    let id = world.decide(world.reclaim("m"));
    (world, id)
}

fn endings(world: &World) -> Vec<Ending> {
    let ending = |event: &Event| match event {
        Event::OperationClosed { ending, .. } => Some(*ending),
        _ => None,
    };
    world.events.iter().filter_map(ending).collect()
}

#[test]
fn a_created_machine_is_bound_at_once_under_a_new_fence_if_its_need_still_stands() {
    let (mut world, id) = provisioning();
    let created = world.operation(id);
    world.accept(id);
    world.show(&[seen("slot", State::Idle)]);
    assert_eq!(world.state_of("slot"), State::Configuring);
    let operation = world.operation(id);
    assert!(operation.attempt.fence > created.attempt.fence && operation.attempt.number == 2);
    let call = world.state.call(id).expect("to be made");
    let Verb::Configure { cluster, metadata, .. } = call.verb else { panic!("{:?}", call.verb) };
    assert_eq!(cluster, "c");
    assert!(metadata.contains(&("bigfleet.lucy.sh/assigned-priority".to_owned(), "100".to_owned())));
    world.show(&[bound("slot", State::Configured, "c")]);
    assert_eq!((world.state_of("slot"), endings(&world)), (State::Configured, vec![Ending::Done]));
    assert_eq!(world.machine("slot").assigned_priority, 100);
    assert!(world.state.ledger().is_empty());
}

#[test]
fn a_created_machine_that_nobody_needs_any_more_stays_idle() {
    let (mut world, _) = provisioning();
    world.ask("c", &[]);
    world.show(&[seen("slot", State::Idle)]);
    assert_eq!((world.state_of("slot"), endings(&world)), (State::Idle, vec![Ending::Unneeded]));
    let (mut world, _) = provisioning();
    let mut settings = Settings::default();
    settings.policy.kill_switch = true;
    world.apply(Command::SetSettings { settings: Box::new(settings), by: by() });
    world.show(&[seen("slot", State::Idle)]);
    assert_eq!(world.state_of("slot"), State::Idle, "the kill switch lets nothing new begin");
}

#[test]
fn a_stock_out_cools_the_slot_longer_each_time() {
    let (mut world, id) = provisioning();
    world.refuse(id, Refusal::StockOut);
    assert_eq!(
        (world.state_of("slot"), endings(&world)),
        (State::Speculative, vec![Ending::Refused(Refusal::StockOut)])
    );
    assert!(world.machine("slot").flags.has(Flags::COOLING));
    assert_eq!(world.state.next_deadline().map(|at| at.0), Some(30_000));
    world.pass(Duration::from_secs(30));
    assert!(!world.machine("slot").flags.has(Flags::COOLING));
    let need = world.need("c");
    let id = world.decide(world.provision("slot", &need));
    world.refuse(id, Refusal::StockOut);
    let until = world.state.cooling().get(world.ix("slot")).expect("cooling").until;
    assert_eq!(until, Some(world.at.plus(Duration::from_secs(60))));
}

#[test]
fn a_stock_out_after_an_attempt_of_unknown_fate_waits_for_a_listing() {
    let (mut world, id) = provisioning();
    world.report(id, Outcome::Unknown { text: "timeout".to_owned() });
    let asked_before = world.state.revision();
    world.refuse(id, Refusal::StockOut);
    assert_eq!(world.state_of("slot"), State::Creating, "the first attempt may have been executed");
    assert_eq!(world.state.call(id), None);
    world.show_asked_at(asked_before, &[seen("slot", State::Speculative)]);
    assert_eq!(world.state_of("slot"), State::Creating, "an answer from before the barrier proves nothing");
    let mut executed = World::around(world.state.clone(), world.at);
    executed.show(&[seen("slot", State::Idle)]);
    assert_eq!(executed.state_of("slot"), State::Configuring, "it had been executed");
    world.show(&[seen("slot", State::Speculative)]);
    assert_eq!(
        (world.state_of("slot"), endings(&world)),
        (State::Speculative, vec![Ending::Refused(Refusal::StockOut)])
    );
}

#[test]
fn an_attempt_of_unknown_fate_is_followed_by_a_newer_one_after_a_wait() {
    let (mut world, id) = bootstrapping();
    let first = world.operation(id).attempt;
    world.report(id, Outcome::Unknown { text: "reset".to_owned() });
    let second = world.operation(id);
    assert!(second.maybe_executed && second.attempt.fence > first.fence);
    assert_eq!(second.attempt.not_before, world.at.plus(Duration::from_secs(1)));
    let late = Report {
        operation: id,
        attempt: 1,
        outcome: Outcome::Refused { refusal: Refusal::StockOut, text: String::new() },
    };
    assert_eq!(world.apply(Command::Outcomes(vec![late])), Response::Outcomes { taken: 0, late: 1 });
    assert_eq!(world.state_of("m"), State::Configuring, "what is said of an older attempt is ignored");
}

#[test]
fn a_throttled_attempt_is_tried_later_and_leaves_no_doubt() {
    let (mut world, id) = provisioning();
    world.refuse(id, Refusal::Throttled);
    let operation = world.operation(id);
    assert!(!operation.maybe_executed && operation.attempt.number == 2);
    world.refuse(id, Refusal::StockOut);
    assert_eq!(world.state_of("slot"), State::Speculative);
}

#[test]
fn a_creation_that_is_throttled_again_and_again_leaves_its_slot_for_another() {
    let (mut world, id) = provisioning();
    for _ in 0..4 {
        world.refuse(id, Refusal::Throttled);
        assert_eq!(world.state_of("slot"), State::Creating);
    }
    world.refuse(id, Refusal::Throttled);
    assert_eq!(endings(&world), [Ending::Refused(Refusal::Throttled)]);
    assert!(world.machine("slot").flags.has(Flags::COOLING));
    let (mut world, id) = draining();
    (0..9).for_each(|_| drop(world.refuse(id, Refusal::Throttled)));
    assert_eq!((world.state_of("m"), world.operation(id).attempt.number), (State::Draining, 10));
}

#[test]
fn a_blob_that_does_not_come_puts_the_machine_back_unless_an_attempt_may_have_been_executed() {
    let (mut world, id) = bootstrapping();
    world.refuse(id, Refusal::NoBlob);
    assert_eq!(world.state_of("m"), State::Idle);
    assert!(world.machine("m").is_usable(), "it is not the machine's fault");
    let (mut world, id) = bootstrapping();
    world.report(id, Outcome::Unknown { text: "timeout".to_owned() });
    world.refuse(id, Refusal::NoBlob);
    assert_eq!(world.state_of("m"), State::Configuring);
    assert_eq!(world.operation(id).attempt.number, 3);
}

#[test]
fn a_fenced_attempt_is_never_made_again_and_the_next_listing_settles_it() {
    let (mut world, id) = bootstrapping();
    world.refuse(id, Refusal::Fenced);
    assert!(world.events.contains(&Event::Fenced(id)));
    assert_eq!((world.state.counters().fenced, world.state.call(id)), (1, None));
    assert_eq!(world.apply(Command::Retry(vec![id])), Response::Outcomes { taken: 0, late: 1 });
    world.term = 2;
    assert_eq!(world.apply(Command::LeaderStarted), Response::Leader { renewed: 0 });
    world.show(&[seen("m", State::Idle)]);
    assert_eq!((world.state_of("m"), endings(&world)), (State::Idle, vec![Ending::Refused(Refusal::Fenced)]));
}

#[test]
fn a_new_leader_makes_anew_what_may_have_been_lost_and_only_that() {
    let mut world = World::new();
    world.show(&[seen("a", State::Idle), seen("b", State::Idle)]);
    world.ask("c", &[row(100, 16_000)]);
    let need = world.need("c");
    world.plan(vec![world.bootstrap("a", &need), world.bootstrap("b", &need)]);
    let [a, b] = [0, 1].map(|ordinal| OperationId { index: world.state.revision(), ordinal });
    world.accept(a);
    world.term = 2;
    assert_eq!(world.apply(Command::LeaderStarted), Response::Leader { renewed: 1 });
    assert!(matches!(world.operation(a).attempt.progress, Progress::Accepted { .. }));
    let renewed = world.operation(b);
    assert_eq!((renewed.attempt.number, renewed.attempt.fence.epoch, renewed.maybe_executed), (2, 2, true));
    assert!(world.events.contains(&Event::AttemptOpened(b)));
}

#[test]
fn what_was_accepted_and_is_attempted_again_is_not_taken_for_undone() {
    for later in [Refusal::HeldBack, Refusal::StockOut] {
        let (mut world, id) = provisioning();
        // A listing shows the effect before the answer to the call is lost.
        world.show(&[seen("slot", State::Creating)]);
        assert!(matches!(world.operation(id).attempt.progress, Progress::Accepted { .. }));
        world.report(id, Outcome::Unknown { text: "the answer was lost".to_owned() });
        world.refuse(id, later);
        assert_eq!((world.state_of("slot"), endings(&world)), (State::Creating, vec![]), "{later:?}");
        world.show(&[seen("slot", State::Idle)]);
        assert_ne!(world.state_of("slot"), State::Speculative, "{later:?}: what was bought is known");
    }
}

#[test]
fn an_accepted_operation_that_the_provider_undoes_is_over() {
    let (mut world, id) = provisioning();
    world.accept(id);
    let accepted_at = world.state.revision();
    world.show_asked_at(accepted_at - 1, &[seen("slot", State::Speculative)]);
    assert_eq!(world.state_of("slot"), State::Creating);
    world.show(&[seen("slot", State::Speculative)]);
    assert_eq!(endings(&world), [Ending::Refused(Refusal::Undone)]);
    assert!(world.machine("slot").flags.has(Flags::COOLING));
}

#[test]
fn an_operation_that_takes_too_long_fails_with_a_text_and_comes_back_by_a_listing() {
    let (mut world, _) = bootstrapping();
    world.pass(Duration::from_secs(899));
    assert_eq!(world.state_of("m"), State::Configuring);
    world.pass(Duration::from_secs(1));
    assert_eq!((world.state_of("m"), endings(&world)), (State::Failed, vec![Ending::TimedOut]));
    let error = world.state.fleet().error(world.ix("m")).expect("said").to_owned();
    assert!(error.starts_with("ARG-0440"), "{error}");
    world.show(&[bound("m", State::Configured, "c")]);
    assert_eq!(world.state_of("m"), State::Configured);
    assert!(world.machine("m").flags.has(Flags::COOLING), "a late call may still be on its way");
}

#[test]
fn a_drain_holds_the_cluster_until_the_machine_is_idle() {
    let (mut world, id) = draining();
    world.accept(id);
    let holder = world.machine("m").cluster().expect("bound while it drains");
    world.show(&[bound("m", State::Draining, "c")]);
    assert_eq!(world.machine("m").cluster(), Some(holder));
    world.show(&[seen("m", State::Idle)]);
    assert_eq!(world.machine("m").cluster(), None);
    let told = world.events.iter().any(|event| {
        matches!(event, Event::MachineChanged { to: State::Idle, cluster: Some(cluster), .. } if *cluster == holder)
    });
    assert!(told, "the former holder is told");
}

#[test]
fn an_answer_that_shows_the_end_ends_the_operation() {
    let (mut world, id) = draining();
    world.report(id, Outcome::Seen(Box::new(bound("m", State::Configured, "c"))));
    assert!(matches!(world.operation(id).attempt.progress, Progress::Accepted { .. }), "the moment before it began");
    world.report(id, Outcome::Seen(Box::new(seen("m", State::Idle))));
    assert_eq!(world.state_of("m"), State::Idle);
    let (mut world, id) = draining();
    world.report(id, Outcome::Seen(Box::new(seen("another", State::Idle))));
    assert_eq!(world.state_of("m"), State::Draining, "an answer about another machine proves nothing");
}

#[test]
fn a_machine_that_its_provider_does_not_know_has_failed() {
    let (mut world, id) = draining();
    world.refuse(id, Refusal::NotFound);
    assert_eq!((world.state_of("m"), endings(&world)), (State::Failed, vec![Ending::Failed]));
    assert!(world.state.fleet().error(world.ix("m")).expect("said").starts_with("ARG-0441"));
}

#[test]
fn a_higher_restore_generation_makes_every_fence_newer() {
    let (mut world, id) = bootstrapping();
    let before = world.operation(id).attempt.fence;
    world.apply(Command::RaiseGeneration { generation: 3, by: by() });
    let after = world.operation(id).attempt.fence;
    assert_eq!((before.epoch, after.epoch), (1, 3 << 32 | 1));
    let lower = world.apply(Command::RaiseGeneration { generation: 3, by: by() });
    assert!(matches!(lower, Response::Rejected(rejection) if rejection.code() == "ARG-0421"));
}
