//! Columns: one value for each of many small whole numbers, copy-on-write.
//!
//! A general persistent tree pays some hundred instructions for a look-up; the fold makes a dozen of them for every machine
//! that moves. Slots are dense and given out in order, so here four loads do: root, bough, branch, leaf. A clone copies one
//! pointer; the first write near a slot after that copies the nodes on its way. Absent stretches cost nothing.

use std::sync::Arc;

/// Children of a node, and values of a leaf: few, so that a write to a shared column copies little.
const FAN: usize = 32;

/// Values by index. Clones share structure.
#[derive(Clone, Debug)]
pub struct Column<T> {
    root: Arc<Root<T>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Root<T>(Vec<Option<Arc<Bough<T>>>>);

type Bough<T> = Node<Branch<T>>;
type Branch<T> = Node<Leaf<T>>;

#[derive(Debug)]
struct Node<C> {
    children: [Option<Arc<C>>; FAN],
    taken: usize,
}

#[derive(Clone, Debug)]
struct Leaf<T> {
    values: [Option<T>; FAN],
    taken: usize,
}

impl<C> Clone for Node<C> {
    fn clone(&self) -> Self {
        // A copy counts itself with every child, and the counts lie in the children, far apart. Reading them all first
        // lets the processor fetch them side by side; the counting alone would wait for one after the other.
        let counts: usize = self.children.iter().flatten().map(Arc::strong_count).sum();
        assert!(counts >= self.taken, "a child is counted by its parent");
        Self { children: self.children.clone(), taken: self.taken }
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { root: Arc::new(Root(Vec::new())), len: 0 }
    }
}

impl<T> Column<T> {
    /// The value at an index, if there is one.
    pub fn get(&self, index: usize) -> Option<&T> {
        let [root, bough, branch, leaf] = split(index);
        let branch = self.root.0.get(root)?.as_ref()?.children[bough].as_ref()?.children[branch].as_ref()?;
        branch.values[leaf].as_ref()
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
        let boughs = (0..).zip(&self.root.0).filter_map(|(at, bough)| Some((at, bough.as_ref()?)));
        let branches = boughs.flat_map(|(at, bough)| bough.present(at));
        let leaves = branches.flat_map(|(at, branch)| branch.present(at));
        leaves.flat_map(|(at, leaf)| {
            (at * FAN..).zip(&leaf.values).filter_map(|(index, value)| Some((index, value.as_ref()?)))
        })
    }
}

impl<T: Clone> Column<T> {
    /// Puts a value in, or in the place of the one there, which is returned.
    pub fn put(&mut self, index: usize, value: T) -> Option<T> {
        let [root, bough, branch, leaf] = split(index);
        let boughs = &mut Arc::make_mut(&mut self.root).0;
        if boughs.len() <= root {
            boughs.resize_with(root + 1, || None);
        }
        let place = Arc::make_mut(boughs[root].get_or_insert_default()).child_or_default(bough);
        let place = Arc::make_mut(place).child_or_default(branch);
        let place = Arc::make_mut(place);
        let before = place.values[leaf].replace(value);
        place.taken += usize::from(before.is_none());
        self.len += usize::from(before.is_none());
        before
    }

    /// The value at an index, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // Looked up first: what is not there must not cost a copy.
        self.get(index)?;
        let [root, bough, branch, leaf] = split(index);
        let bough_node = Arc::make_mut(Arc::make_mut(&mut self.root).0[root].as_mut()?);
        let branch_node = Arc::make_mut(bough_node.children[bough].as_mut()?);
        Arc::make_mut(branch_node.children[branch].as_mut()?).values[leaf].as_mut()
    }

    /// Takes a value out.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        self.get(index)?;
        let [root, bough, branch, leaf] = split(index);
        let boughs = &mut Arc::make_mut(&mut self.root).0;
        let bough_node = Arc::make_mut(boughs[root].as_mut()?);
        let branch_node = Arc::make_mut(bough_node.children[bough].as_mut()?);
        let leaf_node = Arc::make_mut(branch_node.children[branch].as_mut()?);
        let value = leaf_node.values[leaf].take();
        leaf_node.taken -= 1;
        self.len -= 1;
        if leaf_node.taken == 0 && branch_node.drop_child(branch) && bough_node.drop_child(bough) {
            boughs[root] = None;
        }
        value
    }
}

impl<C> Node<C> {
    /// The children that are there, each with its index among all nodes of its level; `at` is this node's own.
    fn present(&self, at: usize) -> impl Iterator<Item = (usize, &C)> {
        (at * FAN..).zip(&self.children).filter_map(|(at, child)| Some((at, &**child.as_ref()?)))
    }

    /// Drops a child; whether no other is left.
    fn drop_child(&mut self, at: usize) -> bool {
        self.children[at] = None;
        self.taken -= 1;
        self.taken == 0
    }
}

impl<C: Default> Node<C> {
    fn child_or_default(&mut self, at: usize) -> &mut Arc<C> {
        let child = &mut self.children[at];
        self.taken += usize::from(child.is_none());
        child.get_or_insert_default()
    }
}

impl<C> Default for Node<C> {
    fn default() -> Self {
        Self { children: [const { None }; FAN], taken: 0 }
    }
}

impl<T> Default for Leaf<T> {
    fn default() -> Self {
        Self { values: [const { None }; FAN], taken: 0 }
    }
}

/// Where an index lies: bough of the root, branch of the bough, leaf of the branch, value of the leaf.
fn split(index: usize) -> [usize; 4] {
    [index / (FAN * FAN * FAN), index / (FAN * FAN) % FAN, index / FAN % FAN, index % FAN]
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
        // Near each other and far apart, so that nodes of all levels fill, empty and stay shared.
        let index = prop_oneof![0usize..40, 1_020usize..1_030, 32_760usize..32_770, 100_000usize..100_010];
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
        assert!(column.is_empty() && column.root.0.iter().all(Option::is_none));
    }
}
