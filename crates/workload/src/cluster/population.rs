//! The objects of a cluster: drawn and waiting for their start, or running; found by number, by archetype, by burst.

use std::collections::BTreeMap;

use super::Activity;
use super::object::DemandObject;
use crate::dice::Dice;

/// All objects of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Population {
    waiting: BTreeMap<u64, DemandObject>,
    running: BTreeMap<u64, DemandObject>,
    /// Numbers of the running objects of the steady demand, and their pods, by archetype.
    steady: Vec<Steady>,
    next: u64,
    turnover: Turnover,
}

#[derive(Clone, Debug, Default)]
struct Steady {
    objects: Vec<u64>,
    pods: u64,
}

/// Pods created and removed since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turnover {
    created: u64,
    removed: u64,
}

impl Turnover {
    pub(super) fn since(self, before: Self) -> Activity {
        Activity { pods_created: self.created - before.created, pods_removed: self.removed - before.removed }
    }
}

impl Population {
    pub(super) fn new(archetypes: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            steady: vec![Steady::default(); archetypes],
            next: 0,
            turnover: Turnover::default(),
        }
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &DemandObject> {
        self.running.values()
    }

    pub(super) fn pods(&self) -> u64 {
        self.turnover.created - self.turnover.removed
    }

    pub(super) fn steady_pods(&self, archetype: usize) -> u64 {
        self.steady[archetype].pods
    }

    pub(super) fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// Takes in an object that does not run yet; `make` is told its number.
    pub(super) fn add_waiting(&mut self, make: impl FnOnce(u64) -> DemandObject) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, make(number));
        number
    }

    /// Lets a waiting object run, and says its archetype.
    pub(super) fn start(&mut self, number: u64) -> Option<usize> {
        let object = self.waiting.remove(&number)?;
        let archetype = object.archetype;
        self.turnover.created += object.pods;
        if object.burst.is_none() {
            self.steady[archetype].objects.push(number);
            self.steady[archetype].pods += object.pods;
        }
        self.running.insert(number, object);
        Some(archetype)
    }

    /// Removes a running object; one that is gone already stays gone.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(object) = self.running.remove(&number) else { return };
        self.turnover.removed += object.pods;
        if object.burst.is_none() {
            let steady = &mut self.steady[object.archetype];
            steady.pods -= object.pods;
            steady.objects.retain(|one| *one != number);
        }
    }

    /// Removes every object of a burst.
    pub(super) fn remove_burst(&mut self, burst: usize) {
        let of_burst = self.running.iter().filter(|(_, object)| object.burst == Some(burst));
        let numbers: Vec<u64> = of_burst.map(|(number, _)| *number).collect();
        for number in numbers {
            self.remove(number);
        }
    }

    /// Removes one steady object of an archetype, any, and says how many pods it had.
    pub(super) fn remove_any(&mut self, archetype: usize, dice: &mut Dice) -> u64 {
        let before = self.steady[archetype].pods;
        if let Some(number) = self.any(archetype, dice) {
            self.remove(number);
        }
        before - self.steady[archetype].pods
    }

    /// Removes steady pods of an archetype until at most `target` are left. Objects are taken in random order, so the
    /// mix of sizes stays; the last one is cut, unless it can only go whole.
    pub(super) fn shrink(&mut self, archetype: usize, target: u64, whole: bool, dice: &mut Dice) {
        while self.steady[archetype].pods > target {
            let Some(number) = self.any(archetype, dice) else { return };
            let surplus = self.steady[archetype].pods - target;
            match self.running.get_mut(&number) {
                Some(object) if !whole && object.pods > surplus => {
                    object.pods -= surplus;
                    self.steady[archetype].pods -= surplus;
                    self.turnover.removed += surplus;
                }
                _ => self.remove(number),
            }
        }
    }

    fn any(&self, archetype: usize, dice: &mut Dice) -> Option<u64> {
        let objects = &self.steady[archetype].objects;
        let at = usize::try_from(dice.below((objects.len() as u64).max(1))).ok()?;
        objects.get(at).copied()
    }
}
