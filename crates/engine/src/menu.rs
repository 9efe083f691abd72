//! Menus: what the fleet has to offer to needs that ask the same of a machine. Made once per profile and `min_unit`.
//!
//! A menu groups shapes by topology domain (the value of the profile's `Same` or spread key; one nameless domain without
//! either), and within a domain into lots: shapes that cost the same and hold the same, so that choosing is a matter of a
//! few lots and never of thousands of racks.

use std::collections::BTreeMap;
use std::rc::Rc;

use argosy_model::{MicroUsd, Ppb, ProfileIx, Resources, ShapeIx, Sym};

use crate::catalogue::Catalogue;
use crate::rows::Row;
use crate::supply::{Free, Supply};

/// Position of a menu in this cycle's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MenuIx(u32);

impl MenuIx {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Shapes of one domain that cost the same and hold the same.
pub(crate) struct Lot {
    pub(crate) price: MicroUsd,
    pub(crate) interruption: Ppb,
    pub(crate) is_elastic: bool,
    pub(crate) resources: Rc<Resources>,
    /// Those that fewest other short needs could use come first.
    pub(crate) shapes: Vec<ShapeIx>,
    exhausted: [usize; 2],
}

impl Lot {
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
pub(crate) struct Domain {
    /// The value of the topology key; `None` where the profile has none.
    pub(crate) value: Option<Sym>,
    pub(crate) lots: Vec<Lot>,
}

/// What the fleet has to offer to needs that ask the same of a machine.
pub(crate) struct Menu {
    /// Every shape that will do, sorted, with the position of its domain.
    shapes: Vec<(ShapeIx, u32)>,
    /// Sorted by value.
    pub(crate) domains: Vec<Domain>,
}

impl Menu {
    fn of(row: &Row<'_>, catalogue: &mut Catalogue<'_>) -> Self {
        let key = row.profile.same_key().or_else(|| row.profile.spread().map(|spread| spread.key));
        let mut by_domain: BTreeMap<Option<Sym>, Vec<ShapeIx>> = BTreeMap::new();
        for shape in catalogue.admitted(row.key.profile).iter() {
            let holds = &catalogue.shape(*shape).resources;
            let value = key.and_then(|key| catalogue.attribute(*shape, key));
            if holds.covers(&row.min_unit) && value.is_some() == key.is_some() {
                by_domain.entry(value).or_default().push(*shape);
            }
        }
        let mut shapes = Vec::new();
        let mut domains = Vec::with_capacity(by_domain.len());
        for (value, members) in by_domain {
            let at = u32::try_from(domains.len()).expect("fewer domains than shapes");
            shapes.extend(members.iter().map(|shape| (*shape, at)));
            domains.push(Domain { value, lots: lots(&members, catalogue) });
        }
        shapes.sort_unstable();
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

fn lots(shapes: &[ShapeIx], catalogue: &Catalogue<'_>) -> Vec<Lot> {
    let mut lots: BTreeMap<(MicroUsd, Ppb, bool, &Resources), Vec<ShapeIx>> = BTreeMap::new();
    for ix in shapes {
        let shape = catalogue.shape(*ix);
        let alike = (shape.price, shape.interruption, shape.capacity_type.is_elastic(), &shape.resources);
        lots.entry(alike).or_default().push(*ix);
    }
    let lot = |((price, interruption, is_elastic, resources), shapes): ((_, _, _, &Resources), _)| Lot {
        price,
        interruption,
        is_elastic,
        resources: Rc::new(resources.clone()),
        shapes,
        exhausted: [0; 2],
    };
    lots.into_iter().map(lot).collect()
}

/// Every menu of a cycle.
#[derive(Default)]
pub(crate) struct Menus {
    menus: Vec<Menu>,
    known: BTreeMap<(ProfileIx, Resources), MenuIx>,
}

impl Menus {
    /// The menu for a row. Rows with one profile and `min_unit` share it.
    pub(crate) fn for_row(&mut self, row: &Row<'_>, catalogue: &mut Catalogue<'_>) -> MenuIx {
        let next = MenuIx(u32::try_from(self.menus.len()).expect("fewer than 2^32 needs"));
        let known = *self.known.entry((row.key.profile, row.min_unit.clone())).or_insert(next);
        if known == next {
            self.menus.push(Menu::of(row, catalogue));
        }
        known
    }

    pub(crate) fn get(&self, ix: MenuIx) -> &Menu {
        &self.menus[ix.at()]
    }

    pub(crate) fn get_mut(&mut self, ix: MenuIx) -> &mut Menu {
        &mut self.menus[ix.at()]
    }

    /// Every menu.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Menu> {
        self.menus.iter_mut()
    }

    /// Every menu with its position.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MenuIx, &Menu)> {
        let numbered = self.menus.iter().enumerate();
        numbered.map(|(at, menu)| (MenuIx(u32::try_from(at).expect("counted when made")), menu))
    }
}
