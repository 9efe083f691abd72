//! What is sent: each kind of transition has its topic, its subject and its data, and a trial says that it is one.

use std::sync::Arc;

use argosy_model::{ShardTime, State};
use argosy_notify::{Delivery, Format, Key, Sender, Sink, Site, Subject, Transition, What};
use serde_json::{Value, json};

const SENDER: Sender<'_> = Sender { shard: "eu.s1", generation: 2, epoch_unix_ms: 1_700_000_000_000, lost: 3 };

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn machine() -> Subject {
    let site = Site { cluster: Some(text("c1")), zone: Some(text("eu-a")), ..Site::default() };
    Subject::Machine { id: text("m-1"), site }
}

fn sink(format: Format) -> Sink {
    Sink {
        format,
        url: "https://ops/".to_owned(),
        cordon_url: "https://slurm/cordon".to_owned(),
        uncordon_url: "https://slurm/uncordon".to_owned(),
        drain_url: "https://slurm/drain".to_owned(),
        events: vec!["*".to_owned()],
        ..Sink::default()
    }
}

fn sent(format: Format, subject: Subject, what: What) -> Option<(String, Value)> {
    let transition = Transition { at: ShardTime(1_500), subject, what };
    let delivery = Delivery { key: Key { index: 7, ordinal: 1 }, transition: Arc::new(transition) };
    let message = SENDER.message(&sink(format), &delivery)?;
    Some((message.url, serde_json::from_str(&message.body).expect("it is JSON")))
}

fn told(subject: Subject, what: What) -> (String, Value, Value) {
    let (_, body) = sent(Format::Argosy, subject, what).expect("our own form has words for everything");
    assert_eq!((&body["shard"], &body["log_index"], &body["lost"]), (&json!("eu.s1"), &json!(7), &json!(3)));
    let names = ["machine", "pool", "domain"];
    let name = names.into_iter().find(|name| !body[*name].is_null()).expect("it is about something");
    (body["type"].as_str().expect("text").to_owned(), body[name].clone(), body["data"].clone())
}

#[test]
fn each_kind_of_transition_has_its_topic_and_its_data() {
    let by = || (text("ann"), text("a disk"));
    let cordon = |on| What::Cordon { on, actor: by().0, reason: by().1 };
    let by_hand = json!({"actor": "ann", "reason": "a disk"});
    let of_machines = [
        (What::Found { state: State::Idle }, "machine.found", json!({"state": "Idle"})),
        (What::Gone { from: State::Failed }, "machine.gone", json!({"from": "Failed"})),
        (
            What::State { from: State::Idle, to: State::Draining, reason: None },
            "machine.state",
            json!({"from": "Idle", "to": "Draining", "reason": null}),
        ),
        (What::Notice, "machine.notice", json!({})),
        (
            What::Verdict { health: text("unhealthy"), class: text("replace"), reason: text("xid 79"), unfit: true },
            "machine.verdict",
            json!({"health": "unhealthy", "class": "replace", "reason": "xid 79", "unfit": true}),
        ),
        (cordon(true), "machine.cordoned", by_hand.clone()),
        (cordon(false), "machine.uncordoned", by_hand.clone()),
        (
            What::Marked { unhealthy: true, actor: by().0, reason: by().1 },
            "machine.marked",
            json!({"unhealthy": true, "actor": "ann", "reason": "a disk"}),
        ),
        (
            What::Repair { class: text("reboot"), step: text("acting") },
            "machine.repair",
            json!({"class": "reboot", "step": "acting"}),
        ),
        (What::Replaced { class: text("replace") }, "machine.replaced", json!({"class": "replace"})),
    ];
    for (what, topic, data) in of_machines {
        let about = json!({"id": "m-1", "cluster": "c1", "zone": "eu-a"});
        assert_eq!(told(machine(), what), (topic.to_owned(), about, data));
    }
    let of_pools = [
        (
            What::Sized { from: 1, to: 2, reason: text("busy") },
            "pool.sized",
            json!({"from": 1, "to": 2, "reason": "busy"}),
        ),
        (What::Min { below: true, ready: 1, min: 2 }, "pool.below_min", json!({"ready": 1, "min": 2})),
        (What::Min { below: false, ready: 2, min: 2 }, "pool.at_min", json!({"ready": 2, "min": 2})),
    ];
    for (what, topic, data) in of_pools {
        assert_eq!(told(Subject::Pool(text("train")), what), (topic.to_owned(), json!({"name": "train"}), data));
    }
    let of_breakers = [
        (What::Tripped { found: 3, of: 9 }, "breaker.tripped", json!({"found": 3, "of": 9})),
        (What::Reset { actor: by().0, reason: by().1 }, "breaker.reset", by_hand),
    ];
    for (what, topic, data) in of_breakers {
        assert_eq!(told(Subject::Domain(text("zone z")), what), (topic.to_owned(), json!({"name": "zone z"}), data));
    }
}

#[test]
fn navarch_is_told_of_three_things_about_machines_and_of_nothing_else() {
    let cordon = |on| What::Cordon { on, actor: text("ann"), reason: text("a disk") };
    let drain = |reason: Option<&str>| What::State {
        from: State::Configured,
        to: State::Draining,
        reason: reason.map(Arc::from),
    };
    let event = |what| {
        sent(Format::Navarch, machine(), what).map(|(url, body)| (url, body["event"].clone(), body["reason"].clone()))
    };
    let said = |url: &str, event: &str, reason: Value| Some((format!("https://slurm/{url}"), json!(event), reason));
    assert_eq!(event(cordon(true)), said("cordon", "cordon", json!("a disk")));
    assert_eq!(event(cordon(false)), said("uncordon", "uncordon", json!("a disk")));
    assert_eq!(event(drain(Some(""))), said("drain", "drain", Value::Null), "an empty reason is left out");
    assert_eq!((event(What::Notice), event(What::Found { state: State::Idle })), (None, None));
    assert_eq!(sent(Format::Navarch, Subject::Pool(text("p")), cordon(true)), None);
}

#[test]
fn a_trial_says_of_itself_that_it_is_one() {
    let trial = |format| SENDER.trial(&sink(format), "n1", 1_700_000_001_500);
    let (own, theirs) = (trial(Format::Argosy), trial(Format::Navarch));
    assert_eq!((own.id.as_str(), own.url.as_str()), ("eu~s1-test-n1", "https://ops/"));
    let body: Value = serde_json::from_str(&own.body).expect("it is JSON");
    assert_eq!((&body["type"], &body["occurred_at"]), (&json!("test"), &json!("2023-11-14T22:13:21.5Z")));
    let body: Value = serde_json::from_str(&theirs.body).expect("it is JSON");
    assert_eq!(
        (theirs.url.as_str(), &body["event"], &body["node_id"]),
        ("https://slurm/cordon", &json!("test"), &json!(""))
    );
}
