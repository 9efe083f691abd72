//! Menus: what the fleet has to offer to needs that ask the same of a machine. Made once per set of
//! conditions, topology key and `min_unit`.
//!
//! A menu groups shapes by topology domain (the value of the profile's `Same` or spread key; one nameless domain without
//! either), and within a domain into lots: shapes that cost the same and hold the same, so that choosing is a matter of a
//! few lots and never of thousands of racks.

use std::collections::BTreeMap;

use argosy_model::{Resources, Shape, ShapeIx, Sym};
use smallvec::smallvec;

use crate::catalogue::{AskIx, Catalogue};
use crate::rows::Row;
use crate::supply::{Free, Supply};
use crate::yardstick::{Amounts, Yardstick};

/// Position of a menu in this cycle's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MenuIx(u32);

impl MenuIx {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Shapes of one domain that cost the same and hold the same.
pub(crate) struct Lot<'a> {
    /// One of them: in price, risk and resources it stands for all.
    pub(crate) like: &'a Shape,
    /// How many of the menu's `min_unit` one machine holds.
    pieces: u64,
    /// Those that fewest other short needs could use come first.
    pub(crate) shapes: Vec<ShapeIx>,
    exhausted: [usize; 2],
}

impl Lot<'_> {
    /// How much one machine counts for. A row that is measured in pieces is measured in its menu's `min_unit`.
    pub(crate) fn measure(&self, yard: &Yardstick) -> Amounts {
        if yard.is_in_pieces() { smallvec![self.pieces] } else { yard.measure(&self.like.resources) }
    }

    /// The first shape with a free machine left.
    pub(crate) fn head(&mut self, kind: Free, supply: &Supply<'_>) -> Option<ShapeIx> {
        let from = &mut self.exhausted[kind as usize];
        while self.shapes.get(*from).is_some_and(|shape| supply.free_left(*shape, kind) == 0) {
            *from += 1;
        }
        self.shapes.get(*from).copied()
    }

    /// Forgets which shapes are exhausted: something was given back.
    pub(crate) fn rewind(&mut self) {
        self.exhausted = [0; 2];
    }
}

/// The part of a menu that lies in one topology domain.
pub(crate) struct Domain<'a> {
    /// The value of the topology key; `None` where the profile has none.
    pub(crate) value: Option<Sym>,
    /// Its place among the menu's domains when they are sorted by name.
    pub(crate) by_name: u32,
    pub(crate) lots: Vec<Lot<'a>>,
}

/// What the fleet has to offer to needs that ask the same of a machine.
pub(crate) struct Menu<'a> {
    /// Every shape that will do, sorted, with the position of its domain.
    shapes: Vec<(ShapeIx, u32)>,
    /// Sorted by value.
    pub(crate) domains: Vec<Domain<'a>>,
}

impl<'a> Menu<'a> {
    fn of(admitted: &[ShapeIx], key: Option<Sym>, min_unit: &Resources, catalogue: &Catalogue<'a>) -> Self {
        let mut placed: Vec<(Option<Sym>, ShapeIx)> = Vec::with_capacity(admitted.len());
        for shape in admitted {
            let value = key.and_then(|key| catalogue.attribute(*shape, key));
            if catalogue.shape(*shape).resources.covers(min_unit) && value.is_some() == key.is_some() {
                placed.push((value, *shape));
            }
        }
        placed.sort_unstable();
        let mut shapes = Vec::with_capacity(placed.len());
        let mut domains = Vec::new();
        for members in placed.chunk_by(|a, b| a.0 == b.0) {
            let at = u32::try_from(domains.len()).expect("fewer domains than shapes");
            shapes.extend(members.iter().map(|(_, shape)| (*shape, at)));
            domains.push(Domain { value: members[0].0, by_name: at, lots: lots(members, min_unit, catalogue) });
        }
        shapes.sort_unstable();
        let mut named: Vec<(Option<&str>, usize)> = domains
            .iter()
            .enumerate()
            .map(|(at, domain)| (domain.value.map(|value| catalogue.text(value)), at))
            .collect();
        named.sort_unstable();
        for (place, (_, at)) in named.into_iter().enumerate() {
            domains[at].by_name = u32::try_from(place).expect("fewer domains than shapes");
        }
        Self { shapes, domains }
    }

    /// Every shape that will do, with the position of its domain.
    pub(crate) fn shapes(&self) -> impl ExactSizeIterator<Item = (ShapeIx, usize)> + '_ {
        self.shapes.iter().map(|(shape, domain)| (*shape, *domain as usize))
    }

    /// The domain that a shape lies in, if it will do at all.
    pub(crate) fn domain_of(&self, shape: ShapeIx) -> Option<usize> {
        let at = self.shapes.binary_search_by_key(&shape, |(shape, _)| *shape).ok()?;
        Some(self.shapes[at].1 as usize)
    }
}

fn lots<'a>(members: &[(Option<Sym>, ShapeIx)], min_unit: &Resources, catalogue: &Catalogue<'a>) -> Vec<Lot<'a>> {
    let mut shapes: Vec<(ShapeIx, &'a Shape)> = members.iter().map(|(_, ix)| (*ix, catalogue.shape(*ix))).collect();
    let terms =
        |shape: &'a Shape| (shape.price, shape.interruption, shape.capacity_type.is_elastic(), &shape.resources);
    shapes.sort_by(|a, b| terms(a.1).cmp(&terms(b.1)).then(a.0.cmp(&b.0)));
    let alike = shapes.chunk_by(|a, b| terms(a.1) == terms(b.1));
    let lot = |alike: &[(ShapeIx, &'a Shape)]| Lot {
        like: alike[0].1,
        pieces: alike[0].1.resources.units_of(min_unit),
        shapes: alike.iter().map(|(ix, _)| *ix).collect(),
        exhausted: [0; 2],
    };
    alike.map(lot).collect()
}

/// Every menu of a cycle.
#[derive(Default)]
pub(crate) struct Menus<'a> {
    menus: Vec<Menu<'a>>,
    known: BTreeMap<(AskIx, Option<Sym>, Resources), MenuIx>,
}

impl<'a> Menus<'a> {
    /// The menu for a row. Rows with the same conditions, topology key and `min_unit` share it, whatever their priorities.
    pub(crate) fn for_row(&mut self, row: &Row<'_>, catalogue: &mut Catalogue<'a>) -> MenuIx {
        let (ask, admitted) = catalogue.admitted(row.key.profile);
        let key = row.profile.same_key().or_else(|| row.profile.spread().map(|spread| spread.key));
        let next = MenuIx(u32::try_from(self.menus.len()).expect("fewer than 2^32 needs"));
        let known = *self.known.entry((ask, key, row.min_unit.clone())).or_insert(next);
        if known == next {
            self.menus.push(Menu::of(&admitted, key, &row.min_unit, catalogue));
        }
        known
    }

    pub(crate) fn get(&self, ix: MenuIx) -> &Menu<'a> {
        &self.menus[ix.at()]
    }

    pub(crate) fn get_mut(&mut self, ix: MenuIx) -> &mut Menu<'a> {
        &mut self.menus[ix.at()]
    }

    /// Every menu.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Menu<'a>> {
        self.menus.iter_mut()
    }

    /// Every menu with its position.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MenuIx, &Menu<'a>)> {
        let numbered = self.menus.iter().enumerate();
        numbered.map(|(at, menu)| (MenuIx(u32::try_from(at).expect("counted when made")), menu))
    }
}
