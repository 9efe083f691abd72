//! What would do: how many machines of a fleet meet what a need asks of each, whoever has them.
//!
//! Nothing is decided by these numbers and each machine that comes or goes changes them, so they stand in no verdict: whoever reads a
//! verdict counts them, from the fleet that it was reached on (docs/adr/0138-a-verdict-stands-while-nothing-of-it-changes.md).

use argosy_model::{Demand, Fleet, ProfileIx, Resources, State, Sym};

use crate::catalogue::{AskIx, Catalogue};
use crate::hash::Lookup;
use crate::plan::{Matching, Verdict};
use crate::supply::{Free, free_kind};

/// Counts, for one fleet. Needs that ask the same of a machine are counted once.
#[derive(Debug)]
pub struct WouldDo<'f> {
    fleet: &'f Fleet,
    catalogue: Catalogue,
    /// By shape.
    machines: Vec<Matching>,
    known: Lookup<(AskIx, Option<Sym>, Resources), Matching>,
}

impl<'f> WouldDo<'f> {
    /// Takes stock of a fleet by shape.
    pub fn of(fleet: &'f Fleet) -> Self {
        let catalogue = Catalogue::of(fleet);
        let mut machines = vec![Matching::default(); catalogue.len()];
        for (class, members) in fleet.classes().iter().filter(|(class, _)| class.state != State::Failed) {
            let of_shape = &mut machines[class.shape.index()];
            let count = u32::try_from(members.len()).expect("slots are 32 bits wide");
            match free_kind(&class) {
                Some(Free::Idle) => of_shape.idle += count,
                Some(Free::Speculative) => of_shape.speculative += count,
                None if class.state == State::Configured => of_shape.configured += count,
                None => {}
            }
        }
        Self { fleet, catalogue, machines, known: Lookup::default() }
    }

    /// The machines that would do for a row of demand that is short; none for one that is not. A folded row asks of a machine that it holds a
    /// whole gang.
    pub fn for_verdict(&mut self, verdict: &Verdict, demand: &Demand) -> Matching {
        let need = verdict.rows.first().and_then(|row| demand.get(row));
        match need.filter(|_| !verdict.residual.is_zero()) {
            Some(need) if verdict.key.fold != 0 => self.count(verdict.key.profile, &need.aggregate),
            Some(need) => self.count(verdict.key.profile, &need.min_unit),
            None => Matching::default(),
        }
    }

    fn count(&mut self, profile: ProfileIx, min_unit: &Resources) -> Matching {
        let words = &self.fleet.words;
        let (ask, admitted) = self.catalogue.admitted(profile, words);
        let asked = words.profile_of(profile);
        let key = asked.same_key().or_else(|| asked.spread().map(|spread| spread.key));
        let (catalogue, machines) = (&self.catalogue, &self.machines);
        *self.known.entry((ask, key, min_unit.clone())).or_insert_with(|| {
            let will_do = admitted.iter().filter(|shape| {
                let shape = catalogue.shape(**shape);
                shape.resources.covers(min_unit) && key.is_none_or(|key| words.attribute(shape, key).is_some())
            });
            will_do.fold(Matching::default(), |sum, shape| sum.and(machines[shape.index()]))
        })
    }
}
