//! Caps: how many machines more may be bought of some shapes together, and how many of them the picks of one gang have used up.
//!
//! A cap comes from a quota or from a breaker that is half open. Of each shape alone no more slots are on offer than it leaves, so
//! only a unit that buys several machines can go past it, and that is a gang's. Across units nothing is counted: whoever folds the
//! plan in keeps the sum, and drops the unit that goes past it.

use std::sync::Arc;

use argosy_model::ShapeIx;

use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::Free;
use crate::yardstick::useful;

/// How many machines more may be bought of some shapes together.
#[derive(Clone, Debug, Eq)]
pub struct Cap {
    /// Sorted.
    shapes: Arc<[ShapeIx]>,
    left: u32,
}

impl Cap {
    /// A cap over these shapes.
    #[must_use]
    pub fn new(mut shapes: Vec<ShapeIx>, left: u32) -> Self {
        shapes.sort_unstable();
        shapes.dedup();
        Self { shapes: shapes.into(), left }
    }

    /// The shapes that it is over, sorted.
    #[must_use]
    pub fn shapes(&self) -> &[ShapeIx] {
        &self.shapes
    }

    /// How many machines more may be bought of them.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Whether it is over a shape.
    #[must_use]
    pub fn is_over(&self, shape: ShapeIx) -> bool {
        self.shapes.binary_search(&shape).is_ok()
    }

    /// The same, with less or more left.
    #[must_use]
    pub fn with_left(&self, left: u32) -> Self {
        Self { shapes: Arc::clone(&self.shapes), left }
    }
}

impl PartialEq for Cap {
    /// Caps are compared in every cycle, and mostly share the list that they are over.
    fn eq(&self, other: &Self) -> bool {
        self.left == other.left && (Arc::ptr_eq(&self.shapes, &other.shapes) || self.shapes == other.shapes)
    }
}

/// What each cap leaves beside the picks of one gang so far.
#[derive(Debug)]
pub(crate) struct Leeway(Vec<u32>);

impl Leeway {
    fn of(caps: &[Cap]) -> Self {
        Self(caps.iter().map(Cap::left).collect())
    }

    /// How many more machines of a shape may be picked.
    pub(crate) fn left(&self, caps: &[Cap], shape: ShapeIx) -> u32 {
        let over = caps.iter().zip(&self.0).filter(|(cap, _)| cap.is_over(shape));
        over.map(|(_, left)| *left).min().unwrap_or(u32::MAX)
    }

    /// Counts picks.
    pub(crate) fn spend(&mut self, caps: &[Cap], shape: ShapeIx, count: u32) {
        for (_, left) in caps.iter().zip(&mut self.0).filter(|(cap, _)| cap.is_over(shape)) {
            *left -= count;
        }
    }
}

impl Cycle {
    /// What caps leave a row that is about to pick; `None` where there are none, or each of its picks is a unit of its own.
    pub(crate) fn leeway(&self, row: RowIx) -> Option<Leeway> {
        let caps = &self.view.caps;
        let is_one_unit = !caps.is_empty() && self.standing(row).kind == Kind::Gang;
        is_one_unit.then(|| Leeway::of(caps))
    }

    /// Whether a slot that helps a row is left in its domain. To be asked when it has picked all that caps let it.
    pub(crate) fn is_slot_left(&self, row: RowIx) -> bool {
        let standing = self.standing(row);
        let Some(domain) = standing.domain else { return false };
        let lots = self.menus.get(standing.menu).domains[domain].lots.iter();
        let mut with_slots = lots.filter(|lot| lot.free[Free::Speculative as usize] > 0);
        with_slots.any(|lot| useful(&standing.short, &lot.measure(&standing.yard)) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_may_be_picked_as_often_as_the_least_of_its_caps_leaves() {
        let [a, b, c] = [0, 1, 2].map(ShapeIx::from_index);
        let caps = [Cap::new(vec![b, a], 5), Cap::new(vec![b], 2)];
        let mut leeway = Leeway::of(&caps);
        assert_eq!([a, b, c].map(|shape| leeway.left(&caps, shape)), [5, 2, u32::MAX]);
        leeway.spend(&caps, a, 4);
        assert_eq!([a, b, c].map(|shape| leeway.left(&caps, shape)), [1, 1, u32::MAX]);
        leeway.spend(&caps, b, 1);
        assert_eq!([a, b, c].map(|shape| leeway.left(&caps, shape)), [0, 0, u32::MAX]);
    }
}
