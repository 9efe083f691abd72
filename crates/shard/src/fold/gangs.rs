//! Whether what a unit puts together is a whole gang still: it relied on machines that serve the gang already, and they may have gone since.

use argosy_engine::{Action, ActionKind, Reason, Unit};
use argosy_failpoint::{Planted, planted};
use argosy_model::{Claim, Machine, NeedKey, Resources, ShapeIx, State, Sym};

use crate::response::DropReason;
use crate::state::ShardState;

impl ShardState {
    /// Holds a unit that assembles a gang against the gang as it is now. `planned` are its actions, with their machines' next records.
    ///
    /// It costs nothing beyond the unit where that covers the gang alone, as it does unless a gang lost machines before it was whole.
    pub(super) fn check_gang(&self, unit: &Unit, planned: &[(&Action, Machine)]) -> Result<(), DropReason> {
        let is_unchecked = planted(Planted::UnitRecheckDropped) || planted(Planted::GangTakenByHalf);
        if unit.reason != Reason::AssembleGang || is_unchecked {
            return Ok(());
        }
        let claim = planned.iter().find_map(|(action, _)| claimant(&action.kind));
        let Some((claim, profile)) = claim.and_then(|claim| Some((claim, claim.profile?))) else { return Ok(()) };
        let words = &self.fleet.words;
        let key = NeedKey { cluster: claim.cluster, profile, group: claim.group, fold: 0 };
        // A row that was folded out of several gangs has no versioned row of its own.
        let (Some(need), Some(same)) = (self.demand.get(&key), words.profile_of(profile).same_key()) else {
            return Ok(());
        };
        let place = |shape: ShapeIx| words.attribute(words.shape_of(shape), same);
        let Some(domain) = planned.first().and_then(|(_, machine)| place(machine.shape)) else { return Ok(()) };
        let mut tally = Tally::new(&need.aggregate, &need.min_unit);
        for (_, machine) in planned {
            tally.count(&words.shape_of(machine.shape).resources, 1);
        }
        if !tally.is_whole() {
            self.tally_serving(&claim, same, domain, &mut tally);
        }
        if tally.is_whole() { Ok(()) } else { Err(DropReason::MachineChanged) }
    }

    /// Counts what serves a gang in a domain, or is about to.
    fn tally_serving(&self, claim: &Claim, same: Sym, domain: Sym, tally: &mut Tally<'_>) {
        let (words, classes) = (&self.fleet.words, self.fleet.classes());
        let cluster = Some(claim.cluster);
        let bound = classes.held(State::Configured, cluster).chain(classes.held(State::Configuring, cluster));
        let created = classes.held(State::Creating, cluster).filter(|(class, _)| class.claim() == Some(*claim));
        let drained = classes.in_state(State::Draining).filter(|(class, _)| class.heir == Some(*claim));
        for (class, members) in bound.chain(created).chain(drained).filter(|(class, _)| class.is_cover()) {
            let shape = words.shape_of(class.shape);
            if words.attribute(shape, same) == Some(domain) {
                tally.count(&shape.resources, members.len() as u64);
            }
        }
    }
}

/// For whom an action gains a machine.
fn claimant(kind: &ActionKind) -> Option<Claim> {
    match kind {
        ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => Some(assignment.claim),
        ActionKind::Preempt { heir, .. } => Some(*heir),
        ActionKind::Reclaim { .. } | ActionKind::Release => None,
    }
}

/// How much of a gang machines hold: its pieces machine by machine, or their sum where it has no pieces.
struct Tally<'a> {
    aggregate: &'a Resources,
    piece: &'a Resources,
    wanted: Option<u64>,
    pieces: u64,
    sum: Resources,
}

impl<'a> Tally<'a> {
    fn new(aggregate: &'a Resources, piece: &'a Resources) -> Self {
        Self { aggregate, piece, wanted: aggregate.units_to_cover(piece), pieces: 0, sum: Resources::none() }
    }

    fn count(&mut self, machine: &Resources, machines: u64) {
        if self.wanted.is_some() {
            self.pieces = self.pieces.saturating_add(machine.units_of(self.piece).saturating_mul(machines));
        } else {
            for _ in 0..machines {
                self.sum.add(machine);
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.wanted.map_or_else(|| self.sum.covers(self.aggregate), |wanted| self.pieces >= wanted)
    }
}
