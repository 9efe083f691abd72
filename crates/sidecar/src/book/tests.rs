//! Rules of the book, without a backend: each test is named after the rule it keeps.

use std::collections::BTreeMap;

use argosy_model::State;
use argosy_proto::argosy::v1::{ListRequestExtension, OperationTag};
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::contract::{Ask, Call, Payment, Refused, Token};

use super::*;
use crate::backend::{Host, Offer, Outcome, Row};

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
    let rules = Rules { provider: "site".to_owned(), allow_unfenced: false, deletes: true };
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
    assert_eq!(book.settle("a", Outcome::Done(Some(the_host("a")))), Next::Ended);
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
    book.overdue("a", "no answer");
    assert_eq!(state(&book, "a"), State::Failed);
    book.recover("a");
    let asked = book.revision();
    book.observe(vec![row("a", true)], asked);
    assert_eq!(state(&book, "a"), State::Failed);
    let refused = book.mutate(call("a", Ask::Create, 2));
    assert!(matches!(refused, Err(Refused::OutOfPosition(_))), "{refused:?}");
    assert_eq!(book.settle("a", Outcome::Done(Some(the_host("a")))), Next::Ended);
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
            book.settle("a", outcome);
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
