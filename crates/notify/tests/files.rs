//! Files of sinks: read strictly, written back, and warned about.

use argosy_notify::{SinkFile, Topic};

const FILE: &str = include_str!("sinks.yaml");

#[test]
fn a_file_is_read_and_written_and_read_again() {
    let read = SinkFile::parse("sinks.yaml", FILE).expect("it is sound");
    assert_eq!(SinkFile::parse("again.yaml", &read.to_yaml()), Ok(read.clone()));
    assert_eq!((read.sinks.len(), read.sinks[0].attempts, read.sinks[0].at_once), (2, 3, 8));
    let bytes = postcard::to_stdvec(&read).expect("plain data");
    assert_eq!(postcard::from_bytes(&bytes), Ok(read));
}

#[test]
fn an_unknown_key_is_refused_with_line_and_column() {
    let error = SinkFile::parse("sinks.yaml", &FILE.replace("attempts:", "atempts:")).expect_err("unknown").to_string();
    assert!(error.starts_with("ARG-1400: sinks.yaml: ") && error.contains("line 7"), "{error}");
}

#[test]
fn every_value_that_makes_no_sense_is_told_at_once() {
    for (right, wrong, told) in [
        ("https://ops.example/argosy", "ftp://ops.example", "neither https nor http"),
        ("https://ops.example/argosy", "http://ops.example/argosy", "plain http stays on this machine"),
        ("https://ops.example/argosy", "https://me:pw@ops.example/", "secret_headers"),
        ("secret: ops-key", "secret: ../../etc/shadow", "`secret`"),
        ("pool.below_min", "pool.under_min", "means no topic"),
        ("name: slurm", "name: ops", "used by another sink"),
        ("authorization: slurm-token", "webhook-id: slurm-token", "`secret_headers`"),
        ("attempts: 3", "attempts: 0", "`attempts`"),
    ] {
        assert!(FILE.contains(right), "{right}");
        let error = SinkFile::parse("f", &FILE.replacen(right, wrong, 1)).expect_err(wrong).to_string();
        assert!(error.starts_with("ARG-1401") && error.contains(told), "{wrong}: {error}");
    }
    let both = FILE.replace("attempts: 3", "attempts: 0").replace("drain_within: 15m", "drain_within: 48h");
    let error = SinkFile::parse("f", &both).expect_err("unsound").to_string();
    assert!(error.contains("`attempts`") && error.contains("`drain_within`"), "{error}");
}

#[test]
fn what_its_author_may_not_have_meant_is_warned_about() {
    let sound = SinkFile::parse("f", FILE).expect("sound");
    assert_eq!(sound.warnings(), []);
    let text = FILE.replace("    secret: ops-key\n", "    allow_plain_http: true\n");
    let keys: Vec<_> = SinkFile::parse("f", &text).expect("sound").warnings().iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["secret", "allow_plain_http"]);
}

#[test]
fn the_reference_lists_every_topic() {
    let page = include_str!("../../../docs/reference/notify.md");
    for topic in Topic::ALL {
        assert!(page.contains(&format!("`{}`", topic.name())), "{}", topic.name());
    }
}
