//! Coming to rest: left alone with a provider that does what it is told, a shard must reach a state in which nothing is decided
//! any more, wherever it began. What goes on for ever is an oscillation, and costs machines.

use std::fmt::Write;

use argosy_engine::{Decision, Engine};
use argosy_model::Duration;

use crate::case::Change;
use crate::world::World;

/// Cycles after which any of these small worlds must be at rest.
const PATIENCE: usize = 240;
/// Cycles in a row without a decision that count as rest: longer than any hold.
const REST: usize = 12;
/// How long a cycle is.
const CYCLE_S: u16 = 10;

/// What a shard that does not come to rest keeps doing.
#[derive(Clone, Debug)]
pub struct Restless {
    /// The last decisions, one line for each unit.
    pub last: String,
}

/// A world at rest.
#[derive(Clone, Debug)]
pub struct Settled {
    /// After how many cycles.
    pub cycles: usize,
    /// As it is then.
    pub world: World,
}

/// Lets a world come to rest. Clocks that make a shard act again much later are stopped.
pub fn settle(mut world: World) -> Result<Settled, Restless> {
    let policy = &mut world.policy;
    (policy.kill_switch, policy.dry_run, policy.max_actions) = (false, false, 20_000);
    (policy.park_after, policy.retreat_for) = (Duration::NEVER, Duration::NEVER);
    policy.assemble_within = Duration::from_secs(60);
    (policy.hold_on_demand, policy.hold_spot) = (Duration::from_secs(60), Duration::from_secs(30));
    let mut engine = Engine::new();
    let mut at_rest = 0;
    let mut last = String::new();
    for cycle in 0..PATIENCE {
        world.pass(CYCLE_S);
        world.change(&Change::Finish { count: u16::MAX, binds: true });
        let decision = engine.decide(&world.view());
        at_rest = if decision.plan.is_empty() { at_rest + 1 } else { 0 };
        if at_rest == REST {
            return Ok(Settled { cycles: cycle + 1 - REST, world });
        }
        if cycle + 6 >= PATIENCE {
            note(&mut last, cycle, &world, &decision);
        }
        world.take(&decision, 0);
    }
    Err(Restless { last })
}

fn note(text: &mut String, cycle: usize, world: &World, decision: &Decision) {
    for unit in &decision.plan.units {
        let actions = unit.actions.iter().map(|action| (action.kind.name(), world.fleet.id(action.machine)));
        let line = format!("{cycle}: {} {:?} {:?}", unit.reason.name(), unit.needs, actions.collect::<Vec<_>>());
        writeln!(text, "{line}").expect("text grows");
    }
    for (key, mark) in &decision.plan.marks {
        writeln!(text, "{cycle}: {key:?} {mark:?}").expect("text grows");
    }
}
