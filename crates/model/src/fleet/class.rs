//! Classes: machines that decide cannot tell apart but by their slot.

use imbl::{OrdMap, OrdSet};

use crate::ids::{ClusterIx, MachineIx, ShapeIx};
use crate::lifecycle::State;
use crate::machine::Machine;

/// State, holder and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Where in their lives its machines are.
    pub state: State,
    /// Whose they are, or are going to be.
    pub cluster: Option<ClusterIx>,
    /// Their offering, domain and price.
    pub shape: ShapeIx,
}

impl Class {
    /// The class of a machine.
    pub fn of(machine: &Machine) -> Self {
        Self { state: machine.state, cluster: machine.cluster(), shape: machine.shape }
    }
}

/// Every class that has members, with its members by slot.
#[derive(Clone, Debug, Default)]
pub struct Classes(OrdMap<Class, OrdSet<MachineIx>>);

impl Classes {
    /// The members of one class.
    pub fn members(&self, class: Class) -> Option<&OrdSet<MachineIx>> {
        self.0.get(&class)
    }

    /// The classes of `cluster` in `state`, by shape.
    pub fn of(&self, state: State, cluster: Option<ClusterIx>) -> impl Iterator<Item = (ShapeIx, &OrdSet<MachineIx>)> {
        let first = Class { state, cluster, shape: ShapeIx::from_index(0) };
        self.0
            .range(first..)
            .take_while(move |(class, _)| class.state == state && class.cluster == cluster)
            .map(|(class, members)| (class.shape, members))
    }

    /// All classes in `state`, by cluster (nobody's first), then shape.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = (Class, &OrdSet<MachineIx>)> {
        let first = Class { state, cluster: None, shape: ShapeIx::from_index(0) };
        self.0.range(first..).take_while(move |(class, _)| class.state == state).map(|(class, set)| (*class, set))
    }

    pub(super) fn insert(&mut self, class: Class, ix: MachineIx) {
        self.0.entry(class).or_default().insert(ix);
    }

    pub(super) fn remove(&mut self, class: Class, ix: MachineIx) {
        let Some(members) = self.0.get_mut(&class) else {
            unreachable!("a machine stands in its class: {class:?}");
        };
        let was_member = members.remove(&ix).is_some();
        assert!(was_member, "a machine stands in its class: {class:?}");
        if members.is_empty() {
            self.0.remove(&class);
        }
    }
}
