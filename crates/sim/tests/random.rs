//! Random worlds and small puzzles: sound, at rest, and not far from the best that there is.

use argosy_sim::closed::random::Draft;
use argosy_sim::quality;

#[test]
fn random_worlds_break_no_rule_agree_with_the_reference_and_come_to_rest() {
    for number in 0..60 {
        let draft = Draft::new(20, number);
        if let Err(wrong) = draft.run() {
            panic!(
                "world {number}: {wrong}\nreduce it with `cargo run -p argosy-sim --example fleet_sim -- --random 20 60`"
            );
        }
    }
}

#[test]
fn a_random_world_decides_the_same_twice() {
    for number in 0..10 {
        let decisions = || Draft::new(21, number).run().map(|run| run.decisions().to_owned());
        assert_eq!(decisions(), decisions(), "world {number}");
    }
}

/// The engine is greedy by precedence; how far from the best that may be is said in `Tally::checks`.
#[test]
fn decisions_on_small_fleets_are_near_the_best_there_is() {
    let tally = quality::tally(1, 150);
    let failed: Vec<String> =
        tally.checks().iter().filter(|check| !check.passed).map(|check| check.to_string()).collect();
    assert!(failed.is_empty(), "{failed:?} of {tally:?}");
}
