//! Records, the device, and a file in its place.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Entry, KernelLog, KmsgDevice, LogFile, parse_record};

#[test]
fn a_record_is_read_with_its_number_its_time_and_without_its_properties() {
    let raw = "4,1189,5040021345,-,caller=T77;NVRM: Xid (PCI:0000:9b:00): 79, a\\x0ab\n SUBSYSTEM=pci\n DEVICE=+pci:0000:9b:00.0\n";
    let entry = parse_record(raw).expect("a record");
    assert_eq!(entry.sequence, 1189);
    assert_eq!(entry.boottime_ms, 5_040_021);
    assert!(entry.by_kernel);
    assert_eq!(entry.text, "NVRM: Xid (PCI:0000:9b:00): 79, a b");
}

#[test]
fn what_user_space_writes_into_the_log_is_not_believed() {
    let forged = "12,7,9,-;NVRM: Xid (PCI:0000:9b:00): 79, forged";
    assert!(parse_record(forged).is_some_and(|entry| !entry.by_kernel));
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "{forged}\n4,8,9,-;NVRM: Xid (PCI:0000:9b:00): 48, real").expect("written");
    let mut log = LogFile::open(file.path()).expect("readable");
    assert_eq!(log.next().expect("readable").map(|entry| entry.sequence), Some(8));
    assert_eq!(log.next().expect("readable"), None);
}

#[test]
fn a_line_without_an_end_waits_for_it() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(file, "first\nsec").expect("written");
    let mut log = LogFile::open(file.path()).expect("readable");
    let text = |entry: Option<Entry>| entry.map(|entry| (entry.sequence, entry.text));
    assert_eq!(text(log.next().expect("readable")), Some((1, "first".to_owned())));
    assert_eq!(text(log.next().expect("readable")), None);
    writeln!(file, "ond").expect("written");
    assert_eq!(text(log.next().expect("readable")), Some((2, "second".to_owned())));
}

#[test]
fn a_silent_device_never_blocks_its_reader() {
    // A pipe that is open for writing and silent: a blocking read would wait for ever.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kmsg");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).expect("a pipe");
    let mut log = KmsgDevice::open(&path).expect("opens without a writer");
    let mut writer = std::fs::OpenOptions::new().write(true).open(&path).expect("a writer");
    assert_eq!(log.next().expect("no error"), None);
    writer.write_all(b"3,5,7000000,-;NVRM: Xid (PCI:0000:9b:00): 79, gone\n").expect("written");
    assert_eq!(log.next().expect("no error").map(|entry| entry.boottime_ms), Some(7_000));
    assert_eq!(log.next().expect("no error"), None);
}

#[test]
fn the_real_device_is_read_to_its_end_without_blocking() {
    // Where this user may not read it there is nothing to show.
    let Ok(mut log) = KmsgDevice::open(Path::new(super::DEVICE)) else { return };
    let begun = Instant::now();
    let mut last = None;
    while let Ok(Some(entry)) = log.next() {
        assert!(last < Some(entry.sequence), "sequence numbers rise");
        last = Some(entry.sequence);
        if begun.elapsed() > Duration::from_secs(20) {
            // A kernel that writes faster than we read.
            return;
        }
    }
}

proptest! {
    #[test]
    fn no_record_makes_the_reader_panic(raw in "\\PC{0,80}", tail in "(\\\\x[0-9a-f]{0,2}|\\PC){0,40}") {
        let _ = parse_record(&raw);
        let _ = parse_record(&format!("6,1,2,-;{tail}"));
    }
}
