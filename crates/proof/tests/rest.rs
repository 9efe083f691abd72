//! Every history ends in rest, once nothing more happens.

use argosy_engine::Engine;
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::Diet;
use argosy_proof::run::Words;

/// Histories that are left alone in the end.
const CASES: u64 = 150;
/// A seed of its own.
const SEED: u64 = 2;

#[test]
fn a_shard_that_is_left_alone_comes_to_rest() {
    let words = Words::default();
    for nth in 0..CASES {
        let mut coverage = Coverage::default();
        let world = words.run_to_the_end((SEED, nth), Diet::Full, &mut Engine::new(), &mut coverage);
        let world = world.unwrap_or_else(|failed| panic!("case {nth} of seed {SEED} fails: {}", failed.1));
        if let Err(restless) = argosy_proof::settle::settle(world) {
            panic!("case {nth} of seed {SEED} does not come to rest:\n{}", restless.last);
        }
    }
}
