//! The soak in small; the whole one runs in `make sim`.

use argosy_sim::suite;

#[test]
fn a_short_soak_leaves_nothing_behind_and_gives_the_same_bytes_twice() {
    let run = suite::find("soak-short").unwrap();
    let report = run.play().report;
    assert!(report.passed, "{report}");
    assert_eq!(report, run.play().report);
}
