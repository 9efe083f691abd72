//! Contention: how many needs that are short after the credit could use a shape. A tie in cost goes to the machine that
//! fewest others want.

use argosy_model::ShapeIx;

use crate::cycle::Cycle;
use crate::menus::{MenuIx, Menus};
use crate::rows::RowIx;
use crate::standing::Part;

/// How many needs that are short could use what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contention {
    by_shape: Vec<u32>,
    /// By menu: how many needs are short, and for how many of those `by_shape` accounts.
    by_menu: Vec<(u32, u32)>,
    /// Rises when `by_shape` changes.
    changes: u64,
}

impl Contention {
    pub(crate) fn of(shapes: usize) -> Self {
        Self { by_shape: vec![0; shapes], ..Self::default() }
    }

    pub(crate) fn of_shape(&self, shape: ShapeIx) -> u32 {
        self.by_shape[shape.index()]
    }

    fn count(&mut self, menu: MenuIx, is_short: bool) {
        if menu.at() >= self.by_menu.len() {
            self.by_menu.resize(menu.at() + 1, (0, 0));
        }
        let count = &mut self.by_menu[menu.at()].0;
        *count = if is_short { *count + 1 } else { *count - 1 };
    }

    fn settle(&mut self, menus: &Menus) {
        for (at, (short, counted)) in
            self.by_menu.iter_mut().enumerate().filter(|(_, (short, counted))| short != counted)
        {
            for shape in menus.at(at).listed().iter() {
                let of_shape = &mut self.by_shape[shape.index()];
                *of_shape = *of_shape + *short - *counted;
            }
            *counted = *short;
            self.changes += 1;
        }
    }
}

impl Cycle {
    /// Notes whether the credit left a row short.
    pub(crate) fn count_short(&mut self, row: RowIx, is_short: bool) {
        let was_short = self.pulses.is_short(row);
        self.pulses.set_short(row, is_short, self.standing(row).part == Part::Seeking);
        if was_short != is_short {
            self.contention.count(self.standings[row.at()].menu, is_short);
        }
    }

    /// Counts, by shape, the needs that are short after the credit and could use it.
    pub(crate) fn count_contention(&mut self) {
        self.contention.settle(&self.menus);
    }

    /// Puts a row's menu in order of contention.
    pub(crate) fn sort_menu(&mut self, row: RowIx) {
        let menu = self.menus.get_mut(self.standings[row.at()].menu);
        menu.sort(&self.contention.by_shape, self.contention.changes);
    }
}
