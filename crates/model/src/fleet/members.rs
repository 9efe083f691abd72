//! The machines of one class, by slot: a sorted run while they are few, a tree once they are many.
//!
//! Most classes are a rack's machines of one holder; a tree for each of them would cost more than the machines' own entries.

use std::sync::Arc;

use imbl::OrdSet;
use smallvec::SmallVec;

use crate::ids::MachineIx;

/// Most members that stand in a run: 256 bytes, which a write may have to copy.
const FEW: usize = 64;

/// Slots, ascending. Clones share structure.
#[derive(Clone, Debug)]
pub struct Members(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Few(Arc<SmallVec<[MachineIx; 4]>>),
    Many(OrdSet<MachineIx>),
}

impl Default for Members {
    fn default() -> Self {
        Self(Kind::Few(Arc::default()))
    }
}

impl Members {
    /// Stands in for members that are looked after elsewhere, and costs nothing.
    pub(super) fn nobody() -> Self {
        Self(Kind::Many(OrdSet::new()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Few(run) => run.len(),
            Kind::Many(tree) => tree.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a machine is among them.
    pub fn contains(&self, ix: &MachineIx) -> bool {
        match &self.0 {
            Kind::Few(run) => run.binary_search(ix).is_ok(),
            Kind::Many(tree) => tree.contains(ix),
        }
    }

    /// All of them, by slot.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &MachineIx> {
        let (run, tree) = match &self.0 {
            Kind::Few(run) => (Some(run.iter()), None),
            Kind::Many(tree) => (None, Some(tree.iter())),
        };
        run.into_iter().flatten().chain(tree.into_iter().flatten())
    }

    /// Adds a machine that is not among them.
    pub(super) fn insert(&mut self, ix: MachineIx) {
        match &mut self.0 {
            Kind::Few(run) if run.len() < FEW => {
                let at = run.binary_search(&ix).expect_err("a machine joins its class once");
                Arc::make_mut(run).insert(at, ix);
            }
            Kind::Few(run) => self.0 = Kind::Many(run.iter().copied().chain([ix]).collect()),
            Kind::Many(tree) => {
                let was_there = tree.insert(ix).is_some();
                assert!(!was_there, "a machine joins its class once");
            }
        }
    }

    /// Takes a machine out; whether it was among them.
    pub(super) fn remove(&mut self, ix: MachineIx) -> bool {
        match &mut self.0 {
            Kind::Few(run) => {
                let found = run.binary_search(&ix);
                found.is_ok_and(|at| Arc::make_mut(run).remove(at) == ix)
            }
            Kind::Many(tree) => {
                let was_there = tree.remove(&ix).is_some();
                // Half a run, so that a class that hovers about the limit does not change its form with every write.
                if tree.len() <= FEW / 2 {
                    self.0 = Kind::Few(Arc::new(tree.iter().copied().collect()));
                }
                was_there
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_or_many_they_are_a_set_in_order(writes in proptest::collection::vec((any::<bool>(), 0usize..150), 0..600)) {
            let (mut members, mut model) = (Members::default(), BTreeSet::new());
            for (adds, slot) in writes {
                let ix = MachineIx::from_index(slot);
                if adds && model.insert(ix) {
                    members.insert(ix);
                } else if !adds {
                    prop_assert_eq!(members.remove(ix), model.remove(&ix));
                }
                prop_assert_eq!(members.len(), model.len());
            }
            prop_assert!(members.iter().eq(model.iter()) && members.iter().rev().eq(model.iter().rev()));
            prop_assert!((0..150).map(MachineIx::from_index).all(|ix| members.contains(&ix) == model.contains(&ix)));
        }
    }
}
