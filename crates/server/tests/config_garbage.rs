//! No file makes the reader panic, and whatever it refuses it says where.

use std::path::Path;

use argosy_server::config;
use proptest::prelude::*;

const GOOD: &str = include_str!("config/good-three-regions.toml");

fn read(bytes: &[u8]) {
    let outcome = config::load_with(Path::new("any.toml"), &|_| Ok(bytes.to_vec()));
    if let Err(report) = outcome {
        assert!(report.errors() > 0, "refused without a reason");
        assert!(!report.to_string().is_empty());
        assert_eq!(report.records().len(), report.problems().len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        read(&bytes);
    }

    #[test]
    fn any_toml_like_text_is_read_or_refused(text in "([a-z_.\\[\\]{}=\"'#, 0-9\n\t\\\\é]){0,200}") {
        read(text.as_bytes());
    }

    #[test]
    fn a_good_file_with_one_wound_is_read_or_refused(at in any::<prop::sample::Index>(), cut in 0_usize..40, put in ".{0,12}") {
        let mut bytes = GOOD.as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, put.into_bytes());
        read(&bytes);
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    read(format!("a = {}", "[".repeat(100_000)).as_bytes());
    read("a.".repeat(100_000).as_bytes());
    read(format!("a = {}", "{b=".repeat(100_000)).as_bytes());
}
