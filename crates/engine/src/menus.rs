//! Every menu, and which menus list a shape: what keeps their counts up to date.

use argosy_model::{Resources, ShapeIx, Sym, Vocabulary};

use crate::ahead::read;
use crate::catalogue::{AskIx, Catalogue};
use crate::hash::Lookup;
use crate::menu::{COUNTED, Menu, Place, shifted};
use crate::rows::Row;
use crate::supply::{Free, Supply};

/// Position of a menu in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MenuIx(u32);

impl MenuIx {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Every menu that some row has asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Menus {
    menus: Vec<Menu>,
    known: Lookup<(AskIx, Option<Sym>, Resources), MenuIx>,
    /// By shape.
    listing: Vec<Vec<(MenuIx, Place)>>,
}

impl Menus {
    /// The menu for a row. Rows with the same conditions, topology key and `min_unit` share it, whatever their priorities.
    pub(crate) fn for_row(
        &mut self,
        row: &Row,
        catalogue: &mut Catalogue,
        supply: &Supply,
        words: &Vocabulary,
    ) -> MenuIx {
        let (ask, admitted) = catalogue.admitted(row.key.profile, words);
        let key = row.profile.same_key().or_else(|| row.profile.spread().map(|spread| spread.key));
        let next = MenuIx(u32::try_from(self.menus.len()).expect("fewer than 2^32 needs"));
        let known = *self.known.entry((ask, key, row.min_unit.clone())).or_insert(next);
        if known == next {
            let menu = Menu::of(&admitted, key, &row.min_unit, catalogue, words);
            self.list(next, menu, catalogue.len(), supply);
        }
        known
    }

    fn list(&mut self, ix: MenuIx, mut menu: Menu, shapes: usize, supply: &Supply) {
        self.listing.resize(self.listing.len().max(shapes), Vec::new());
        let places: Vec<(ShapeIx, Place)> = menu.places().collect();
        for (shape, place) in places {
            self.listing[shape.index()].push((ix, place));
            let tally = supply.tally(shape);
            for kind in [Free::Idle, Free::Speculative] {
                menu.count_free((shape, place), kind, i64::from(supply.free_left(shape, kind)));
            }
            menu.offered += tally.free.iter().copied().map(u64::from).sum::<u64>();
            menu.held += tally.held;
        }
        self.menus.push(menu);
    }

    /// Reads what is counted of shapes, side by side (`ahead.rs`).
    pub(crate) fn look_ahead(&self, shapes: &[ShapeIx]) {
        shapes.iter().for_each(|shape| read(self.listing(*shape).len()));
        let places = || shapes.iter().flat_map(|shape| self.listing(*shape));
        places().for_each(|(menu, place)| read(self.get(*menu).domains[place.domain as usize].free));
        places().for_each(|(menu, place)| read(self.get(*menu).lot(*place).free));
    }

    pub(crate) fn get(&self, ix: MenuIx) -> &Menu {
        &self.menus[ix.at()]
    }

    pub(crate) fn get_mut(&mut self, ix: MenuIx) -> &mut Menu {
        &mut self.menus[ix.at()]
    }

    pub(crate) fn at(&self, at: usize) -> &Menu {
        &self.menus[at]
    }

    /// The menus that list a shape.
    pub(crate) fn listing(&self, shape: ShapeIx) -> &[(MenuIx, Place)] {
        self.listing.get(shape.index()).map_or(&[], Vec::as_slice)
    }

    /// Free machines of a shape were taken or put back.
    pub(crate) fn count_left(&mut self, shape: ShapeIx, kind: Free, change: i64) {
        for (menu, place) in self.listing.get(shape.index()).into_iter().flatten() {
            self.menus[menu.at()].count_free((shape, *place), kind, change);
        }
    }

    /// Machines that would be free if nobody took any came or went.
    pub(crate) fn count_free(&mut self, shape: ShapeIx, kind: Free, change: i64) {
        for (menu, place) in self.listing.get(shape.index()).into_iter().flatten() {
            let menu = &mut self.menus[menu.at()];
            menu.count_free((shape, *place), kind, change);
            menu.offered = menu.offered.checked_add_signed(change).expect(COUNTED);
        }
    }

    /// Machines that serve somebody, or are on their way in or out, came or went.
    pub(crate) fn count_held(&mut self, shape: ShapeIx, change: i64) {
        for (menu, _) in self.listing.get(shape.index()).into_iter().flatten() {
            let menu = &mut self.menus[menu.at()];
            menu.held = shifted(menu.held, change);
        }
    }
}
