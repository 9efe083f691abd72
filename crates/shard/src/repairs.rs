//! The repairs of a shard: the book with its policy, what the book has to know of machines, and what a leader proposes.
//!
//! What is decided is `argosy_repair`'s; here it is told where machines stand. [`ShardState::propose_repairs`] is the one call that a
//! leader makes; what comes of it goes through the log like a plan, and the fold asks the same gate again.

use std::sync::Arc;

use argosy_model::vocabulary::RACK_KEY;
use argosy_model::{ClusterIx, Duration, Fleet, MachineIx, ShapeIx, ShardTime, State, Vocabulary};
use argosy_pool::Clock;
use argosy_repair::{
    Acted, Book, Census, Class, Domain, Move, Place, Policy, Repair, Scope, Sight, Situation, Step, StepMove, Stored,
    Tally, decide, next_moment,
};
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::pools::Pool;
use crate::rails;
use crate::state::ShardState;

/// Most moves of one entry.
pub const MAX_MOVES: usize = 10_000;
/// How often a schedule is looked at while something may wait for it.
const SCHEDULE_EVERY: Duration = Duration::from_secs(60);

/// What is next for machines in repair. Append-only: it lies in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// The revision (last applied log index) of the state that this was decided from.
    pub based_on: u64,
    /// Log index of the policy that it was decided by.
    pub policy: u64,
    /// Places of the budgets with a schedule that are in force, by the proposer's clock: the fold reads none.
    pub in_force: Vec<u16>,
    /// Breakers to be opened.
    pub trips: Vec<Domain>,
    /// Moves, in order.
    pub steps: Vec<StepMove>,
}

/// The repairs of a shard, and the policy in force. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairBook {
    pub(crate) policy: Arc<Policy>,
    /// Log index at which the policy was applied; 0 is that of a new installation.
    pub(crate) revision: u64,
    pub(crate) book: Book,
}

/// One part of it in a snapshot. Append-only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredRepairs {
    /// The policy, and when it was applied.
    Policy(u64, Arc<Policy>),
    /// A part of the book.
    Book(Stored),
}

/// What an agent is to do. The same order is the same act, however often it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairOrder {
    /// On which machine.
    pub machine: MachineIx,
    /// Its name for ever.
    pub order: u64,
    /// What.
    pub class: Class,
    /// When it counts as failed.
    pub until: ShardTime,
}

/// The names of the domains that a machine lies in.
struct Names<'a> {
    cluster: Option<&'a str>,
    pool: Option<&'a str>,
    zone: Option<&'a str>,
    rack: Option<&'a str>,
}

impl Names<'_> {
    /// Writes the name of the rack as repairs know it: racks of two zones may be called alike.
    fn rack_within(&self, name: &mut String) {
        name.clear();
        name.extend([self.zone.unwrap_or_default(), "/", self.rack.unwrap_or_default()]);
    }
}

impl StoredRepairs {
    /// The machine that it is about, which must be there.
    pub(crate) fn machine(&self) -> Option<MachineIx> {
        match self {
            Self::Policy(..) => None,
            Self::Book(part) => part.machine(),
        }
    }
}

impl RepairBook {
    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Log index at which it was applied; 0 is that of a new installation.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The repairs.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Whether a machine is out of supply because of its repair.
    pub fn is_out(&self, machine: MachineIx) -> bool {
        self.book.get(machine).is_some_and(|repair| repair.step.is_out())
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = StoredRepairs> + '_ {
        let policy = (self.revision > 0).then(|| StoredRepairs::Policy(self.revision, Arc::clone(&self.policy)));
        policy.into_iter().chain(self.book.parts().map(StoredRepairs::Book))
    }

    pub(crate) fn restore(&mut self, part: StoredRepairs) {
        match part {
            StoredRepairs::Policy(revision, policy) => (self.revision, self.policy) = (revision, policy),
            StoredRepairs::Book(part) => self.book.restore(part),
        }
    }
}

impl ShardState {
    /// What is to be proposed for the machines in repair; `None` if nothing is. `wall` is the proposer's clock, for schedules.
    pub fn propose_repairs(&self, now: ShardTime, wall: Clock) -> Option<Command> {
        if self.repairs.book.is_empty() {
            return None;
        }
        let moves = self.look_at_repairs(now, wall, decide);
        if moves.is_empty() {
            return None;
        }
        let steps = moves.steps.into_iter().take(MAX_MOVES).collect();
        Some(self.repair_command(self.repairs.policy.in_force(wall), moves.trips, steps))
    }

    /// When [`Self::propose_repairs`] may say something else though the state is the same.
    pub fn next_repair(&self, now: ShardTime, wall: Clock) -> Option<ShardTime> {
        let book = &self.repairs.book;
        if book.is_empty() {
            return None;
        }
        let has_schedule = self.repairs.policy.budgets.iter().any(|budget| !budget.schedule.is_empty());
        let may_wait = has_schedule && book.repairs().any(|(_, repair)| repair.step == Step::Waiting);
        let of_schedule = may_wait.then(|| now.plus(SCHEDULE_EVERY));
        self.look_at_repairs(now, wall, next_moment).into_iter().chain(of_schedule).min()
    }

    /// What agents are to do, by slot.
    pub fn repair_orders(&self) -> impl Iterator<Item = RepairOrder> + '_ {
        self.repairs.book.repairs().filter_map(|(machine, repair)| match repair.step {
            Step::Acting { order, until } => Some(RepairOrder { machine, order, class: repair.class, until }),
            _ => None,
        })
    }

    /// What is to be proposed when something came of an order; `None` if it has been heard, or the order is another by now.
    pub fn repair_outcome(&self, machine: MachineIx, order: u64, outcome: Acted) -> Option<Command> {
        let repair = self.repairs.book.get(machine)?;
        let is_it = matches!(repair.step, Step::Acting { order: given, .. } if given == order);
        let step = Move::Acted { order, outcome };
        let moved = StepMove { machine, base: repair.updates, step };
        is_it.then(|| self.repair_command(Vec::new(), Vec::new(), vec![moved]))
    }

    fn repair_command(&self, in_force: Vec<u16>, trips: Vec<Domain>, steps: Vec<StepMove>) -> Command {
        let (based_on, policy) = (self.revision, self.repairs.revision);
        Command::Repair(Repairs { based_on, policy, in_force, trips, steps })
    }

    /// Hands everything that a decision about repairs looks at to `look`.
    pub fn look_at_repairs<T>(&self, now: ShardTime, wall: Clock, look: impl FnOnce(&Situation<'_>) -> T) -> T {
        let tally = || tally(&self.repairs, &self.fleet);
        let census = Census::new(&tally);
        look(&Situation {
            book: &self.repairs.book,
            policy: &self.repairs.policy,
            census: &census,
            sight: &|machine| self.sight(machine),
            now: now.max(self.now),
            in_force: self.repairs.policy.in_force(wall),
            standstill: rails::standstill(&self.settings.policy).is_some(),
        })
    }

    /// What a repair has to know of its machine.
    pub(crate) fn sight(&self, machine: MachineIx) -> Option<Sight> {
        let known = self.fleet.get(machine)?;
        let is_elastic = self.fleet.words.shape_of(known.shape).capacity_type.is_elastic();
        Some(Sight { state: known.state, is_elastic })
    }

    /// Where a machine counts.
    pub(crate) fn place_of(&self, machine: MachineIx) -> Place {
        let known = self.fleet.machine(machine);
        self.place_with(known.cluster(), known.shape)
    }

    /// Where a machine of a shape counts while it serves `cluster`.
    pub(crate) fn place_with(&self, cluster: Option<ClusterIx>, shape: ShapeIx) -> Place {
        let names = names(&self.fleet.words, cluster, shape);
        let mut rack = String::new();
        names.rack_within(&mut rack);
        Place {
            cluster: names.cluster.map(Arc::from),
            pool: names.pool.map(Arc::from),
            zone: names.zone.map(Arc::from),
            rack: names.rack.map(|_| Arc::from(rack)),
        }
    }

    /// Whether breakers leave a machine out: it has been in its state for a short time only.
    pub(crate) fn is_warming_up(&self, machine: MachineIx) -> bool {
        let since = self.fleet.machine(machine).since;
        self.now.since(since) < self.repairs.policy.warm_up.0
    }

    /// The repair of a machine, by its id.
    pub fn repair_of(&self, machine: &str) -> Option<&Repair> {
        self.repairs.book.get(self.fleet.find(machine)?)
    }
}

/// Machines with hardware, by those domains that repairs are about. Classes are counted, not machines.
pub(crate) fn tally(repairs: &RepairBook, fleet: &Fleet) -> Tally {
    if !repairs.policy.has_shares() {
        return Tally::default();
    }
    let mut tally = Tally::of(&repairs.book);
    let mut rack = String::new();
    for (class, members) in fleet.classes().iter() {
        if matches!(class.state, State::Speculative | State::Creating) {
            continue;
        }
        let machines = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let names = names(&fleet.words, class.cluster, class.shape);
        tally.count(Scope::Shard, "", machines);
        let plain = [(Scope::Cluster, names.cluster), (Scope::Pool, names.pool), (Scope::Zone, names.zone)];
        for (scope, name) in plain {
            name.into_iter().for_each(|name| tally.count(scope, name, machines));
        }
        if names.rack.is_some() && tally.wants(Scope::Rack) {
            names.rack_within(&mut rack);
            tally.count(Scope::Rack, &rack, machines);
        }
    }
    tally
}

fn names(words: &Vocabulary, cluster: Option<ClusterIx>, shape: ShapeIx) -> Names<'_> {
    let shape = words.shape_of(shape);
    let claimant = cluster.map(|cluster| words.cluster_id(cluster));
    let pool = claimant.and_then(Pool::named_by);
    let rack = words.find_symbol(RACK_KEY).and_then(|key| words.attribute(shape, key));
    Names {
        cluster: claimant.filter(|_| pool.is_none()),
        pool,
        zone: shape.zone.map(|zone| words.text(zone)),
        rack: rack.map(|rack| words.text(rack)),
    }
}
