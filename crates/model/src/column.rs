//! Columns: one value for each of many small whole numbers, copy-on-write.
//!
//! A general persistent tree pays some hundred instructions for a look-up; the fold makes a dozen of them for every machine
//! that moves. Slots are dense and given out in order, so here three loads do: a root, a branch of [`BRANCH`] leaves, a
//! leaf of [`LEAF`] values. A clone copies one pointer; the first write near a slot after that copies one leaf and one
//! branch. Absent stretches cost nothing.

use std::sync::Arc;

/// Values of one leaf: few, so that a write to a shared column copies little.
const LEAF: usize = 32;
/// Leaves of one branch.
const BRANCH: usize = 128;

/// Values by index. Clones share structure.
#[derive(Clone, Debug)]
pub struct Column<T> {
    root: Arc<Vec<Option<Arc<Branch<T>>>>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Branch<T> {
    leaves: [Option<Arc<Leaf<T>>>; BRANCH],
    taken: usize,
}

#[derive(Clone, Debug)]
struct Leaf<T> {
    values: [Option<T>; LEAF],
    taken: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { root: Arc::new(Vec::new()), len: 0 }
    }
}

impl<T> Column<T> {
    /// The value at an index, if there is one.
    pub fn get(&self, index: usize) -> Option<&T> {
        let (branch, leaf, value) = split(index);
        self.root.get(branch)?.as_ref()?.leaves[leaf].as_ref()?.values[value].as_ref()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values, by index ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let branches = (0..).zip(self.root.iter()).filter_map(|(at, branch)| Some((at, branch.as_ref()?)));
        let leaves = branches.flat_map(|(branch, node)| {
            let leaves = (branch * BRANCH..).zip(&node.leaves);
            leaves.filter_map(|(at, leaf)| Some((at, leaf.as_ref()?)))
        });
        leaves.flat_map(|(leaf, node)| {
            let values = (leaf * LEAF..).zip(&node.values);
            values.filter_map(|(at, value)| Some((at, value.as_ref()?)))
        })
    }
}

impl<T: Clone> Column<T> {
    /// Puts a value in, or in the place of the one there, which is returned.
    pub fn put(&mut self, index: usize, value: T) -> Option<T> {
        let (branch, leaf, at) = split(index);
        let root = Arc::make_mut(&mut self.root);
        if root.len() <= branch {
            root.resize_with(branch + 1, || None);
        }
        let branch = Arc::make_mut(root[branch].get_or_insert_with(|| Arc::new(Branch::empty())));
        let place = &mut branch.leaves[leaf];
        branch.taken += usize::from(place.is_none());
        let leaf = Arc::make_mut(place.get_or_insert_with(|| Arc::new(Leaf::empty())));
        let before = leaf.values[at].replace(value);
        leaf.taken += usize::from(before.is_none());
        self.len += usize::from(before.is_none());
        before
    }

    /// The value at an index, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // Looked up first: what is not there must not cost a copy.
        self.get(index)?;
        let (branch, leaf, at) = split(index);
        let branch = Arc::make_mut(Arc::make_mut(&mut self.root)[branch].as_mut()?);
        Arc::make_mut(branch.leaves[leaf].as_mut()?).values[at].as_mut()
    }

    /// Takes a value out.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        self.get(index)?;
        let (at_branch, at_leaf, at) = split(index);
        let root = Arc::make_mut(&mut self.root);
        let branch = Arc::make_mut(root[at_branch].as_mut()?);
        let leaf = Arc::make_mut(branch.leaves[at_leaf].as_mut()?);
        let value = leaf.values[at].take();
        leaf.taken -= 1;
        self.len -= 1;
        if leaf.taken == 0 {
            branch.leaves[at_leaf] = None;
            branch.taken -= 1;
            if branch.taken == 0 {
                root[at_branch] = None;
            }
        }
        value
    }
}

impl<T> Branch<T> {
    fn empty() -> Self {
        Self { leaves: [const { None }; BRANCH], taken: 0 }
    }
}

impl<T> Leaf<T> {
    fn empty() -> Self {
        Self { values: [const { None }; LEAF], taken: 0 }
    }
}

/// Where an index lies: branch of the root, leaf of the branch, value of the leaf.
fn split(index: usize) -> (usize, usize, usize) {
    (index / (LEAF * BRANCH), index / LEAF % BRANCH, index % LEAF)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Write {
        Put(usize, u32),
        Change(usize, u32),
        Remove(usize),
    }

    fn write() -> impl Strategy<Value = Write> {
        // Near each other and far apart, so that leaves and branches fill, empty and stay shared.
        let index = prop_oneof![0usize..40, 4_090usize..4_100, 100_000usize..100_010];
        prop_oneof![
            (index.clone(), any::<u32>()).prop_map(|(at, value)| Write::Put(at, value)),
            (index.clone(), any::<u32>()).prop_map(|(at, value)| Write::Change(at, value)),
            index.prop_map(Write::Remove),
        ]
    }

    proptest! {
        #[test]
        fn a_column_is_a_map_by_index_and_its_clones_keep_what_they_saw(
            writes in proptest::collection::vec(write(), 0..200),
            cloned_at in 0usize..200,
        ) {
            let (mut column, mut model) = (Column::default(), BTreeMap::new());
            let mut kept = (column.clone(), model.clone());
            for (n, write) in writes.into_iter().enumerate() {
                if n == cloned_at {
                    kept = (column.clone(), model.clone());
                }
                match write {
                    Write::Put(at, value) => prop_assert_eq!(column.put(at, value), model.insert(at, value)),
                    Write::Change(at, value) => {
                        prop_assert_eq!(column.get_mut(at).map(|v| *v = value), model.get_mut(&at).map(|v| *v = value));
                    }
                    Write::Remove(at) => prop_assert_eq!(column.remove(at), model.remove(&at)),
                }
            }
            for (column, model) in [(column, model), kept] {
                prop_assert_eq!(column.len(), model.len());
                prop_assert!(column.iter().map(|(at, value)| (at, *value)).eq(model.iter().map(|(at, value)| (*at, *value))));
                prop_assert!((0..50).all(|at| column.get(at) == model.get(&at)));
            }
        }
    }

    #[test]
    fn what_is_emptied_is_given_back() {
        let mut column = Column::default();
        column.put(5_000, 1);
        column.remove(5_000);
        assert!(column.is_empty() && column.root.iter().all(Option::is_none));
    }
}
