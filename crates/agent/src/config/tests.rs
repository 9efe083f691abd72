//! Files that are right, files that are wrong in many ways at once, and the reference page.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::keys::KEYS;
use super::{Config, Problem, Trust, parse, reference};
use crate::gpu::Expected;
use crate::identity::TokenSource;

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    parse(text, Path::new("/etc/argosy"))
}

fn problems(text: &str) -> Vec<String> {
    let mut found = read(text).expect_err("something is wrong");
    found.sort();
    found.into_iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message)).collect()
}

const LEAST: &str = "servers: [a:1]\nagent_id: m-1\ntls: {cert: c.pem, key: k.pem, ca: /ca.pem}\n";

#[test]
fn the_least_file_gets_the_defaults_of_the_reference() {
    let config = read(LEAST).expect("right");
    assert_eq!(config.tls.as_ref().map(|tls| tls.cert.as_path()), Some(Path::new("/etc/argosy/c.pem")));
    assert_eq!(config.tls.map(|tls| tls.ca), Some("/ca.pem".into()));
    assert_eq!((config.sample_interval, config.driver_timeout), (Duration::from_secs(10), Duration::from_secs(30)));
    assert_eq!((config.journal_limit, config.expected, config.nvml_events), (16 << 20, Expected::OnBus, true));
    assert_eq!(config.kernel_log.as_deref(), Some(Path::new("/dev/kmsg")));
    assert_eq!(config.thresholds, crate::watch::Thresholds::default());
    assert!(config.commands.is_empty(), "nothing that touches the host is on unless the site says so");
}

#[test]
fn everything_can_be_set() {
    let text = format!(
        "{LEAST}gpus: {{expected: 8, library: /x/libnvidia-ml.so.1, nvml_events: false}}\nkernel_log: none\nstate_dir: state\n\
         thresholds: {{temperature_celsius: [80, 90], noise_interval: 5m}}\nlog: {{format: json, filter: debug}}\n\
         commands:\n  reset-gpu: {{exec: [/bin/reset, now], timeout: 1m}}\n  reboot:\n    exec: [/sbin/reboot]\n"
    );
    let config = read(&text).expect("right");
    assert_eq!((config.expected, config.kernel_log, config.nvml_events), (Expected::Count(8), None, false));
    assert_eq!(config.thresholds.temperature_celsius, [80, 90]);
    assert_eq!(config.commands["reset-gpu"].argv, ["/bin/reset", "now"]);
    assert_eq!(config.commands["reboot"].timeout, Duration::from_secs(600));
    assert_eq!(config.state_dir, Path::new("/etc/argosy/state"));
}

#[test]
fn a_library_without_a_folder_is_the_loader_s_to_find_and_any_other_is_a_path() {
    let of = |folder: &str, library: &str| {
        let text = format!("{LEAST}gpus: {{library: {library}}}\n");
        parse(&text, Path::new(folder)).expect("right").library.expect("named")
    };
    for (written, read) in [
        ("libnvidia-ml.so.1", "libnvidia-ml.so.1"),
        ("./libnvidia-ml.so.1", "/etc/argosy/./libnvidia-ml.so.1"),
        ("lib/nvml.so", "/etc/argosy/lib/nvml.so"),
        ("../nvml.so", "/etc/argosy/../nvml.so"),
        ("/x/nvml.so", "/x/nvml.so"),
    ] {
        assert_eq!(of("/etc/argosy", written).as_os_str(), read, "{written}");
    }
    // The file itself was named without a folder: what lies beside it must not become a name for the loader.
    assert!(of("", "./nvml.so").to_string_lossy().contains('/'));
}

#[test]
fn every_problem_is_reported_at_once_with_its_line_and_column() {
    let text = "servers: [a, b:2]\nagent_id: m-1\ntls: {cert: c, key: k, ca: a}\nsample_intervall: 5s\ngpus:\n  expected: some\n\
                heartbeat_interval: 0s\ncommands:\n  reset-gpu: {timeout: 5m}\n  explode: {exec: [x]}\nagent_id: m-2\n";
    let found = problems(text);
    let expected = [
        "1:11 ARG-1122: `servers` takes a list of host:port",
        "4:1 ARG-1121: there is no key `sample_intervall`; there are",
        "6:13 ARG-1122: `gpus.expected` takes auto, or a number",
        "7:21 ARG-1122: `heartbeat_interval` takes a duration",
        "9:14 ARG-1123: `commands.reset-gpu.exec` must be there: a list of words",
        "10:3 ARG-1121: there is no key `commands.explode`; there are cordon",
        "11:1 ARG-1121: `agent_id` stands here twice; remove one",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

#[test]
fn an_empty_file_lacks_what_is_required() {
    let found = problems("");
    assert!(found.iter().all(|problem| problem.contains("ARG-1123")), "{found:?}");
    assert_eq!(found.len(), 3);
}

#[test]
fn plaintext_is_for_this_machine_only() {
    assert!(read("servers: [127.0.0.1:1]\nagent_id: m\nplaintext: true\n").is_ok());
    let found = problems("servers: [far.example.net:1]\nagent_id: m\nplaintext: true\n");
    assert!(found[0].contains("this machine only"), "{found:?}");
}

#[test]
fn what_is_no_yaml_says_where() {
    let found = problems("servers: [a:1\nagent_id: x\n");
    assert!(found[0].contains("ARG-1120"), "{found:?}");
}

#[test]
fn every_key_of_the_reference_is_known_to_the_reader() {
    for key in KEYS {
        let path = key.path.replace("NAME", "drain");
        let nested = path.split('.').rev().fold("[]".to_owned(), |inner, part| format!("{{{part}: {inner}}}"));
        let found = read(&nested).expect_err("much is missing");
        assert!(!found.iter().any(|problem| problem.message.contains("ARG-1121")), "{path}: {found:?}");
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/agent.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, reference()).expect("writable");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == reference(), "run UPDATE_GOLDEN=1 cargo test -p argosy-agent reference");
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(text in "([a-z_]{1,8}: ?|- |\\PC|\n|  |\\[|\\]|\\{|\\})*") {
        let _ = read(&text);
        let _ = read(&format!("{LEAST}{text}"));
    }
}

#[test]
fn joining_takes_one_token_one_authority_and_the_place_of_tls() {
    let base = "servers: [a:1]\nagent_id: m-1\n";
    let print = "ab".repeat(32);
    let join = |inner: &str| read(&format!("{base}join: {{addresses: [a:2], {inner}}}\n"));
    let config = join(&format!("token_file: t, ca_fingerprint: \"sha256:{print}\"")).expect("right");
    let found = config.join.expect("it is there");
    assert_eq!(found.trust, Trust::Fingerprint(print));
    assert_eq!(found.token, TokenSource::File(Path::new("/etc/argosy/t").to_path_buf()));
    assert_eq!(found.folder, Path::new("/var/lib/argosy-agent/identity"));
    let shown = format!("{:?}", join("token: argosy-join.1.2, ca: ca.pem").expect("right"));
    assert!(!shown.contains("argosy-join.1.2"), "{shown}");
    for wrong in ["token: t", "ca: c", "token: t, token_file: t, ca: c", "token: t, ca: c, ca_fingerprint: x"] {
        assert!(join(wrong).is_err(), "{wrong}");
    }
    assert!(read(&format!("{LEAST}join: {{addresses: [a:2], token: t, ca: c}}\n")).is_err(), "beside tls");
    assert!(read(&format!("{base}join: {{token: t, ca: c}}\n")).is_err(), "without addresses");
}
