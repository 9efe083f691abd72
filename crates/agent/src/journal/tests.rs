//! The journal over a disk that tears, fails and forgets what was not synced.

use std::io;
use std::sync::{Arc, Mutex};

use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{AgentSample, HealthEvent};
use proptest::prelude::*;

use super::{Journal, JournalDisk, Marks};
use crate::host::Moment;

#[derive(Default)]
struct Platter {
    synced: Vec<u8>,
    cached: Vec<u8>,
    broken: bool,
}

/// A disk that several lives of an agent share.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn with<T>(&self, change: impl FnOnce(&mut Platter) -> T) -> T {
        change(&mut self.0.lock().expect("not poisoned"))
    }

    /// The machine crashes: of what was not synced, `kept` bytes reached the disk.
    fn crash(&self, kept: usize) {
        self.with(|platter| {
            let kept = kept.min(platter.cached.len());
            platter.synced.extend(platter.cached.drain(..).take(kept));
        });
    }
}

impl JournalDisk for Disk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.with(|p| Ok([p.synced.as_slice(), &p.cached].concat()))
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|p| {
            p.cached.extend_from_slice(bytes);
            if p.broken { Err(io::Error::other("broken")) } else { Ok(()) }
        })
    }
    fn sync(&mut self) -> io::Result<()> {
        self.with(|p| {
            p.synced.append(&mut p.cached);
            Ok(())
        })
    }
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|p| {
            *p = Platter { synced: bytes.to_vec(), cached: Vec::new(), broken: p.broken };
            if p.broken { Err(io::Error::other("broken")) } else { Ok(()) }
        })
    }
}

fn open(disk: &Disk) -> Journal {
    Journal::open(Box::new(disk.clone()), "first", 1 << 20)
}

fn event(text: &str) -> (Moment, Record) {
    (Moment::default(), Record::Event(HealthEvent { message: text.to_owned(), ..HealthEvent::default() }))
}

fn sample() -> (Moment, Record) {
    (Moment::default(), Record::Sample(AgentSample { load_1m: Some(1.0), ..AgentSample::default() }))
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.after(0, usize::MAX).iter().map(|record| record.sequence).collect()
}

fn texts(journal: &Journal) -> Vec<String> {
    let text = |record: argosy_proto::argosy::v1::AgentRecord| match record.record {
        Some(Record::Event(event)) => Some(event.message),
        _ => None,
    };
    journal.after(0, usize::MAX).into_iter().filter_map(text).collect()
}

#[test]
fn an_event_survives_a_crash_and_keeps_its_number() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    journal.append("b", vec![event("one"), event("two")], None);
    disk.crash(0);
    let journal = open(&disk);
    assert_eq!((numbers(&journal), texts(&journal)), (vec![1, 2], vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(journal.name(), "first");
}

#[test]
fn a_number_is_never_given_twice_though_the_disk_forgot_what_was_sent() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    journal.append("b", vec![event("one")], None);
    journal.append("b", vec![sample(), sample()], None);
    let sent = *numbers(&journal).last().expect("three");
    disk.crash(0);
    let mut journal = open(&disk);
    journal.append("b", vec![event("later")], None);
    assert!(numbers(&journal).iter().skip(1).all(|number| *number > sent), "{:?}", numbers(&journal));
}

#[test]
fn where_a_source_stood_is_known_exactly_as_far_as_its_events_are() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    let marks = |kernel_sequence| Some(Marks { kernel_sequence, ..Marks::default() });
    journal.append("b", vec![event("line 7")], marks(7));
    journal.append("b", vec![event("line 9")], marks(9));
    // The last write is torn: neither the event nor its mark is there, so the line is read again.
    disk.with(|platter| platter.synced.truncate(platter.synced.len() - 1));
    let journal = open(&disk);
    assert_eq!((texts(&journal), journal.marks().kernel_sequence), (vec!["line 7".to_owned()], 7));
}

#[test]
fn what_was_acknowledged_is_not_sent_again_and_the_rest_is() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    journal.append("b", vec![event("one"), event("two"), event("three")], None);
    journal.acknowledge("first", 2);
    journal.acknowledge("another journal", 3);
    journal.acknowledge("first", 99);
    assert_eq!(texts(&journal), ["three"]);
    assert_eq!(texts(&open(&disk)), ["three"]);
}

#[test]
fn a_full_journal_gives_up_samples_first_and_events_last_and_counts_both() {
    let disk = Disk::default();
    let mut journal = Journal::open(Box::new(disk.clone()), "first", 250);
    for round in 0..20 {
        journal.append("b", vec![sample(), event(&format!("event {round}"))], None);
    }
    let (samples, events) = journal.dropped();
    assert_eq!((samples, texts(&journal).len() as u64), (20, 20 - events));
    assert!(events > 0, "the limit was too high for this test");
    assert_eq!(texts(&journal).last().map(String::as_str), Some("event 19"), "the newest was given up");
    let reopened = Journal::open(Box::new(disk), "first", 250);
    assert_eq!(texts(&reopened), texts(&journal));
    assert_eq!(reopened.waiting_events(), texts(&reopened).len());
}

#[test]
fn waiting_events_are_counted_whatever_comes_and_goes() {
    let disk = Disk::default();
    let mut journal = Journal::open(Box::new(disk.clone()), "first", 250);
    let count = |journal: &Journal| (journal.waiting(), journal.waiting_events());
    for round in 0..20 {
        journal.append("b", vec![sample(), event(&format!("event {round}")), sample()], None);
        assert_eq!(count(&journal), (numbers(&journal).len(), texts(&journal).len()), "after round {round}");
    }
    let half = numbers(&journal)[numbers(&journal).len() / 2];
    journal.acknowledge("first", half);
    assert_eq!(count(&journal), (numbers(&journal).len(), texts(&journal).len()));
    let reopened = Journal::open(Box::new(disk), "first", 250);
    assert_eq!(count(&reopened), (numbers(&reopened).len(), texts(&reopened).len()));
}

#[test]
fn a_disk_that_fails_does_not_silence_the_agent() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    journal.append("b", vec![event("one")], None);
    journal.acknowledge("first", 1);
    disk.with(|platter| platter.broken = true);
    journal.append("b", vec![event("two")], None);
    assert_ne!(journal.name(), "first", "numbers that no disk keeps must not look like those that it does");
    assert_eq!((numbers(&journal), texts(&journal)), (vec![1], vec!["two".to_owned()]));
}

#[test]
fn the_file_stays_in_proportion_to_what_it_holds() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    for _ in 0..20_000 {
        journal.append("b", vec![sample()], None);
        let last = *numbers(&journal).last().expect("one");
        journal.acknowledge("first", last);
    }
    let length = disk.with(|platter| platter.synced.len() + platter.cached.len());
    assert!(length < 2 * super::SPARE, "{length} bytes for an empty journal");
}

proptest! {
    #[test]
    fn whatever_a_crash_leaves_the_journal_opens_with_a_prefix_of_its_events(cut in 0usize..2_000, flip in any::<Option<u16>>()) {
        let disk = Disk::default();
        let mut journal = open(&disk);
        for round in 0..12 {
            journal.append("b", vec![event(&format!("{round}"))], None);
        }
        let before = texts(&journal);
        disk.with(|platter| {
            let at = platter.synced.len().saturating_sub(cut);
            platter.synced.truncate(at);
            let length = platter.synced.len();
            if let Some(flip) = flip.filter(|_| length > 0) {
                platter.synced[usize::from(flip) % length] ^= 0x40;
            }
        });
        let after = texts(&open(&disk));
        prop_assert!(before.starts_with(&after));
    }
}
