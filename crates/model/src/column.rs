//! Columns: one value for each of many small whole numbers, copy-on-write.
//!
//! A general persistent tree pays some hundred instructions for a look-up; the fold makes a dozen of them for every machine
//! that moves. Slots are dense and given out in order, so here four loads do: root, bough, branch, leaf. A clone copies one
//! pointer; the first write near a slot after that copies the nodes on its way. Absent stretches cost nothing.
//!
//! Whoever may have to take back what it writes need not hold a clone for it, and so have those nodes copied: between
//! [`Column::mark`] and [`Column::settle`] a column keeps the values that are written over, and nothing else.

mod undo;

use std::sync::Arc;

use self::undo::Undo;

/// Children of a node, and values of a leaf: few, so that a write to a shared column copies little.
const FAN: usize = 32;

/// Values by index. Clones share structure.
#[derive(Clone, Debug)]
pub struct Column<T> {
    root: Arc<Root<T>>,
    len: usize,
    undo: Undo<T>,
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
        Self { root: Arc::new(Root(Vec::new())), len: 0, undo: Undo::default() }
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
        self.undo.note(index, before.as_ref());
        before
    }

    /// The value at an index, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // Looked up first: what is not there must not cost a copy.
        self.get(index)?;
        let [root, bough, branch, leaf] = split(index);
        let bough_node = Arc::make_mut(Arc::make_mut(&mut self.root).0[root].as_mut()?);
        let branch_node = Arc::make_mut(bough_node.children[bough].as_mut()?);
        let value = Arc::make_mut(branch_node.children[branch].as_mut()?).values[leaf].as_mut();
        self.undo.note(index, value.as_deref());
        value
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
        self.undo.note(index, value.as_ref());
        if leaf_node.taken == 0 && branch_node.drop_child(branch) && bough_node.drop_child(bough) {
            boughs[root] = None;
        }
        value
    }

    /// From now on keeps what is written over; a clone keeps nothing. Gives an empty column, which stands for this one in the mark of
    /// what it is a part of.
    pub fn mark(&mut self) -> Self {
        self.undo.begin();
        Self::default()
    }

    /// Lets go of what was kept: what is written stands.
    pub fn settle(&mut self) {
        self.undo.end();
    }

    /// Gives the column without all that was written since [`Self::mark`], and leaves an empty one.
    #[must_use]
    pub fn take_back(&mut self) -> Self {
        for (index, before) in self.undo.take() {
            match before {
                Some(value) => drop(self.put(index, value)),
                None => drop(self.remove(index)),
            }
        }
        std::mem::take(self)
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

    #[derive(Clone, Copy, Debug)]
    enum Write {
        Put(usize, u32),
        Change(usize, u32),
        Remove(usize),
    }

    /// Writes to both, and sees that they say the same.
    fn do_both(column: &mut Column<u32>, model: &mut BTreeMap<usize, u32>, write: Write) {
        match write {
            Write::Put(at, value) => assert_eq!(column.put(at, value), model.insert(at, value)),
            Write::Change(at, value) => {
                assert_eq!(column.get_mut(at).map(|v| *v = value), model.get_mut(&at).map(|v| *v = value));
            }
            Write::Remove(at) => assert_eq!(column.remove(at), model.remove(&at)),
        }
    }

    fn assert_same(column: &Column<u32>, model: &BTreeMap<usize, u32>) {
        assert_eq!(column.len(), model.len());
        assert!(column.iter().map(|(at, value)| (at, *value)).eq(model.iter().map(|(at, value)| (*at, *value))));
        assert!((0..50).all(|at| column.get(at) == model.get(&at)));
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
                do_both(&mut column, &mut model, write);
            }
            assert_same(&column, &model);
            assert_same(&kept.0, &kept.1);
        }

        #[test]
        fn what_is_put_back_is_as_it_was_and_what_settles_stands(
            batches in proptest::collection::vec((proptest::collection::vec(write(), 0..40), any::<bool>()), 0..6),
        ) {
            let (mut column, mut model) = (Column::default(), BTreeMap::new());
            for (writes, stands) in batches {
                let before = model.clone();
                assert!(column.mark().is_empty());
                writes.iter().for_each(|write| do_both(&mut column, &mut model, *write));
                let copy = (column.clone(), model.clone());
                if stands {
                    column.settle();
                } else {
                    column = column.take_back();
                    model = before;
                }
                assert_same(&column, &model);
                assert_same(&copy.0, &copy.1);
            }
        }
    }

    #[test]
    fn what_is_kept_to_be_taken_back_copies_no_page() {
        let mut column = Column::default();
        column.put(7, 1);
        let at = std::ptr::from_ref(column.get(7).expect("put"));
        column.mark();
        column.put(7, 2);
        column.settle();
        assert!(std::ptr::eq(at, column.get(7).expect("put")), "it was written in place");
    }

    #[test]
    fn what_is_emptied_is_given_back() {
        let mut column = Column::default();
        column.put(5_000, 1);
        column.remove(5_000);
        assert!(column.is_empty() && column.root.0.iter().all(Option::is_none));
    }
}
