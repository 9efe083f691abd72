//! Actors: what does things to a simulated fleet from outside, at moments of its own choosing.

use crate::fleet::FleetSim;
use crate::leader::Cycled;

/// Acts on a fleet. A script, a world of pods, a soak, a trace and a rehearsal are actors.
pub trait Actor {
    /// When it acts next, in milliseconds of virtual time; never, if there is nothing left to do. A moment that has passed
    /// already means: now.
    fn next_ms(&self) -> Option<u64>;

    /// Acts. It must move [`Actor::next_ms`] on, or the fleet would stand still.
    fn act(&mut self, fleet: &mut FleetSim);

    /// A shard has run a cycle, and everything that happens at once because of it has happened.
    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled);

    /// Something has happened to the fleet: a listing, a timer, a step of the cloud, or what this actor did itself.
    fn after_step(&mut self, _: &mut FleetSim) {}

    /// Whether it has done all that it had to do; then the run ends, whatever else is due.
    fn is_over(&self) -> bool {
        false
    }
}

/// Does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Actor for Nobody {
    fn next_ms(&self) -> Option<u64> {
        None
    }

    fn act(&mut self, _: &mut FleetSim) {}

    fn after_cycle(&mut self, _: &mut FleetSim, _: &Cycled) {}
}
