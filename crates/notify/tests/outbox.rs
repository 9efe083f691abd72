//! The outbox: what is kept, in which order, how far each sink is, and what is said about it.

use std::sync::Arc;

use argosy_model::{ShardTime, State};
use argosy_notify::outbox::MAX_KEPT;
use argosy_notify::{Key, Outbox, Progress, Sender, Sink, SinkFile, Site, Subject, Transition, What};
use serde_json::Value;

const FILE: &str = include_str!("sinks.yaml");
const SENDER: Sender<'_> = Sender { shard: "eu.s1", generation: 2, epoch_unix_ms: 1_700_000_000_000, lost: 0 };

fn machine(id: &str, pool: Option<&str>) -> Subject {
    Subject::Machine { id: Arc::from(id), site: Site { pool: pool.map(Arc::from), ..Site::default() } }
}

fn moved(id: &str, to: State) -> Transition {
    let what = What::State { from: State::Idle, to, reason: None };
    Transition { at: ShardTime(1_500), subject: machine(id, Some("train")), what }
}

fn file() -> SinkFile {
    SinkFile::parse("sinks.yaml", FILE).expect("it is sound")
}

fn outbox() -> Outbox {
    let mut outbox = Outbox::default();
    outbox.set(file(), 5);
    outbox
}

fn told(outbox: &Outbox, sink: &str) -> Vec<Key> {
    let kept = outbox.sink(sink).expect("it is there");
    outbox.pending(&kept.sink, kept.cursor).map(|delivery| delivery.key).collect()
}

fn through(sink: &str, index: u64, ordinal: u32) -> Progress {
    let through = Key { index, ordinal };
    Progress { sink: sink.to_owned(), revision: 5, through, delivered: 1, dead: 0, dead_letter: None }
}

#[test]
fn with_no_sink_nothing_is_kept() {
    let mut outbox = Outbox::default();
    outbox.record(1, moved("m-1", State::Draining));
    assert!(outbox.is_idle() && outbox.is_empty() && outbox.parts().next().is_none());
}

#[test]
fn each_sink_is_told_what_it_chose_and_what_is_told_to_all_goes() {
    let mut outbox = outbox();
    outbox.record(6, moved("m-1", State::Configured));
    outbox.record(6, moved("m-1", State::Draining));
    outbox.record(7, Transition { subject: machine("m-2", None), ..moved("m-2", State::Draining) });
    let key = |index, ordinal| Key { index, ordinal };
    assert_eq!(told(&outbox, "ops"), [key(6, 0), key(6, 1), key(7, 0)]);
    assert_eq!(told(&outbox, "slurm"), [key(6, 1)], "a machine of another pool, or no drain");
    outbox.confirm(&[through("ops", 7, 1)], ShardTime(9));
    assert_eq!((told(&outbox, "ops"), outbox.len()), (vec![], 3), "slurm has not been told");
    outbox.confirm(&[through("slurm", 7, 1)], ShardTime(9));
    assert!(outbox.is_empty());
}

#[test]
fn a_cursor_never_goes_back_and_word_of_another_file_is_ignored() {
    let mut outbox = outbox();
    (6..10).for_each(|index| outbox.record(index, moved("m-1", State::Draining)));
    outbox.confirm(&[through("ops", 8, 0)], ShardTime(9));
    outbox.confirm(&[through("ops", 7, 0), Progress { revision: 4, ..through("ops", 9, 0) }], ShardTime(9));
    let kept = outbox.sink("ops").expect("it is there");
    assert_eq!((kept.cursor, kept.counts.delivered), (Key::first_of(8), 1));
}

#[test]
fn a_sink_that_stays_goes_on_where_it_is_and_a_new_one_begins_now() {
    let mut outbox = outbox();
    outbox.record(6, moved("m-1", State::Draining));
    let mut file = file();
    file.sinks[1].name = "other".to_owned();
    outbox.set(file, 7);
    assert_eq!((told(&outbox, "ops").len(), told(&outbox, "other").len()), (1, 0));
    outbox.set(SinkFile::default(), 8);
    assert!(outbox.is_idle() && outbox.is_empty());
}

#[test]
fn of_a_full_outbox_the_oldest_go_and_are_counted_where_they_were_wanted() {
    let mut outbox = outbox();
    outbox.record(6, moved("m-1", State::Configured));
    outbox.record(6, moved("m-1", State::Draining));
    (0..MAX_KEPT).for_each(|_| outbox.record(7, moved("m-1", State::Draining)));
    let lost = |name: &str| outbox.sink(name).expect("it is there").counts.lost;
    assert_eq!((outbox.len(), lost("ops"), lost("slurm")), (MAX_KEPT, 2, 1));
    assert_eq!(told(&outbox, "ops").first(), Some(&Key::first_of(7)));
}

#[test]
fn a_drain_is_owed_until_its_message_was_taken() {
    let mut outbox = outbox();
    outbox.record(6, moved("m-1", State::Draining));
    let owes =
        |outbox: &Outbox, index, machine| outbox.owes_drain(outbox.sink("slurm").expect("it is there"), index, machine);
    assert!(owes(&outbox, 6, "m-1"));
    assert!(!owes(&outbox, 6, "m-2") && !owes(&outbox, 7, "m-1"));
    outbox.confirm(&[through("slurm", 6, 1)], ShardTime(9));
    assert!(!owes(&outbox, 6, "m-1"));
}

#[test]
fn it_reads_back_from_a_snapshot_as_it_was() {
    let mut outbox = outbox();
    outbox.record(6, moved("m-1", State::Draining));
    assert!(outbox.note_min("train", true) && !outbox.note_min("train", true));
    outbox.confirm(
        &[Progress { dead: 1, dead_letter: Some((Key::first_of(6), "no".to_owned())), ..through("ops", 6, 1) }],
        ShardTime(9),
    );
    let mut read = Outbox::default();
    for part in outbox.parts() {
        let bytes = postcard::to_stdvec(&part).expect("plain data");
        read.restore(postcard::from_bytes(&bytes).expect("it reads back"));
    }
    assert_eq!(read, outbox);
    assert_eq!(read.file(), file());
}

fn body(sink: &Sink, index: u64, transition: &Transition) -> Value {
    let delivery = argosy_notify::Delivery { key: Key::first_of(index), transition: Arc::new(transition.clone()) };
    serde_json::from_str(&SENDER.message(sink, &delivery).expect("it has words for it").body).expect("JSON")
}

#[test]
fn a_message_has_one_id_for_ever_and_says_what_happened_when() {
    let file = file();
    let ours = body(&file.sinks[0], 9, &moved("m-1", State::Draining));
    assert_eq!(ours["id"], "eu~s1-2-9-0");
    assert_eq!((&ours["type"], &ours["machine"]["pool"]), (&Value::from("machine.state"), &Value::from("train")));
    assert_eq!((&ours["data"]["to"], &ours["lost"]), (&Value::from("Draining"), &Value::from(0)));
    assert_eq!(ours["occurred_at"], "2023-11-14T22:13:21.5Z");
}

#[test]
fn navarch_s_receivers_get_what_they_know() {
    let slurm = &file().sinks[1];
    let drain = body(slurm, 9, &moved("m-1", State::Draining));
    let expected = r#"{"event": "drain", "node_id": "m-1", "timestamp": "2023-11-14T22:13:21.5Z"}"#;
    assert_eq!(drain, serde_json::from_str::<Value>(expected).expect("JSON"));
    let what = What::Cordon { on: true, actor: Arc::from("ann"), reason: Arc::from("fan") };
    let cordon = body(slurm, 9, &Transition { what, ..moved("m-1", State::Idle) });
    assert_eq!((&cordon["event"], &cordon["reason"]), (&Value::from("cordon"), &Value::from("fan")));
    let uncordon = What::Cordon { on: false, actor: Arc::from("ann"), reason: Arc::from("") };
    assert!(!slurm.wants(&Transition { what: uncordon, ..moved("m-1", State::Idle) }), "it has no URL for that");
}
