//! Classes: machines that decide cannot tell apart but by their slot.

use std::hash::{Hash, Hasher};

use imbl::OrdMap;

use super::Members;
use crate::bucket::Bucket;
use crate::ids::{ClusterIx, GroupIx, MachineIx, ProfileIx, ShapeIx};
use crate::lifecycle::State;
use crate::machine::{Claim, Flags, Machine};

/// Everything about a machine that a decision may depend on, its age left aside: state, holder, shape, for whom it was
/// acquired, for whom it drains, and its flags. Classes sort by state, then holder, then shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Their flags; that there is a host, the state says, and what is kept is told apart only where machines are given back.
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
            flags: machine.flags.with(Flags::HOST | Flags::KEPT, false),
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

impl Hash for Class {
    /// Everything in three words, or four: a class is hashed with every write to a machine.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (cluster, shape) = (number(self.cluster.map(ClusterIx::index)), number(Some(self.shape.index())));
        let (profile, group) = (number(self.profile.map(ProfileIx::index)), number(self.group.map(GroupIx::index)));
        let heir = number(self.heir.map(|heir| heir.cluster.index()));
        let small = u32::from_le_bytes([self.state as u8, self.flags.bits(), self.reclamation.number(), 0]);
        state.write_u64(u64::from(small) << 32 | cluster);
        state.write_u64(shape << 32 | profile);
        state.write_u64(group << 32 | heir);
        if let Some(heir) = self.heir {
            let (profile, group) = (heir.profile.map(ProfileIx::index), heir.group.map(GroupIx::index));
            state.write_u64(number(profile) << 32 | number(group));
        }
    }
}

/// One number of 32 bits for each handle, and another for none.
fn number(index: Option<usize>) -> u64 {
    index.map_or(0, |index| index as u64 + 1)
}

/// How many classes are at hand: machines move in runs, out of one class into another.
const AT_HAND: usize = 2;

/// Every class that has members, with its members by slot.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    all: OrdMap<Class, Members>,
    /// The classes that were written last, with their members; in `all` stand those that they had before. So a run of machines
    /// costs one look-up in `all`, not one each.
    at_hand: [Option<(Class, Members)>; AT_HAND],
}

impl Classes {
    /// The members of one class.
    pub fn members(&self, class: Class) -> Option<&Members> {
        self.all.get(&class).map(|members| self.present(class, members))
    }

    /// The classes of `cluster` in `state`, by shape.
    pub fn held(&self, state: State, cluster: Option<ClusterIx>) -> impl Iterator<Item = (Class, &Members)> {
        self.from(Class::first(state, cluster))
            .take_while(move |(class, _)| class.state == state && class.cluster == cluster)
    }

    /// The classes of `cluster` in `state` that have one shape.
    pub fn of_shape(
        &self,
        state: State,
        cluster: Option<ClusterIx>,
        shape: ShapeIx,
    ) -> impl Iterator<Item = (Class, &Members)> {
        self.from(Class { shape, ..Class::first(state, cluster) })
            .take_while(move |(class, _)| (class.state, class.cluster, class.shape) == (state, cluster, shape))
    }

    /// The shapes of `cluster`'s machines in `state`, in order; a shape may come several times.
    pub fn of(&self, state: State, cluster: Option<ClusterIx>) -> impl Iterator<Item = (ShapeIx, &Members)> {
        self.held(state, cluster).map(|(class, members)| (class.shape, members))
    }

    /// How many machines of `cluster` are Configured and count as cover.
    pub fn covering(&self, cluster: ClusterIx) -> usize {
        self.held(State::Configured, Some(cluster))
            .filter(|(class, _)| class.flags.is_cover())
            .map(|(_, members)| members.len())
            .sum()
    }

    /// All classes in `state`, by cluster (nobody's first), then shape.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = (Class, &Members)> {
        self.from(Class::first(state, None)).take_while(move |(class, _)| class.state == state)
    }

    /// Every class there is.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &Members)> {
        self.all.iter().map(|(class, members)| (*class, self.present(*class, members)))
    }

    fn from(&self, first: Class) -> impl Iterator<Item = (Class, &Members)> {
        self.all.range(first..).map(|(class, members)| (*class, self.present(*class, members)))
    }

    /// A class's members, which may be at hand.
    fn present<'a>(&'a self, class: Class, members: &'a Members) -> &'a Members {
        let at_hand = self.at_hand.iter().flatten().find(|(known, _)| *known == class);
        at_hand.map_or(members, |(_, members)| members)
    }

    pub(super) fn insert(&mut self, class: Class, ix: MachineIx) {
        self.take_up(class).insert(ix);
    }

    pub(super) fn remove(&mut self, class: Class, ix: MachineIx) {
        let members = self.take_up(class);
        let was_member = members.remove(ix);
        assert!(was_member, "a machine stands in its class: {class:?}");
        if members.is_empty() {
            self.at_hand[0] = None;
            self.all.remove(&class);
        }
    }

    /// Brings a class to the front of those at hand, a new one without members, and puts another back for it.
    fn take_up(&mut self, class: Class) -> &mut Members {
        let is_it = |place: &Option<(Class, Members)>| place.as_ref().is_some_and(|(known, _)| *known == class);
        let found = self.at_hand.iter().position(is_it);
        self.at_hand[..=found.unwrap_or(AT_HAND - 1)].rotate_right(1);
        if found.is_none() {
            let known = self.all.get(&class).cloned();
            let members = known.unwrap_or_else(|| {
                self.all.insert(class, Members::nobody());
                Members::default()
            });
            if let Some((other, members)) = self.at_hand[0].replace((class, members)) {
                self.all.insert(other, members);
            }
        }
        let (_, members) = self.at_hand[0].as_mut().expect("it was brought there");
        members
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::stamp::Stamp;

    fn class(number: usize) -> Class {
        let state = State::ALL[number % 3];
        Class { shape: ShapeIx::from_index(number / 3), ..Class::first(state, None) }
    }

    #[test]
    fn what_makes_two_classes_makes_two_hashes() {
        let (handle, bucket) = (ClusterIx::from_index, Bucket::from_number(3).expect("a bucket"));
        let heir = Claim { cluster: handle(0), profile: None, group: None };
        let class = class(0);
        let others = [
            Class { state: State::Failed, ..class },
            Class { cluster: Some(handle(0)), ..class },
            Class { shape: ShapeIx::from_index(1), ..class },
            Class { profile: Some(ProfileIx::from_index(0)), ..class },
            Class { group: Some(GroupIx::from_index(0)), ..class },
            Class { heir: Some(heir), ..class },
            Class { heir: Some(Claim { profile: Some(ProfileIx::from_index(0)), ..heir }), ..class },
            Class { heir: Some(Claim { group: Some(GroupIx::from_index(0)), ..heir }), ..class },
            Class { reclamation: bucket, ..class },
            Class { flags: Flags::CORDONED, ..class },
            class,
        ];
        let stamps: BTreeSet<String> =
            others.iter().map(|class| format!("{:?}", Stamp::default().then(class))).collect();
        assert_eq!(stamps.len(), others.len());
    }

    proptest! {
        #[test]
        fn whatever_is_at_hand_the_classes_are_a_map_in_order(
            writes in proptest::collection::vec((0usize..6, 0usize..9), 0..300),
        ) {
            let mut classes = Classes::default();
            let mut model: BTreeMap<Class, BTreeSet<MachineIx>> = BTreeMap::new();
            for (number, slot) in writes {
                let (class, ix) = (class(number), MachineIx::from_index(slot));
                let before = classes.clone();
                if model.entry(class).or_default().insert(ix) {
                    classes.insert(class, ix);
                } else {
                    model.entry(class).or_default().remove(&ix);
                    classes.remove(class, ix);
                }
                model.retain(|_, members| !members.is_empty());
                let listed = |classes: &Classes| -> BTreeMap<Class, BTreeSet<MachineIx>> {
                    classes.iter().map(|(class, members)| (class, members.iter().copied().collect())).collect()
                };
                prop_assert_eq!(&listed(&classes), &model);
                prop_assert!(listed(&before) != model, "a clone keeps what it saw");
                for state in &State::ALL[..3] {
                    let found: Vec<Class> = classes.in_state(*state).map(|(class, _)| class).collect();
                    let want: Vec<Class> = model.keys().filter(|class| class.state == *state).copied().collect();
                    prop_assert_eq!(found, want);
                }
                for class in (0..6).map(self::class) {
                    prop_assert_eq!(classes.members(class).map(Members::len), model.get(&class).map(BTreeSet::len));
                }
            }
        }
    }
}
