//! Piles: machines that no rule can tell apart but by their slot, and who has been given how many of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use argosy_engine::{Cap, View};
use argosy_model::fleet::Class;
use argosy_model::{Claim, Flags, MachineIx, Shape, ShapeIx, State};

use super::Cycle;
use super::rows::{Row, claim_of};
use crate::plant::{self, Plant};

/// Machines alike.
pub(super) struct Pile<'a> {
    pub(super) class: Class,
    pub(super) shape: &'a Shape,
    /// Position of its shape among the live ones.
    pub(super) shape_at: usize,
    /// By slot.
    pub(super) machines: Vec<MachineIx>,
    /// How many nobody has been given.
    pub(super) left: u32,
    /// By row.
    pub(super) given: BTreeMap<usize, u32>,
    /// How many the gangs that chose before count on.
    pub(super) counted_on: u32,
    /// What the rows whose own these machines are claim under; `None` if no such row is there.
    pub(super) owner: Option<Claim>,
}

impl Pile<'_> {
    /// Whether its machines may be acquired.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.class.state, State::Idle | State::Speculative) && self.class.is_usable()
    }

    /// Whether what is taken of it counts against a cap.
    pub(super) fn is_under(&self, cap: &Cap) -> bool {
        self.class.state == State::Speculative && cap.shapes().contains(&self.class.shape)
    }

    /// Whether its machines serve a cluster or join it, and count for it.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.class.state, State::Configured | State::Configuring) && covers(&self.class)
    }

    /// Whether its machines are on their way to somebody.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.class.state, State::Creating | State::Draining)
    }

    /// Whether a machine costs nothing any more once it is given back.
    pub(super) fn ends_its_price(&self) -> bool {
        self.shape.capacity_type.is_elastic() && !plant::is(Plant::PaidForIgnored)
    }

    fn stage(&self) -> u8 {
        match self.class.state {
            State::Configured => 0,
            State::Configuring => 1,
            State::Creating => 2,
            _ => 3,
        }
    }
}

/// All piles of machines that have not failed, in class order.
pub(super) fn list<'a>(view: &View<'a>, shapes: &[(ShapeIx, &'a Shape)], rows: &[Row<'_>]) -> Vec<Pile<'a>> {
    let mut classes: BTreeMap<Class, Vec<MachineIx>> = BTreeMap::new();
    for (ix, machine) in view.fleet.iter().filter(|(_, machine)| machine.state != State::Failed) {
        classes.entry(Class::of(machine)).or_default().push(ix);
    }
    let pile = |(class, machines): (Class, Vec<MachineIx>)| {
        let shape_at = shapes.iter().position(|(ix, _)| *ix == class.shape).expect("the shape of a live machine");
        Pile {
            class,
            shape: shapes[shape_at].1,
            shape_at,
            left: u32::try_from(machines.len()).expect("slots are 32 bits wide"),
            machines,
            given: BTreeMap::new(),
            counted_on: 0,
            owner: owner(&class, rows),
        }
    };
    classes.into_iter().map(pile).collect()
}

/// Whether machines of a class count for whoever has them.
fn covers(class: &Class) -> bool {
    let is_doomed_only = class.flags.has(Flags::NOTICE) && !class.flags.has(Flags::UNHEALTHY);
    class.is_cover() || (plant::is(Plant::NoticeCovers) && is_doomed_only)
}

/// For whom the machines of a class were acquired or drain, if they count.
pub(super) fn attributed(class: &Class) -> Option<Claim> {
    match class.state {
        State::Draining if plant::is(Plant::DrainingInvisible) => None,
        State::Draining if class.is_usable() => class.heir,
        State::Creating if plant::is(Plant::CreatingInvisible) => None,
        State::Creating | State::Configuring | State::Configured if covers(class) => class.claim(),
        _ => None,
    }
}

/// What the row claims under whose own the machines of a class are, if it is there, or a folded row that stands for it.
fn owner(class: &Class, rows: &[Row<'_>]) -> Option<Claim> {
    let claim = account(attributed(class)?);
    let is_of = |member: Claim| account(member) == claim;
    let stands_for = |row: &&Row<'_>| is_of(row.claim()) || row.members.iter().any(|(key, _)| is_of(claim_of(key)));
    rows.iter().find(stands_for).map(|row| account(row.claim()))
}

/// What tells one owner from another.
fn account(claim: Claim) -> Claim {
    if plant::is(Plant::GroupsForgotten) { Claim { group: None, ..claim } } else { claim }
}

impl Cycle<'_> {
    /// Serving before joining before being created before draining; then the cheapest; then what is paid for though nobody uses
    /// it; then those dearest to give up; then class order.
    fn in_keep_order(&self, filter: impl Fn(&Pile<'_>) -> bool) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.piles.len()).filter(|pile| filter(&self.piles[*pile])).collect();
        found.sort_by_key(|at| {
            let pile = &self.piles[*at];
            (pile.stage(), pile.shape.price, pile.ends_its_price(), Reverse(pile.class.reclamation), *at)
        });
        found
    }

    /// What serves or joins a row's cluster and will do for it, in keep order.
    pub(super) fn bound(&self, row: usize) -> Vec<usize> {
        let cluster = Some(self.rows[row].key.cluster);
        self.in_keep_order(|pile| {
            pile.is_bound() && pile.class.cluster == cluster && self.fits[row][pile.shape_at].is_some()
        })
    }

    /// What was acquired for a row or drains for it, in keep order.
    pub(super) fn own(&self, row: usize) -> Vec<usize> {
        let claim = Some(account(self.rows[row].claim()));
        self.in_keep_order(|pile| pile.owner == claim)
    }

    /// What serves or joins a row's cluster, will do for it and was acquired for others: what the last row owns first, and of
    /// each row in keep order.
    pub(super) fn others(&self, row: usize) -> Vec<usize> {
        let bound = self.bound(row);
        let mut owners: Vec<Option<Claim>> = Vec::new();
        for other in self.rows.iter().rev() {
            let owner = Some(account(other.claim()));
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        let of = |owner: Option<Claim>| bound.iter().copied().filter(move |pile| self.piles[*pile].owner == owner);
        owners.into_iter().flat_map(of).filter(|pile| !self.is_own(row, *pile)).collect()
    }

    /// What serves or joins a row's cluster, will do for it and was acquired for no row that is there, in keep order.
    pub(super) fn orphans(&self, row: usize) -> Vec<usize> {
        self.bound(row).into_iter().filter(|pile| self.piles[*pile].owner.is_none()).collect()
    }

    pub(super) fn is_own(&self, row: usize, pile: usize) -> bool {
        self.piles[pile].owner == Some(account(self.rows[row].claim()))
    }

    pub(super) fn give(&mut self, pile: usize, row: usize, count: u32) {
        let pile = &mut self.piles[pile];
        assert!(count <= pile.left, "a machine is given once");
        if !(plant::is(Plant::PhantomCredit) && pile.is_bound()) {
            pile.left -= count;
        }
        *pile.given.entry(row).or_default() += count;
    }

    pub(super) fn take_back(&mut self, pile: usize, row: usize, count: u32) {
        let pile = &mut self.piles[pile];
        let held = pile.given.get_mut(&row).expect("only what was given is taken back");
        *held -= count;
        if *held == 0 {
            pile.given.remove(&row);
        }
        pile.left += count;
    }
}
