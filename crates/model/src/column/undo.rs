//! What writes to a column took away, in their order.

/// So many writes are made room for at once; what a larger batch took is given back after it.
const ROOM: usize = 16 * 1024;

/// Kept only between [`Undo::begin`] and [`Undo::end`].
#[derive(Debug)]
pub(super) struct Undo<T> {
    is_kept: bool,
    /// Where was written, and whether there was a value.
    writes: Vec<(usize, bool)>,
    /// The values that were there.
    values: Vec<T>,
}

impl<T> Default for Undo<T> {
    fn default() -> Self {
        Self { is_kept: false, writes: Vec::new(), values: Vec::new() }
    }
}

impl<T> Clone for Undo<T> {
    /// Whoever has a copy has another course: nothing is taken back there that was written here.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: Clone> Undo<T> {
    pub(super) fn begin(&mut self) {
        assert!(!self.is_kept && self.writes.is_empty(), "one batch of writes at a time can be taken back");
        self.is_kept = true;
    }

    pub(super) fn note(&mut self, index: usize, before: Option<&T>) {
        if self.is_kept {
            self.writes.push((index, before.is_some()));
            self.values.extend(before.cloned());
        }
    }

    /// Lets go of everything.
    pub(super) fn end(&mut self) {
        self.is_kept = false;
        self.writes.clear();
        self.writes.shrink_to(ROOM);
        self.values.clear();
        self.values.shrink_to(ROOM);
    }

    /// What was there before each write, the last one first; nothing is kept any longer.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (usize, Option<T>)> + use<T> {
        let Self { writes, mut values, .. } = std::mem::take(self);
        writes.into_iter().rev().map(move |(index, was_there)| (index, was_there.then(|| values.pop()).flatten()))
    }
}
