//! The proof that the worlds find bugs: each planted bug is run seed by seed until a world breaks.

use std::ops::RangeInclusive;
use std::time::Duration;

use argosy_failpoint::Planted;

use crate::faults::{Campaign, draw};
use crate::run::Violation;
use crate::scenario::Scenario;
use crate::stage::Stage;

/// Bugs that drawn worlds find seldom or never, each with the scenario that brings together what it takes, and its file.
const STAGED: [(Planted, &str, &str); 7] = {
    macro_rules! staged {
        ($bug:ident, $file:literal) => {
            (Planted::$bug, $file, include_str!(concat!("../scenarios/", $file)))
        };
    }
    [
        staged!(GangTakenByHalf, "gangs-of-what-vanishes.yaml"),
        staged!(OldTermAccepted, "hand-overs.yaml"),
        staged!(VoteForgotten, "voters-crash.yaml"),
        staged!(ReadUnconfirmed, "leader-with-its-clients.yaml"),
        staged!(GateForgotten, "lies-to-new-leaders.yaml"),
        staged!(ListingLost, "commits-fail.yaml"),
        staged!(OutcomesLost, "commits-fail.yaml"),
    ]
};

/// What became of one planted bug.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The bug.
    pub planted: Planted,
    /// Seeds that were run.
    pub seeds: u64,
    /// The first seed that found it, and how it showed.
    pub found: Option<(u64, Violation)>,
    /// The scenario that it was found in; it was found in a world that its seed drew, if there is none.
    pub scenario: Option<&'static str>,
}

/// Looks for a planted bug seed by seed, each striking for so long: in the scenario that was made for it, if there is one, and in the world that
/// the seed draws. A seed counts that holds without the bug.
///
/// # Panics
/// Never: the scenarios that ship are sound, which a test says.
#[must_use]
pub fn prove(planted: Planted, seeds: RangeInclusive<u64>, safety: Duration, stage: &mut impl Stage) -> Proof {
    let staged = STAGED.iter().find(|(bug, ..)| *bug == planted);
    let staged = staged.map(|(_, file, text)| {
        let scenario = Scenario::parse(file, text).expect("scenarios that ship are sound");
        (*file, scenario.campaign())
    });
    let mut count = 0;
    for seed in seeds {
        count += 1;
        let staged = staged.iter().map(|(file, campaign)| (Some(*file), campaign.clone()));
        for (scenario, campaign) in staged.chain([(None, draw(seed, safety))]) {
            if let Some(violation) = sees(planted, &campaign, seed, stage) {
                return Proof { planted, seeds: count, found: Some((seed, violation)), scenario };
            }
        }
    }
    Proof { planted, seeds: count, found: None, scenario: None }
}

/// What a world breaks with the bug and not without it: what breaks there too proves nothing.
fn sees(planted: Planted, campaign: &Campaign, seed: u64, stage: &mut impl Stage) -> Option<Violation> {
    let bent = Campaign { planted: Some(planted), ..campaign.clone() };
    let violation = stage.run(&bent, seed).violations.into_iter().next()?;
    let sound = stage.run(campaign, seed);
    sound.violations.iter().all(|other| other.invariant != violation.invariant).then_some(violation)
}
