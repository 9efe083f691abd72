//! Bugs are planted in what a leader is told, and the rules that hold at all times catch them.

use argosy_model::State;
use argosy_sim::closed::LoopRun;
use argosy_sim::closed::random::{Draft, Wrong, shrink};
use argosy_sim::{FleetSim, Offer, Setup, actor::Nobody};
use argosy_workload::amounts::Amounts;

fn cores() -> Amounts {
    let mut cores = Amounts::default();
    cores.set("cpu", 4_000);
    cores
}

#[test]
fn a_machine_on_its_way_of_which_nobody_knows_why_is_caught() {
    let mut lost = Offer::new("c", "zone-a", &cores());
    lost.state = State::Deleting;
    let mut fleet = FleetSim::new(Setup::new(1), [("m0".to_owned(), lost)]);
    fleet.run(60_000, &mut Nobody);
    assert!(fleet.broken().iter().any(|rule| rule.contains("nothing is under way")), "{:?}", fleet.broken());
    assert!(fleet.now_ms() < 60_000, "a run ends where a rule is broken");
}

#[test]
fn a_world_that_never_rests_is_caught_and_reduced() {
    // A draft whose jobs go on for ever would not rest; one that is broken by hand stands for any oscillation.
    let restless = |draft: &Draft| {
        let mut setup = draft.setup();
        setup.reported = argosy_sim::closed::Reported::PendingPods;
        let run = LoopRun::new(&setup, 120);
        run.fleet.broken().is_empty() && run.window(15).iter().map(|stats| stats.churn()).sum::<u64>() > 0
    };
    let draft = (0..).map(|number| Draft::new(5, number)).find(restless).expect("many churn");
    let least = shrink(draft.clone(), restless);
    assert!(restless(&least));
    assert!(least.workloads.len() <= 1 && least.faults.is_empty() && least.leaders.is_empty(), "{least:?}");
    let wrong = Wrong::Restless { actions: 1 };
    assert!(draft.run().is_ok() && wrong.is_like(&Wrong::Restless { actions: 9 }));
}
