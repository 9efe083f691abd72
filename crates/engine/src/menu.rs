//! Menus: what the fleet has to offer to needs that ask the same of a machine. Made once per set of
//! conditions, topology key and `min_unit`.
//!
//! A menu groups shapes by topology domain (the value of the profile's `Same` or spread key; one nameless domain without
//! either), and within a domain into lots: shapes that cost the same and hold the same, so that choosing is a matter of a
//! few lots and never of thousands of racks. It knows how many machines of each lot are free, and keeps that up to date.

use std::cmp::Reverse;
use std::sync::Arc;

use argosy_model::{Resources, Shape, ShapeIx, Sym, Vocabulary};
use smallvec::{SmallVec, smallvec};

use crate::catalogue::Catalogue;
use crate::hosts::Hosts;
use crate::supply::{Free, Supply};
use crate::yardstick::{Amounts, Yardstick};

pub(super) const COUNTED: &str = "machines are counted out that were counted in";

/// Shapes of one domain that cost the same and hold the same.
#[derive(Clone, Debug)]
pub(crate) struct Lot {
    /// One of them: in price, risk and resources it stands for all.
    pub(crate) like: Arc<Shape>,
    /// How many of the menu's `min_unit` one machine holds.
    pieces: u64,
    /// Sorted.
    pub(crate) shapes: Vec<ShapeIx>,
    /// How many machines are free and left, idle and speculative.
    pub(crate) free: [u32; 2],
    /// Those of several shapes that have some, idle and speculative.
    open: [Open; 2],
}

/// Shapes with a free machine left; some may have none left by now, and some stand here twice until they are put in order. In order, those
/// that fewest other short needs could use come last.
#[derive(Clone, Debug, Default)]
struct Open {
    shapes: Vec<ShapeIx>,
    is_out_of_order: bool,
}

impl Open {
    /// More machines of a shape are free, of so many shapes in all.
    fn note(&mut self, shape: ShapeIx, shapes: usize) {
        if self.shapes.len() > 2 * shapes {
            self.shapes.sort_unstable();
            self.shapes.dedup();
        }
        self.shapes.push(shape);
        self.is_out_of_order = true;
    }

    /// Those that fewest want come last, of these the first.
    fn sort(&mut self, contention: &[u32], is_otherwise: bool) {
        let key = |shape: &ShapeIx| Reverse((contention[shape.index()], *shape));
        let may_differ = is_otherwise && !self.shapes.is_sorted_by_key(key);
        if std::mem::take(&mut self.is_out_of_order) || may_differ {
            // It is in order but for its end.
            self.shapes.sort_by_key(key);
            self.shapes.dedup();
        }
    }
}

impl Lot {
    /// How much one machine counts for. A row that is measured in pieces is measured in its menu's `min_unit`.
    pub(crate) fn measure(&self, yard: &Yardstick) -> Amounts {
        if yard.is_in_pieces() { smallvec![self.pieces] } else { yard.measure(&self.like.resources) }
    }

    /// The first shape with a free machine left.
    pub(crate) fn head(&mut self, kind: Free, supply: &Supply) -> Option<ShapeIx> {
        if self.free[kind as usize] == 0 {
            return None;
        }
        if let [only] = self.shapes[..] {
            return Some(only);
        }
        let open = &mut self.open[kind as usize].shapes;
        while open.last().is_some_and(|shape| supply.free_left(*shape, kind) == 0) {
            open.pop();
        }
        open.last().copied()
    }

    /// The first shape with a slot left that may be bought.
    pub(crate) fn first_slot(&mut self, supply: &Supply, may_be_bought: impl Fn(ShapeIx) -> bool) -> Option<ShapeIx> {
        let head = self.head(Free::Speculative, supply)?;
        if self.shapes.len() == 1 {
            return Some(head).filter(|shape| may_be_bought(*shape));
        }
        let listed = self.open[Free::Speculative as usize].shapes.iter().rev().copied();
        let mut left = listed.filter(|shape| supply.free_left(*shape, Free::Speculative) > 0);
        left.find(|shape| may_be_bought(*shape))
    }

    fn sort(&mut self, contention: &[u32], is_otherwise: bool) {
        self.open.iter_mut().for_each(|open| open.sort(contention, is_otherwise));
    }
}

/// The part of a menu that lies in one topology domain.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    /// The value of the topology key; `None` where the profile has none.
    pub(crate) value: Option<Sym>,
    /// Its place among the menu's domains when they are sorted by name.
    pub(crate) by_name: u32,
    pub(crate) lots: Vec<Lot>,
    /// How many machines are free and left.
    pub(crate) free: u64,
    /// How many of the menu's `min_unit` those hold. Wide enough never to overflow, so that it can be counted down again.
    pub(crate) pieces: u128,
}

/// Where a shape stands in a menu.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) domain: u32,
    pub(crate) lot: u32,
}

/// What the fleet has to offer to needs that ask the same of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Menu {
    /// Every shape that will do, sorted, with its place.
    shapes: Vec<(ShapeIx, Place)>,
    listed: Arc<[ShapeIx]>,
    /// By shape; empty where looking up beats spending the memory.
    dense: Vec<Option<Place>>,
    /// Sorted by value.
    pub(crate) domains: Vec<Domain>,
    /// How many machines would be free and left if nobody took any.
    pub(crate) offered: u64,
    /// How many machines that would do serve somebody, or are on their way in or out.
    pub(crate) held: u32,
    /// How many machines are free and left.
    pub(crate) free: u64,
    /// The domains by what is free in them; made when a gang first asks.
    hosts: Option<Hosts>,
    /// Up to which change of contention its lots are in order.
    sorted: u64,
    /// Whether more of something is free since they were put in order.
    is_out_of_order: bool,
    /// How often what is free was counted.
    changes: u64,
}

impl Menu {
    pub(super) fn of(
        admitted: &[ShapeIx],
        key: Option<Sym>,
        min_unit: &Resources,
        catalogue: &Catalogue,
        words: &Vocabulary,
    ) -> Self {
        let mut placed: Vec<(Option<Sym>, ShapeIx)> = Vec::with_capacity(admitted.len());
        for shape in admitted {
            let value = key.and_then(|key| words.attribute(catalogue.shape(*shape), key));
            if catalogue.shape(*shape).resources.covers(min_unit) && value.is_some() == key.is_some() {
                placed.push((value, *shape));
            }
        }
        placed.sort_unstable();
        let (mut shapes, mut domains) = (Vec::with_capacity(placed.len()), Vec::new());
        for members in placed.chunk_by(|a, b| a.0 == b.0) {
            let at = index(domains.len());
            let lots = lots(members, min_unit, catalogue);
            for (lot, listed) in lots.iter().enumerate() {
                let place = Place { domain: at, lot: index(lot) };
                shapes.extend(listed.shapes.iter().map(|shape| (*shape, place)));
            }
            domains.push(Domain { value: members[0].0, by_name: at, lots, free: 0, pieces: 0 });
        }
        shapes.sort_unstable_by_key(|(shape, _)| *shape);
        name(&mut domains, words);
        let dense = dense(&shapes);
        let listed = shapes.iter().map(|(shape, _)| *shape).collect();
        Self {
            shapes,
            listed,
            dense,
            domains,
            offered: 0,
            held: 0,
            free: 0,
            hosts: None,
            sorted: u64::MAX,
            is_out_of_order: false,
            changes: 0,
        }
    }

    /// While this stays the same, so does what is free.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Every shape that will do, sorted.
    pub(crate) fn listed(&self) -> Arc<[ShapeIx]> {
        Arc::clone(&self.listed)
    }

    /// Every shape that will do, with its place.
    pub(super) fn places(&self) -> impl Iterator<Item = (ShapeIx, Place)> + '_ {
        self.shapes.iter().copied()
    }

    /// The shapes that lie in a domain.
    pub(crate) fn shapes_in(&self, domain: usize) -> SmallVec<[ShapeIx; 4]> {
        self.domains[domain].lots.iter().flat_map(|lot| &lot.shapes).copied().collect()
    }

    /// Where a shape stands, if it will do at all.
    pub(crate) fn place_of(&self, shape: ShapeIx) -> Option<Place> {
        if self.dense.is_empty() {
            let at = self.shapes.binary_search_by_key(&shape, |(shape, _)| *shape).ok()?;
            return Some(self.shapes[at].1);
        }
        *self.dense.get(shape.index())?
    }

    pub(crate) fn lot(&self, place: Place) -> &Lot {
        &self.domains[place.domain as usize].lots[place.lot as usize]
    }

    /// Counts free machines of a shape in or out, at its place.
    pub(super) fn count_free(&mut self, (shape, place): (ShapeIx, Place), kind: Free, change: i64) {
        let domain = &mut self.domains[place.domain as usize];
        let lot = &mut domain.lots[place.lot as usize];
        let before = (domain.pieces, domain.free);
        self.changes += 1;
        lot.free[kind as usize] = shifted(lot.free[kind as usize], change);
        if change > 0 && lot.shapes.len() > 1 {
            lot.open[kind as usize].note(shape, lot.shapes.len());
            self.is_out_of_order = true;
        }
        let pieces = i128::from(lot.pieces) * i128::from(change);
        domain.free = domain.free.checked_add_signed(change).expect(COUNTED);
        domain.pieces = domain.pieces.checked_add_signed(pieces).expect(COUNTED);
        self.free = self.free.checked_add_signed(change).expect(COUNTED);
        if let Some(hosts) = &mut self.hosts {
            hosts.shift(place.domain, domain.by_name, before, (domain.pieces, domain.free));
        }
    }

    /// The domains by what is free in them.
    pub(crate) fn hosts(&mut self) -> &Hosts {
        let domains = &self.domains;
        self.hosts.get_or_insert_with(|| Hosts::of(domains))
    }

    /// Whether nothing is left that is free, and somebody has more of what would do than `own` machines.
    pub(crate) fn is_all_with_others(&self, own: u32) -> bool {
        self.free == 0 && u64::from(self.held) + self.offered > u64::from(own)
    }

    /// Puts the shapes of each lot in order of contention, if that may have changed since it was `sorted`.
    pub(crate) fn sort(&mut self, contention: &[u32], changes: u64) {
        let is_otherwise = std::mem::replace(&mut self.sorted, changes) != changes;
        if std::mem::take(&mut self.is_out_of_order) || is_otherwise {
            let lots = self.domains.iter_mut().flat_map(|domain| &mut domain.lots);
            lots.filter(|lot| lot.shapes.len() > 1).for_each(|lot| lot.sort(contention, is_otherwise));
        }
    }
}

/// A count with machines counted in or out.
pub(crate) fn shifted(count: u32, change: i64) -> u32 {
    u32::try_from(i64::from(count) + change).expect(COUNTED)
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer domains than shapes")
}

/// Numbers domains in the order of their names.
fn name(domains: &mut [Domain], words: &Vocabulary) {
    let text = |domain: &Domain| domain.value.map(|value| words.text(value));
    let mut named: Vec<usize> = (0..domains.len()).collect();
    named.sort_by(|a, b| text(&domains[*a]).cmp(&text(&domains[*b])));
    for (place, at) in named.into_iter().enumerate() {
        domains[at].by_name = index(place);
    }
}

/// A table by shape, where the menu lists a fair part of all shapes.
fn dense(shapes: &[(ShapeIx, Place)]) -> Vec<Option<Place>> {
    let range = shapes.last().map_or(0, |(shape, _)| shape.index() + 1);
    if shapes.len() * 16 < range {
        return Vec::new();
    }
    let mut dense = vec![None; range];
    for (shape, place) in shapes {
        dense[shape.index()] = Some(*place);
    }
    dense
}

fn lots(members: &[(Option<Sym>, ShapeIx)], min_unit: &Resources, catalogue: &Catalogue) -> Vec<Lot> {
    let mut shapes: Vec<(ShapeIx, &Arc<Shape>)> = members.iter().map(|(_, ix)| (*ix, catalogue.shape(*ix))).collect();
    fn terms(shape: &Shape) -> impl Ord + '_ {
        (shape.price, shape.interruption, shape.capacity_type.is_elastic(), &shape.resources)
    }
    shapes.sort_by(|a, b| terms(a.1).cmp(&terms(b.1)).then(a.0.cmp(&b.0)));
    let alike = shapes.chunk_by(|a, b| terms(a.1) == terms(b.1));
    let lot = |alike: &[(ShapeIx, &Arc<Shape>)]| Lot {
        like: Arc::clone(alike[0].1),
        pieces: alike[0].1.resources.units_of(min_unit),
        shapes: alike.iter().map(|(ix, _)| *ix).collect(),
        free: [0; 2],
        open: Default::default(),
    };
    alike.map(lot).collect()
}
