//! Classes: machines that decide cannot tell apart but by their slot.

use imbl::OrdMap;

use super::Members;
use crate::bucket::Bucket;
use crate::ids::{ClusterIx, GroupIx, MachineIx, ProfileIx, ShapeIx};
use crate::lifecycle::State;
use crate::machine::{Claim, Flags, Machine};

/// Everything about a machine that a decision may depend on, its age left aside: state, holder, shape, for whom it was
/// acquired, for whom it drains, and its flags. Classes sort by state, then holder, then shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Where in their lives its machines are.
    pub state: State,
    /// Whose they are, or are going to be.
    pub cluster: Option<ClusterIx>,
    /// Their offering, domain and price.
    pub shape: ShapeIx,
    /// The profile they were acquired for.
    pub profile: Option<ProfileIx>,
    /// The gang they were acquired for.
    pub group: Option<GroupIx>,
    /// For whom they drain.
    pub heir: Option<Claim>,
    /// The reclamation penalty they were acquired under.
    pub reclamation: Bucket,
    /// Their flags; that there is a host, the state says.
    pub flags: Flags,
}

impl Class {
    /// The class of a machine.
    pub fn of(machine: &Machine) -> Self {
        let claim = machine.claim;
        Self {
            state: machine.state,
            cluster: machine.cluster(),
            shape: machine.shape,
            profile: claim.and_then(|claim| claim.profile),
            group: claim.and_then(|claim| claim.group),
            heir: machine.heir,
            reclamation: if claim.is_some() { machine.assigned_reclamation } else { Bucket::UNSPECIFIED },
            flags: machine.flags.with(Flags::HOST, false),
        }
    }

    /// For whom its machines were acquired.
    pub fn claim(&self) -> Option<Claim> {
        self.cluster.map(|cluster| Claim { cluster, profile: self.profile, group: self.group })
    }

    /// Whether its machines may be taken for new work.
    pub fn is_usable(&self) -> bool {
        self.flags.is_usable()
    }

    /// Whether its machines count as cover for whoever holds them.
    pub fn is_cover(&self) -> bool {
        self.flags.is_cover()
    }

    /// The least class that `cluster` can have in `state`.
    fn first(state: State, cluster: Option<ClusterIx>) -> Self {
        Self {
            state,
            cluster,
            shape: ShapeIx::from_index(0),
            profile: None,
            group: None,
            heir: None,
            reclamation: Bucket::UNSPECIFIED,
            flags: Flags::default(),
        }
    }
}

/// Every class that has members, with its members by slot.
#[derive(Clone, Debug, Default)]
pub struct Classes(OrdMap<Class, Members>);

impl Classes {
    /// The members of one class.
    pub fn members(&self, class: Class) -> Option<&Members> {
        self.0.get(&class)
    }

    /// The classes of `cluster` in `state`, by shape; a shape may come several times.
    pub fn of(&self, state: State, cluster: Option<ClusterIx>) -> impl Iterator<Item = (ShapeIx, &Members)> {
        self.0
            .range(Class::first(state, cluster)..)
            .take_while(move |(class, _)| class.state == state && class.cluster == cluster)
            .map(|(class, members)| (class.shape, members))
    }

    /// All classes in `state`, by cluster (nobody's first), then shape.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = (Class, &Members)> {
        let first = Class::first(state, None);
        self.0.range(first..).take_while(move |(class, _)| class.state == state).map(|(class, set)| (*class, set))
    }

    /// Every class there is.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &Members)> {
        self.0.iter().map(|(class, members)| (*class, members))
    }

    pub(super) fn insert(&mut self, class: Class, ix: MachineIx) {
        self.0.entry(class).or_default().insert(ix);
    }

    pub(super) fn remove(&mut self, class: Class, ix: MachineIx) {
        let Some(members) = self.0.get_mut(&class) else {
            unreachable!("a machine stands in its class: {class:?}");
        };
        let was_member = members.remove(ix);
        assert!(was_member, "a machine stands in its class: {class:?}");
        if members.is_empty() {
            self.0.remove(&class);
        }
    }
}
