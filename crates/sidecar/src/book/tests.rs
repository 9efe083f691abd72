//! Rules of the book, without a backend: each test is named after the rule it keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_model::State;
use argosy_proto::argosy::v1::{ListRequestExtension, OperationTag};
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::contract::{Ask, Call, Payment, Refused, Token};

use super::*;
use crate::backend::{Host, Offer, Outcome, Row};

const NOW: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);
const RULES: BreakerRules = BreakerRules { after: 3, first: MINUTE, longest: Duration::from_secs(600) };

fn row(id: &str, host: bool) -> Row {
    let offer = Offer {
        instance_type: "metal.4".to_owned(),
        zone: "hall-1".to_owned(),
        capacity_type: Payment::BareMetal,
        price_per_hour: 0.0,
        interruption_probability: 0.0,
        resources: BTreeMap::from([("cpu".to_owned(), "4".to_owned())]),
        labels: BTreeMap::new(),
    };
    Row { id: id.to_owned(), host: host.then(|| the_host(id)), failed: None, offer }
}

fn the_host(id: &str) -> Host {
    Host { reference: format!("host-{id}"), address: None, host_keys: Vec::new() }
}

fn book(rows: Vec<Row>) -> Book {
    let rules = Rules { provider: "site".to_owned(), allow_unfenced: false, deletes: true, breaker: RULES };
    let mut book = Book::new(rules, Stored { book: "b".to_owned(), records: BTreeMap::new() });
    book.observe(rows, 0);
    book
}

fn call(machine: &str, ask: Ask, sequence: i64) -> Call {
    let token = Token { shard: "s".to_owned(), epoch: 1, sequence };
    Call { machine_id: machine.to_owned(), ask, token, tag: OperationTag::default() }
}

fn state(book: &Book, id: &str) -> State {
    State::from_number(book.get(id).expect("listed").state).expect("a state")
}

#[test]
fn an_inventory_that_was_asked_for_before_a_change_does_not_overrule_it() {
    let mut book = book(vec![row("a", false)]);
    let asked = book.revision();
    assert!(book.mutate(call("a", Ask::Create, 1)).expect("accepted").begins);
    book.begin("a");
    assert_eq!(book.settle("a", Outcome::Done(Some(the_host("a"))), NOW), Next::Ended);
    for _ in 0..3 {
        book.observe(vec![row("a", false)], asked);
    }
    assert_eq!(state(&book, "a"), State::Idle);
}

#[test]
fn one_inventory_that_misses_a_host_loses_nothing_and_two_in_a_row_do() {
    let mut book = book(vec![row("a", true), row("b", true)]);
    let see = |book: &mut Book, rows| {
        let asked = book.revision();
        book.observe(rows, asked);
    };
    see(&mut book, vec![row("a", false)]);
    assert_eq!((state(&book, "a"), state(&book, "b")), (State::Idle, State::Idle));
    see(&mut book, vec![row("a", true), row("b", true)]);
    see(&mut book, vec![row("a", false)]);
    assert_eq!((state(&book, "a"), state(&book, "b")), (State::Idle, State::Idle));
    let cursor = book.list(&api::ListFilter::default()).revision;
    see(&mut book, vec![row("a", false)]);
    assert_eq!(state(&book, "a"), State::Speculative);
    assert_eq!(book.get("b"), None);
    let argosy = Some(ListRequestExtension { incremental: true });
    let delta = book.list(&api::ListFilter { since_revision: cursor, argosy, ..api::ListFilter::default() });
    assert_eq!(delta.argosy.expect("asked for").gone, ["b"]);
}

#[test]
fn nothing_is_done_with_a_machine_while_the_end_of_its_transition_is_not_known() {
    let mut book = book(vec![row("a", false)]);
    book.mutate(call("a", Ask::Create, 1)).expect("accepted");
    book.begin("a");
    book.overdue("a", "no answer", NOW);
    assert_eq!(state(&book, "a"), State::Failed);
    book.recover("a");
    let asked = book.revision();
    book.observe(vec![row("a", true)], asked);
    assert_eq!(state(&book, "a"), State::Failed);
    let refused = book.mutate(call("a", Ask::Create, 2));
    assert!(matches!(refused, Err(Refused::OutOfPosition(_))), "{refused:?}");
    assert_eq!(book.settle("a", Outcome::Done(Some(the_host("a"))), NOW), Next::Ended);
    assert_eq!(state(&book, "a"), State::Idle);
}

#[test]
fn a_failed_transition_leads_back_to_where_it_started() {
    let configure = Ask::Configure { cluster: "c".to_owned(), metadata: BTreeMap::new(), blob: bytes::Bytes::new() };
    let lives = [
        (false, vec![Ask::Create], State::Speculative),
        (true, vec![configure.clone()], State::Idle),
        (true, vec![configure, Ask::Drain { grace_s: 1 }], State::Configured),
        (true, vec![Ask::Delete], State::Idle),
    ];
    for (host, asks, back) in lives {
        let mut book = book(vec![row("a", host)]);
        let last = asks.len();
        for (n, ask) in (1..).zip(asks) {
            book.mutate(call("a", ask, n)).expect("accepted");
            book.begin("a");
            let well = usize::try_from(n).expect("small") < last;
            let outcome = if well { Outcome::Done(None) } else { Outcome::Failed("why".to_owned()) };
            book.settle("a", outcome, NOW);
        }
        let shown = book.get("a").expect("listed");
        assert_eq!((shown.state, shown.cluster.as_str()), (State::Failed.number(), ""));
        assert!(shown.last_error.contains("why"));
        book.recover("a");
        assert_eq!(state(&book, "a"), back);
    }
}

#[test]
fn what_the_site_calls_broken_is_so_until_the_site_says_otherwise() {
    let mut book = book(vec![row("a", true)]);
    let asked = book.revision();
    book.observe(vec![Row { failed: Some("smoke".to_owned()), ..row("a", true) }], asked);
    assert_eq!(state(&book, "a"), State::Failed);
    book.recover("a");
    assert_eq!(state(&book, "a"), State::Failed, "time does not mend it");
    let asked = book.revision();
    book.observe(vec![row("a", true)], asked);
    assert_eq!(state(&book, "a"), State::Idle);
}

#[test]
fn a_provider_that_cannot_give_back_says_so() {
    let mut book = book(vec![row("a", true)]);
    book.rules.deletes = false;
    assert!(matches!(book.mutate(call("a", Ask::Delete, 1)), Err(Refused::Unsupported(_))));
}

/// A book of one lane for each given place, with four slots each.
fn market(places: &[&str]) -> Book {
    let slot = |place: &str, n: u32| {
        let mut slot = row(&format!("{place}-{n}"), false);
        slot.offer.zone = place.to_owned();
        slot
    };
    book(places.iter().flat_map(|place| (0..4).map(move |n| slot(place, n))).collect())
}

/// The slots of a place that can be bought.
fn offered(book: &Book, place: &str) -> Vec<String> {
    let filter = api::ListFilter { states: vec![State::Speculative.number()], ..api::ListFilter::default() };
    let mut ids: Vec<String> = book.list(&filter).machines.into_iter().map(|machine| machine.id).collect();
    ids.retain(|id| id.starts_with(place));
    ids.sort();
    ids
}

/// Buys the first slot on offer; returns whether there was one.
fn buy(book: &mut Book, place: &str, works: bool, now: Duration, sequence: &mut i64) -> bool {
    let Some(id) = offered(book, place).into_iter().next() else { return false };
    *sequence += 1;
    book.mutate(call(&id, Ask::Create, *sequence)).expect("accepted");
    book.begin(&id);
    let outcome = if works { Outcome::Done(Some(the_host(&id))) } else { Outcome::Failed("no capacity".to_owned()) };
    book.settle(&id, outcome, now);
    book.recover(&id);
    book.tend(now);
    true
}

#[test]
fn where_creates_keep_failing_nothing_is_offered_for_a_while_and_elsewhere_all_is() {
    let (mut book, mut sequence) = (market(&["eu", "us"]), 0);
    for _ in 0..3 {
        assert_eq!(offered(&book, "eu").len(), 4);
        assert!(buy(&mut book, "eu", false, NOW, &mut sequence));
    }
    assert_eq!((offered(&book, "eu").len(), offered(&book, "us").len()), (0, 4));
    let held = book.get("eu-0").expect("listed");
    assert!(held.state == State::Failed.number() && held.last_error.contains("metal.4 in eu"), "{}", held.last_error);
    book.tend(MINUTE - Duration::from_millis(1));
    assert!(offered(&book, "eu").is_empty());
    book.tend(MINUTE);
    assert_eq!(offered(&book, "eu"), ["eu-0"], "one probe");
}

#[test]
fn a_success_in_between_starts_the_count_anew() {
    let (mut book, mut sequence) = (market(&["eu"]), 0);
    for works in [false, false, true, false, false] {
        assert!(buy(&mut book, "eu", works, NOW, &mut sequence));
    }
    assert!(!offered(&book, "eu").is_empty());
}

#[test]
fn a_probe_that_fails_shuts_the_lane_for_twice_as_long_up_to_a_limit_and_one_that_works_opens_it() {
    let (mut book, mut sequence, mut now) = (market(&["eu"]), 0, NOW);
    for _ in 0..3 {
        buy(&mut book, "eu", false, now, &mut sequence);
    }
    for span in [1, 2, 4, 8, 10, 10].map(|minutes| MINUTE * minutes) {
        book.tend(now + span - Duration::from_millis(1));
        assert!(offered(&book, "eu").is_empty(), "{span:?}");
        now += span;
        book.tend(now);
        assert_eq!(offered(&book, "eu").len(), 1, "{span:?}");
        assert!(buy(&mut book, "eu", false, now, &mut sequence));
    }
    now += MINUTE * 10;
    book.tend(now);
    assert!(buy(&mut book, "eu", true, now, &mut sequence), "the outage is over");
    assert_eq!(offered(&book, "eu").len(), 3, "all that are left");
}

#[test]
fn all_providers_fail_capacity_returns_and_the_next_attempt_goes_through() {
    let places = ["ap", "eu", "us"];
    let (mut book, mut sequence, mut now) = (market(&places), 0, NOW);
    // A day of outage, with somebody who buys whatever is on offer each minute.
    while now < MINUTE * 60 * 24 {
        for place in places {
            buy(&mut book, place, false, now, &mut sequence);
        }
        now += MINUTE;
        book.tend(now);
    }
    assert!(sequence < 600, "{sequence} attempts: some six an hour and place");
    now += RULES.longest;
    book.tend(now);
    for place in places {
        assert!(buy(&mut book, place, true, now, &mut sequence), "{place}: nobody is shut out for ever");
        assert_eq!(offered(&book, place).len(), 3);
    }
}

#[test]
fn a_probe_that_nobody_buys_stays_on_offer() {
    let (mut book, mut sequence) = (market(&["eu"]), 0);
    for _ in 0..3 {
        buy(&mut book, "eu", false, NOW, &mut sequence);
    }
    for hours in 1..50 {
        book.tend(MINUTE * 60 * hours);
        assert_eq!(offered(&book, "eu"), ["eu-0"]);
    }
}

#[test]
fn a_create_whose_end_nobody_knows_counts_as_a_failure_and_keeps_no_probe_away() {
    let mut book = market(&["eu"]);
    for (n, id) in (1..).zip(["eu-0", "eu-1", "eu-2"]) {
        book.mutate(call(id, Ask::Create, n)).expect("accepted");
        book.begin(id);
        book.overdue(id, "no answer", NOW);
        book.tend(NOW);
    }
    assert!(offered(&book, "eu").is_empty());
    book.tend(MINUTE);
    assert_eq!(offered(&book, "eu"), ["eu-3"]);
}

#[test]
fn a_create_counts_once_also_when_it_fails_after_its_time_was_over() {
    let mut book = market(&["eu"]);
    for (n, id) in (1..).zip(["eu-0", "eu-1"]) {
        book.mutate(call(id, Ask::Create, n)).expect("accepted");
        book.begin(id);
        book.overdue(id, "no answer", NOW);
        assert_eq!(book.settle(id, Outcome::Failed("no capacity".to_owned()), NOW), Next::Aside);
        book.tend(NOW);
    }
    assert_eq!(offered(&book, "eu"), ["eu-2", "eu-3"], "two have failed, and the third one shuts the lane");
    buy(&mut book, "eu", false, NOW, &mut 2);
    assert!(offered(&book, "eu").is_empty());
}
