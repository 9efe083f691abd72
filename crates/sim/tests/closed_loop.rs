//! Every closed loop comes out as it must: what ought to rest rests, what ought to break breaks.
//!
//! The heavy ones run in `make sim`, with optimisation.

use argosy_sim::closed::cases;

#[test]
fn every_closed_loop_comes_out_as_it_must_and_breaks_no_rule() {
    let light = cases::all().into_iter().filter(|case| !case.heavy);
    let failed: Vec<String> =
        light.map(|case| case.play()).filter(|report| !report.passed).map(|report| report.to_string()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_closed_loop_decides_the_same_twice() {
    for name in ["steady-state-converges", "repeated-losses", "fixed-point-sweep"] {
        let hash = || cases::all().into_iter().find(|case| case.name == name).unwrap().play().trace_hash;
        assert_eq!(hash(), hash(), "{name}");
    }
}
