//! One run: a world under a campaign, judged look by look, healed, and asked to come to rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::faults::Campaign;
use crate::history::{History, Verdict, check};
use crate::invariants::{self, Invariant};
use crate::liveness::unrest;
use crate::timeline::{Outage, Timeline};
use crate::world::World;

/// A healed world must come to rest within this time.
const REST_WITHIN: Duration = Duration::from_secs(180);
/// Contradictions that are told of one run; the rest follow from them.
const TOLD: usize = 5;
/// Operations of a counterexample that are shown.
const SHOWN: usize = 40;
/// A gap between answers to administrators that is longer than this counts as an outage.
const OUTAGE: Duration = Duration::from_secs(1);

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which property it contradicts.
    pub invariant: String,
    /// When it was seen.
    pub at: Duration,
    /// How.
    pub detail: String,
}

/// What became of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How old its world became.
    pub simulated: Duration,
    /// What must not be; nothing in a good run.
    pub violations: Vec<Violation>,
    /// How often each kind of fault struck.
    pub strikes: BTreeMap<String, u64>,
    /// How often each failpoint fired that did.
    pub failpoints: BTreeMap<String, u64>,
    /// Gaps of more than a second between answers to a shard's administrators.
    pub outages: Vec<Duration>,
    /// How long the world took to come to rest after everything was healed.
    pub recovery: Option<Duration>,
    /// Names the run.
    pub trace_hash: String,
    /// What happened, line by line; it stays where the world was run unless it is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
    /// What happened, to be drawn.
    pub timeline: Timeline,
    /// Operations of administrators that were answered.
    pub answered: usize,
}

/// Runs a campaign with a seed, on a thread of its own. It is the world of this seed if it is the first of its process ([`crate::stage`]).
#[must_use]
pub fn run(campaign: &Campaign, seed: u64) -> Outcome {
    hear_panics();
    let campaign = campaign.clone();
    let thread = std::thread::Builder::new().name(format!("world-{seed}")).spawn(move || run_here(&campaign, seed));
    let joined = thread.expect("the system has a thread to spare").join();
    joined.unwrap_or_else(|_| Outcome { seed, violations: vec![panicked(Duration::ZERO)], ..Outcome::default() })
}

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes what panics say on threads that run worlds: turmoil tells that something panicked, not what. A second panic may be
/// the end of the process: what was noted is said before.
fn hear_panics() {
    static HEARING: Once = Once::new();
    HEARING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name().is_some_and(|name| name.starts_with("world-")) {
                PANICS.with_borrow_mut(|panics| {
                    panics.push(info.to_string());
                    if panics.len() > 1 {
                        eprintln!("{}", panics.join("\n"));
                    }
                });
            } else {
                before(info);
            }
        }));
    });
}

fn panicked(at: Duration) -> Violation {
    let detail = PANICS.with_borrow(|panics| panics.first().cloned()).unwrap_or_default();
    Violation { invariant: "nothing panics".to_owned(), at, detail }
}

struct Judge {
    invariants: Vec<Box<dyn Invariant>>,
    violations: Vec<Violation>,
}

impl Judge {
    /// Looks at the world, and says what keeps it from rest if that is asked.
    fn look(&mut self, world: &mut World, at_rest: bool) -> Vec<String> {
        let administered = world.is_administered();
        let sight = world.look();
        for invariant in &mut self.invariants {
            for detail in invariant.look(&sight) {
                let (invariant, at) = (invariant.name().to_owned(), sight.at);
                self.violations.push(Violation { invariant, at, detail });
            }
        }
        if at_rest { unrest(&sight, administered) } else { Vec::new() }
    }
}

fn run_here(campaign: &Campaign, seed: u64) -> Outcome {
    let mut world = World::new(campaign, seed);
    let mut judge = Judge { invariants: invariants::all(), violations: Vec::new() };
    let mut recovery = None;
    let lived = catch_unwind(AssertUnwindSafe(|| {
        suffer(&mut world, campaign, &mut judge);
        if judge.violations.is_empty() {
            recovery = recover(&mut world, &mut judge);
        }
    }));
    let now = world.now();
    if lived.is_err() {
        judge.violations.push(panicked(now));
        // What panicked may have left anything behind: its parts are not run again, not even to be dropped.
        let outcome = outcome(&world, seed, judge, recovery);
        std::mem::forget(world);
        return outcome;
    }
    outcome(&world, seed, judge, recovery)
}

fn outcome(world: &World, seed: u64, mut judge: Judge, recovery: Option<Duration>) -> Outcome {
    let history = world.history();
    if judge.violations.is_empty() {
        judge.violations.extend(contradictions(world, &history));
    }
    judge.violations.truncate(TOLD);
    let gaps = history.gaps(OUTAGE);
    let mut timeline = world.timeline();
    timeline.outages = gaps.iter().map(Outage::from).collect();
    Outcome {
        seed,
        simulated: world.now(),
        violations: judge.violations,
        strikes: world.strikes().iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
        failpoints: world.hits().into_iter().map(|(point, hits)| (point.name().to_owned(), hits)).collect(),
        outages: gaps.iter().map(|gap| gap.to - gap.from).collect(),
        recovery,
        trace_hash: world.trace().hash(),
        trace: world.trace().lines().to_vec(),
        timeline,
        answered: history.answered(),
    }
}

/// The safety phase: whatever strikes, nothing that is promised may break.
fn suffer(world: &mut World, campaign: &Campaign, judge: &mut Judge) {
    let mut events = campaign.events.as_slice();
    while world.now() < campaign.safety && judge.violations.is_empty() {
        let due = events.partition_point(|event| event.begins() <= world.now());
        world.suffer(&events[..due]);
        events = &events[due..];
        if let Err(broken) = world.advance() {
            let (at, detail) = (broken.at, broken.reason);
            judge.violations.push(Violation { invariant: "hosts live".to_owned(), at, detail });
        }
        judge.look(world, false);
    }
}

/// The liveness phase: once everything is healed, the world comes to rest.
fn recover(world: &mut World, judge: &mut Judge) -> Option<Duration> {
    world.heal();
    let healed = world.now();
    let mut left = Vec::new();
    while world.now() < healed + REST_WITHIN && judge.violations.is_empty() {
        if let Err(broken) = world.advance() {
            let (at, detail) = (broken.at, broken.reason);
            judge.violations.push(Violation { invariant: "hosts live".to_owned(), at, detail });
        }
        // The engine is asked twice a second, not at every look: a decision costs more than a look.
        let ask = world.now().subsec_millis() % 500 < 10;
        let reasons = judge.look(world, ask);
        if ask {
            left = reasons;
            if left.is_empty() {
                return Some(world.now() - healed);
            }
        }
    }
    if judge.violations.is_empty() {
        let invariant = "a healed world comes to rest".to_owned();
        judge.violations.push(Violation { invariant, at: world.now(), detail: left.join("; ") });
    }
    None
}

/// Registers whose history nothing explains.
fn contradictions(world: &World, history: &History) -> Vec<Violation> {
    let rails = world.layout().config(&world.layout().nodes[0]).rails;
    let mut found = Vec::new();
    for (key, operations) in history.by_key() {
        let initial = match key.rsplit('/').next() {
            Some("cap") => i64::from(rails.reclaim_cap_ppm),
            Some("guard") => i64::from(rails.empty_rollup_guard),
            // No shard begins stopped, and no cluster with demand.
            _ => 0,
        };
        let detail = match check(&operations, initial) {
            Verdict::Linearizable => continue,
            Verdict::Unknown => format!("{key}: {} operations were too many to judge", operations.len()),
            Verdict::Violated(smallest) => {
                let lines: Vec<String> = smallest.iter().take(SHOWN).map(ToString::to_string).collect();
                format!("{key}: no order explains these {} operations: {}", smallest.len(), lines.join("; "))
            }
        };
        found.push(Violation { invariant: "histories are linearizable".to_owned(), at: world.now(), detail });
    }
    found
}
