//! What every decide workload must hold, so that an empty or easy worklist fails the benchmark instead of passing for speed.

use std::collections::BTreeSet;

use argosy_engine::decide;
use argosy_model::{NeedKey, State};

use crate::world::World;

/// What there must be besides needs that stay short and gangs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise<'a> {
    /// States that must have machines.
    pub(crate) states: &'a [State],
    /// How many capacity types there must be.
    pub(crate) capacity_types: usize,
    /// The priorities that must be asked at.
    pub(crate) priorities: &'a [i32],
    /// A gang that no supply can host.
    pub(crate) hopeless: NeedKey,
}

/// Checks a world against its promise.
///
/// # Panics
/// When the workload is not what it says.
pub(crate) fn check(world: &World, promise: &Promise<'_>) {
    let words = &world.fleet.words;
    for state in promise.states {
        assert!(world.count(*state) > 0, "there are {state:?} machines");
    }
    let used = world.fleet.classes().iter().map(|(class, _)| words.shape_of(class.shape).capacity_type);
    assert_eq!(used.collect::<BTreeSet<_>>().len(), promise.capacity_types, "all tiers are there");
    let asked: BTreeSet<i32> =
        world.demand.by_precedence().map(|need| words.profile_of(need.key.profile).priority).collect();
    assert_eq!(asked, promise.priorities.iter().copied().collect(), "all priorities are there");
    let gangs = world.demand.by_precedence().filter(|need| need.key.group.is_some()).count();
    assert!(gangs * 5 >= world.demand.len(), "at least a fifth of the needs are gangs: {gangs}");
    let decision = decide(&world.view());
    let short: Vec<_> = decision.shortfalls().flat_map(|verdict| &verdict.rows).collect();
    assert!(short.len() * 20 >= world.demand.len(), "at least 5 % of the needs stay short: {}", short.len());
    let hopeless = decision.shortfalls().find(|verdict| verdict.key == promise.hopeless);
    let verdict = hopeless.expect("the gang that nobody can host stays short");
    assert_eq!((verdict.claimed, verdict.bootstraps + verdict.provisions), (0, 0), "and holds nothing");
}
