//! The sieve: what became of the machines of each class, as one need sees them.
//!
//! It reads the tables that the cycle left behind and asks the engine's own questions (will it do, what does it count for,
//! who has been given it, may it be taken), class by class. It never looks at single machines.

use std::collections::BTreeMap;

use argosy_model::fleet::Class;
use argosy_model::{Flags, State};

use super::Filter;
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::{Kind, Part, Standing};
use crate::supply::Stock;
use crate::yardstick::useful;

/// How a need came by machines that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Given {
    Serving,
    Joining,
    Coming,
    Bound,
    Bought,
    Freed,
}

/// What became of some machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Given(Given),
    Kept(Filter),
    /// Nothing stands in the way.
    Left,
}

/// Some machines of one class, with what became of them, and who has them where that is what matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    pub(super) machines: u32,
    pub(super) fate: Fate,
    pub(super) by: Option<RowIx>,
}

/// Machines of a class that the plan takes from one holder.
#[derive(Clone, Copy, Debug)]
struct Taking {
    claimant: RowIx,
    machines: u32,
    for_claimant: bool,
}

/// Who takes what from whom in this cycle; `None` holds what nobody was given.
#[derive(Debug, Default)]
pub(super) struct Takings(BTreeMap<(Class, Option<RowIx>), Vec<Taking>>);

impl Takings {
    pub(super) fn of(cycle: &Cycle) -> Self {
        let mut takings = Self::default();
        for draft in &cycle.drafts {
            for victims in &draft.victims {
                let class = cycle.supply.stock(victims.class).class;
                let taking =
                    Taking { claimant: draft.row, machines: victims.count, for_claimant: victims.for_claimant };
                takings.0.entry((class, victims.holder)).or_default().push(taking);
            }
        }
        takings
    }

    fn from(&self, class: &Class, holder: Option<RowIx>) -> impl Iterator<Item = &Taking> {
        self.0.get(&(*class, holder)).into_iter().flatten()
    }

    /// How many of a holder's machines of a class others take, or are let go because others take the rest.
    pub(super) fn taken(&self, class: &Class, holder: Option<RowIx>) -> u32 {
        self.from(class, holder).map(|taking| taking.machines).sum()
    }
}

/// One row's view of the fleet after a cycle.
pub(super) struct Sieve<'c> {
    pub(super) cycle: &'c Cycle,
    takings: &'c Takings,
    row: RowIx,
    standing: &'c Standing,
}

impl<'c> Sieve<'c> {
    pub(super) fn of(cycle: &'c Cycle, takings: &'c Takings, row: RowIx) -> Self {
        Self { cycle, takings, row, standing: cycle.standing(row) }
    }

    /// Divides a class by what became of its machines. The portions add up to the class.
    pub(super) fn portions(&self, class: &Class, machines: u32) -> Vec<Portion> {
        if let Some(filter) = self.of_shape(class) {
            return vec![Portion { machines, fate: Fate::Kept(filter), by: None }];
        }
        let stock = self.cycle.supply.find(class).expect("every class is counted");
        let mut portions = Vec::new();
        let mut note = |machines: u32, fate: Fate, by: Option<RowIx>| {
            if machines > 0 {
                portions.push(Portion { machines, fate, by });
            }
        };
        for (holder, held) in &stock.claims {
            if *holder == self.row {
                note(*held, Fate::Given(given(class.state)), None);
                continue;
            }
            let taken = self.note_takings(class, Some(*holder), &mut note);
            let by = Some(*holder);
            note(held - taken, self.held_by(class, *holder), by);
        }
        let withheld = self.note_takings(class, None, &mut note);
        note(stock.left, self.nobodys(class), None);
        let claimed: u32 = stock.claims.iter().map(|(_, held)| held).sum();
        note(machines - claimed - withheld - stock.left, self.unclaimed(class), None);
        portions
    }

    fn note_takings(
        &self,
        class: &Class,
        holder: Option<RowIx>,
        note: &mut impl FnMut(u32, Fate, Option<RowIx>),
    ) -> u32 {
        let mut all = 0;
        for taking in self.takings.from(class, holder) {
            let fate = match () {
                () if taking.claimant == self.row && taking.for_claimant => Fate::Given(Given::Freed),
                () if taking.for_claimant => Fate::Kept(Filter::Taken),
                () => Fate::Kept(Filter::GivingWay),
            };
            note(taking.machines, fate, Some(taking.claimant).filter(|claimant| *claimant != self.row));
            all += taking.machines;
        }
        all
    }

    /// What became of one machine of a class, by who was given it.
    pub(super) fn fate(&self, class: &Class, holder: Option<RowIx>) -> Fate {
        if let Some(filter) = self.of_shape(class) {
            return Fate::Kept(filter);
        }
        match holder {
            Some(holder) if holder == self.row => Fate::Given(given(class.state)),
            Some(holder) => self.held_by(class, holder),
            None if self.stock(class).left > 0 => self.nobodys(class),
            None => self.unclaimed(class),
        }
    }

    fn stock(&self, class: &Class) -> &Stock {
        self.cycle.supply.find(class).expect("every class is counted")
    }

    /// What keeps a whole class from the row, whoever has its machines.
    fn of_shape(&self, class: &Class) -> Option<Filter> {
        if class.state == State::Failed {
            return Some(Filter::Failed);
        }
        let asked = self.cycle.row(self.row);
        let menu = self.cycle.menus.get(self.standing.menu);
        let Some(place) = menu.place_of(class.shape) else {
            let words = &self.cycle.view.fleet.words;
            let shape = words.shape_of(class.shape);
            let kept = match () {
                () if asked.profile.refused_by(shape, words).is_some() => Filter::Requirement,
                () if !shape.resources.covers(&asked.min_unit) => Filter::MinUnit,
                () => Filter::TopologyKey,
            };
            return Some(kept);
        };
        let confined = self.standing.domain.filter(|_| self.standing.is_same());
        confined.is_some_and(|domain| domain != place.domain as usize).then_some(Filter::Domain)
    }

    /// Machines that another row was given.
    fn held_by(&self, class: &Class, holder: RowIx) -> Fate {
        let held = self.cycle.standing(holder);
        match () {
            () if class.cluster.is_none() => Fate::Kept(Filter::Taken),
            () if class.state != State::Configured => Fate::Kept(Filter::InTransit),
            () if !class.is_usable() => Fate::Kept(flag(class)),
            () if !self.is_heard(class) => Fate::Kept(Filter::NotHeard),
            () if held.priority >= self.standing.priority => Fate::Kept(Filter::Held),
            () if held.part == Part::Evicted => Fate::Kept(Filter::GivingWay),
            () => self.within_reach(class),
        }
    }

    /// Machines that could have been given to somebody and were not.
    fn nobodys(&self, class: &Class) -> Fate {
        let own = self.cycle.row(self.row).key.cluster;
        let is_own = matches!(class.state, State::Configured | State::Configuring) && class.cluster == Some(own);
        let is_own = is_own && class.is_cover();
        match class.state {
            _ if is_own => self.within_reach(class),
            State::Idle | State::Speculative | State::Configured if !class.is_usable() => Fate::Kept(flag(class)),
            State::Configured if !self.is_heard(class) => Fate::Kept(Filter::NotHeard),
            State::Idle | State::Speculative | State::Configured => self.within_reach(class),
            _ => self.unclaimed(class),
        }
    }

    /// Machines that nobody could have been given.
    fn unclaimed(&self, class: &Class) -> Fate {
        Fate::Kept(match class.state {
            State::Deleting => Filter::Deleting,
            _ if !class.is_usable() => flag(class),
            _ => Filter::InTransit,
        })
    }

    fn is_under_a_cap(&self, class: &Class) -> bool {
        class.state == State::Speculative && self.cycle.view.caps.iter().any(|cap| cap.is_over(class.shape))
    }

    fn is_heard(&self, class: &Class) -> bool {
        class.cluster.is_some_and(|cluster| self.cycle.view.demand.reporting(cluster).heard)
    }

    /// Machines that may be taken: what the row itself had against it.
    fn within_reach(&self, class: &Class) -> Fate {
        let standing = self.standing;
        if !standing.is_short() {
            return Fate::Left;
        }
        let menu = self.cycle.menus.get(standing.menu);
        let place = menu.place_of(class.shape).expect("the shape will do");
        match (standing.part, standing.kind) {
            (Part::Parked, _) => Fate::Kept(Filter::Parked),
            (Part::Retreating, _) => Fate::Kept(Filter::Retreating),
            (Part::Evicted, _) => Fate::Kept(Filter::Evicted),
            _ if useful(&standing.short, &menu.lot(place).measure(&standing.yard)) == 0 => Fate::Kept(Filter::NoUse),
            // Its turn ended because nothing was left that helps and that there is room for.
            (_, Kind::Spread) => Fate::Kept(Filter::Spread),
            (_, Kind::Gang) if standing.is_capped && self.is_under_a_cap(class) => Fate::Kept(Filter::Capped),
            (_, Kind::Gang) if !standing.holds_on => Fate::Kept(Filter::AllOrNothing),
            _ => Fate::Left,
        }
    }
}

fn given(state: State) -> Given {
    match state {
        State::Configured => Given::Serving,
        State::Configuring => Given::Joining,
        State::Idle => Given::Bound,
        State::Speculative => Given::Bought,
        _ => Given::Coming,
    }
}

/// The first flag that keeps a class out.
fn flag(class: &Class) -> Filter {
    match () {
        () if class.flags.has(Flags::CORDONED) => Filter::Cordoned,
        () if class.flags.has(Flags::UNHEALTHY | Flags::CONDEMNED) => Filter::Unhealthy,
        () if class.flags.has(Flags::NOTICE) => Filter::InterruptionNotice,
        () if class.flags.has(Flags::COOLING) => Filter::Cooling,
        () => Filter::HeldBack,
    }
}
