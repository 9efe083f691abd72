//! What is next for every repair: pure, and the same for every leader. What it wants is proposed; the book takes it, or does not.

use std::cmp::Reverse;

use argosy_model::{MachineIx, ShardTime, State};

use crate::book::Book;
use crate::book::steps::{has_body, is_overdue};
use crate::census::Census;
use crate::class::Class;
use crate::gate::Gate;
use crate::place::Domain;
use crate::policy::{Overdue, Policy};
use crate::record::{Acted, Move, Repair, Step, StepMove};
use crate::wait::Wait;

/// What a repair has to know of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Where it is in its life.
    pub state: State,
    /// Whether it can be given back.
    pub is_elastic: bool,
}

/// Everything that a decision looks at.
pub struct Situation<'a> {
    /// The repairs.
    pub book: &'a Book,
    /// The policy in force.
    pub policy: &'a Policy,
    /// How many machines there are where; asked only where a share is of them.
    pub census: &'a Census<'a>,
    /// The machines.
    pub sight: &'a dyn Fn(MachineIx) -> Option<Sight>,
    /// Shard time.
    pub now: ShardTime,
    /// [`Policy::in_force`] at this moment.
    pub in_force: Vec<u16>,
    /// The kill switch or dry run is on.
    pub standstill: bool,
}

/// What is to be proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Breakers to be committed as open.
    pub trips: Vec<Domain>,
    /// Moves, in their order.
    pub steps: Vec<StepMove>,
}

impl Moves {
    /// Whether there is nothing to propose.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trips.is_empty() && self.steps.is_empty()
    }
}

/// What is next for one repair.
enum Next {
    Move(Move),
    /// A move that takes up a place of the budgets, if the gate lets it through.
    Admission(Move),
    Wait(Wait),
}

/// What is to be proposed now. Who is to be replaced goes first, then who has waited longest.
#[must_use]
pub fn decide(at: &Situation<'_>) -> Moves {
    let mut gate = at.gate();
    let mut moves = Moves { trips: at.book.to_trip(at.policy, at.census, at.now), steps: Vec::new() };
    let mut admissions: Vec<(MachineIx, &Repair, Move)> = Vec::new();
    for (machine, repair) in at.book.repairs() {
        match at.next(machine, repair) {
            Next::Move(step) => moves.steps.push(StepMove { machine, base: repair.updates, step }),
            Next::Admission(step) => admissions.push((machine, repair, step)),
            Next::Wait(_) => {}
        }
    }
    admissions.sort_by_key(|(machine, repair, _)| (Reverse(repair.class), repair.since, *machine));
    for (machine, repair, step) in admissions {
        if gate.check(repair).is_ok() {
            gate.admit(repair);
            moves.steps.push(StepMove { machine, base: repair.updates, step });
        }
    }
    moves
}

/// What a machine's repair waits for; `None` if nothing is in repair there.
#[must_use]
pub fn wait(at: &Situation<'_>, gate: &Gate<'_>, machine: MachineIx) -> Option<Wait> {
    let repair = at.book.get(machine)?;
    Some(match at.next(machine, repair) {
        Next::Wait(wait) => wait,
        Next::Admission(_) => gate.check(repair).err().unwrap_or(Wait::Nothing),
        Next::Move(_) => Wait::Nothing,
    })
}

/// When time alone changes what [`decide`] says, breakers and schedules aside.
#[must_use]
pub fn next_moment(at: &Situation<'_>) -> Option<ShardTime> {
    let of_repair = |(machine, repair): (MachineIx, &Repair)| match at.next(machine, repair) {
        Next::Wait(wait) => match wait {
            Wait::Grace(until)
            | Wait::Reports { until, .. }
            | Wait::Hold(until)
            | Wait::Agent(until)
            | Wait::Proof(until)
            | Wait::Soak(until)
            | Wait::Drain { deadline: until, overdue: false } => Some(until),
            Wait::Hands(_) if repair.step == Step::Quarantined => at.kept_until(repair),
            Wait::Provider => at.deadline(repair),
            _ => None,
        },
        Next::Admission(_) | Next::Move(_) => None,
    };
    let breakers = at.book.tripped(at.now).filter_map(|(_, trip)| trip.until);
    at.book.repairs().filter_map(of_repair).chain(breakers).filter(|moment| *moment > at.now).min()
}

impl<'a> Situation<'a> {
    /// The gate as it stands.
    #[must_use]
    pub fn gate(&self) -> Gate<'a> {
        Gate::new(self.book, self.policy, self.census, self.now, &self.in_force, self.standstill)
    }

    fn next(&self, machine: MachineIx, repair: &Repair) -> Next {
        let Some(sight) = (self.sight)(machine) else { return Next::Wait(Wait::Provider) };
        if let Some(hold) = self.held(machine, repair) {
            return Next::Wait(hold);
        }
        match repair.step {
            Step::Waiting => self.qualified(repair),
            Step::Admitted => self.admitted(repair, sight),
            Step::Acting { order, until } if self.now >= until => {
                let outcome = match repair.unfit {
                    // It said nothing, and yet it has helped: a machine that reboots may not come to say so.
                    false => Acted::Done,
                    true => Acted::Failed("its agent did not say in time that it was done".to_owned()),
                };
                Next::Move(Move::Acted { order, outcome })
            }
            Step::Acting { until, .. } => Next::Wait(Wait::Agent(until)),
            Step::Verifying { until, fit_since: None } if self.now >= until => Next::Move(Move::Fail),
            Step::Verifying { until, fit_since: None } => Next::Wait(Wait::Proof(until)),
            Step::Verifying { fit_since: Some(since), .. } => {
                let soak = self.policy.act_of(repair.class).map_or_else(Default::default, |act| act.soak.0);
                let until = since.plus(soak);
                if self.now >= until { Next::Move(Move::Pass) } else { Next::Wait(Wait::Soak(until)) }
            }
            Step::Condemned => Next::Wait(Wait::Release),
            Step::Quarantined => self.quarantined(repair, sight),
        }
    }

    /// Rails and a hold keep anything from being begun; what is under way goes on.
    fn held(&self, machine: MachineIx, repair: &Repair) -> Option<Wait> {
        let begins = matches!(repair.step, Step::Waiting | Step::Admitted | Step::Quarantined);
        if begins && self.standstill {
            return Some(Wait::Standstill);
        }
        let hold = self.book.hold(machine, self.now).filter(|_| begins && repair.ordered.is_none())?;
        Some(Wait::Hold(hold.until))
    }

    fn qualified(&self, repair: &Repair) -> Next {
        let grace = repair.since.plus(self.policy.grace_of(repair.class));
        if self.now < grace {
            return Next::Wait(Wait::Grace(grace));
        }
        let threshold = &self.policy.threshold;
        let until = repair.since.plus(threshold.or_after.0);
        if repair.reports < threshold.reports && self.now < until {
            return Next::Wait(Wait::Reports { seen: repair.reports, of: threshold.reports, until });
        }
        Next::Admission(Move::Admit)
    }

    fn admitted(&self, repair: &Repair, sight: Sight) -> Next {
        let overdue = is_overdue(repair, self.policy, self.now);
        let forced = overdue && has_body(sight.state) && self.is_forced(repair.class);
        match (sight.state, repair.class) {
            (State::Idle, class) if class.acts() => Next::Move(Move::Act),
            (_, class) if class.acts() && forced => Next::Move(Move::Act),
            (State::Idle, Class::Replace) if sight.is_elastic => Next::Move(Move::Condemn),
            (State::Idle, _) => Next::Move(Move::Quarantine),
            (State::Failed, _) if overdue => Next::Move(Move::Quarantine),
            (State::Failed, _) => Next::Wait(Wait::Provider),
            _ => Next::Wait(Wait::Drain { deadline: self.deadline(repair).unwrap_or_default(), overdue }),
        }
    }

    fn quarantined(&self, repair: &Repair, sight: Sight) -> Next {
        let is_over = self.kept_until(repair).is_some_and(|until| self.now >= until);
        let wanted = repair.class == Class::Replace || is_over;
        if wanted && sight.is_elastic && sight.state == State::Idle {
            return Next::Admission(Move::Condemn);
        }
        Next::Wait(Wait::Hands(repair.class))
    }

    fn is_forced(&self, class: Class) -> bool {
        self.policy.act_of(class).is_some_and(|act| act.when_overdue == Overdue::Force)
    }

    fn deadline(&self, repair: &Repair) -> Option<ShardTime> {
        repair.admitted.map(|admitted| admitted.plus(self.policy.drain_within.0))
    }

    fn kept_until(&self, repair: &Repair) -> Option<ShardTime> {
        self.policy.keep_quarantined.map(|keep| repair.step_since.plus(keep.0))
    }
}
