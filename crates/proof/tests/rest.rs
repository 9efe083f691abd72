//! Every history ends in rest, once nothing more happens; and so does each time that something happens to a shard at rest.

use argosy_engine::Engine;
use argosy_proof::coverage::Coverage;
use argosy_proof::generate::{Diet, Generator};
use argosy_proof::run::Words;
use argosy_proof::settle::{Settled, settle};

/// Histories that are left alone in the end.
const CASES: u64 = 300;
/// What happens to each then, one thing after the other.
const CHANGES: usize = 6;
/// Cycles after which each must be at rest. Ten thousand of them took 40 at the most.
const MOST: usize = 80;
/// A seed of its own.
const SEED: u64 = 2;

#[test]
fn a_shard_that_is_left_alone_comes_to_rest() {
    let words = Words::default();
    let mut longest = 0;
    for nth in 0..CASES {
        let mut coverage = Coverage::default();
        let world = words.run_to_the_end((SEED, nth), Diet::Full, &mut Engine::new(), &mut coverage);
        let mut world = world.unwrap_or_else(|failed| panic!("case {nth} of seed {SEED} fails: {}", failed.1));
        let mut generator = Generator::new(SEED + 1, nth, Diet::Full);
        for change in 0..=CHANGES {
            match settle(world) {
                Ok(Settled { cycles, world: at_rest }) => (longest, world) = (longest.max(cycles), at_rest),
                Err(restless) => {
                    panic!("case {nth} of seed {SEED} does not come to rest after change {change}:\n{}", restless.last)
                }
            }
            let step = generator.step(&world);
            world.change(&step.change);
        }
    }
    println!("at rest after {longest} cycles at the most");
    assert!(longest <= MOST, "it took {longest} cycles");
}
