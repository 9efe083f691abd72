//! One shard as its leader runs it: ingest, entry, fold, decide, lint, rehearse, plan, calls, outcomes.
//!
//! The order and the functions are those of the server's leader (`crates/server/src/leader`); what is left out is Raft, the
//! wire and waiting. An entry goes through its bytes. After each entry, and after each cycle, [`rules`] are held against
//! state and decision; what breaks one is kept and ends the run.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_engine::{ActionKind, Decision, Engine, Plan};
use argosy_model::{ClusterIx, MachineIx, ShardTime, State};
use argosy_repair::Class;
use argosy_shard::{
    Applied, Call, Command, DropReason, Envelope, Event, Fence, Genesis, Listing, NeedRow, Observed, OperationId,
    Outcome, PlanEntry, PlanTaken, Progress, Refusal, Report, Response, ShardState,
};

use crate::cloud::{Answer, Cloud, place_of};

/// Machines of one observation, and reports of one entry, at most: as the server cuts them.
const BATCH: usize = 2_000;
/// Broken rules that are kept; the first says most.
const MAX_BROKEN: usize = 20;

/// What a leader is held to beside the rules that always hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrutiny {
    /// Every decision is compared with that of the reference engine, and of the engine without a memory. For small fleets.
    pub reference: bool,
    /// Every machine is looked at after each cycle, not only those that changed. For small and middling fleets.
    pub every_machine: bool,
}

/// One shard, led.
#[derive(Debug)]
pub struct Leader {
    number: usize,
    state: ShardState,
    engine: Engine,
    term: u64,
    cycle: u64,
    /// Operations with an attempt that has not been made yet, and those whose time has not come.
    ready: BTreeSet<OperationId>,
    later: BTreeSet<(ShardTime, OperationId)>,
    scrutiny: Scrutiny,
    fences: BTreeMap<MachineIx, Fence>,
    broken: Vec<String>,
    decided_at: u64,
    /// Whether the fold waits to hear the truth of some machine. Kept, because it is asked after every step.
    waits_for_truth: bool,
    /// What changed about machines, where somebody asks for it.
    changes: Option<Vec<Change>>,
    /// Where repairs have moved to, where somebody asks for changes.
    moves: Vec<Moved>,
}

/// A machine's repair is at another step than before, or over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which machine.
    pub machine: String,
    /// What is done.
    pub class: Class,
    /// Its step, or how it ended.
    pub to: &'static str,
}

/// A machine is in another state than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub machine: String,
    /// The state before; `None` if it is new.
    pub from: Option<State>,
    /// The state now; `None` if it is gone.
    pub to: Option<State>,
}

/// One action of a plan that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// `Bootstrap`, `Provision`, `Preempt`, `Reclaim` or `Delete`.
    pub kind: &'static str,
    /// The machine.
    pub machine: String,
    /// For whom it is acquired, or whom it is taken from.
    pub cluster: Option<String>,
    /// Why.
    pub reason: &'static str,
}

/// A cycle, and what became of its plan.
#[derive(Clone, Debug)]
pub struct Cycled {
    /// Which shard.
    pub shard: usize,
    /// Counts the shard's cycles, from 1.
    pub number: u64,
    /// When.
    pub at_ms: u64,
    /// What was decided.
    pub decision: Arc<Decision>,
    /// Actions of the units that were taken, in order.
    pub acted: Vec<Acted>,
    /// What became of the plan.
    pub taken: PlanTaken,
}

impl Leader {
    /// Begins a shard and leads it.
    pub fn new(number: usize, genesis: Genesis, scrutiny: Scrutiny) -> Self {
        let mut leader = Self {
            number,
            state: ShardState::new(),
            engine: Engine::new(),
            term: 1,
            cycle: 0,
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
            scrutiny,
            fences: BTreeMap::new(),
            broken: Vec::new(),
            decided_at: 0,
            waits_for_truth: false,
            changes: None,
            moves: Vec::new(),
        };
        leader.commit(0, Command::Genesis(genesis));
        leader.commit(0, Command::LeaderStarted);
        leader
    }

    /// The committed state.
    pub fn state(&self) -> &ShardState {
        &self.state
    }

    /// Rules that were broken.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Cycles run.
    pub fn cycles(&self) -> u64 {
        self.cycle
    }

    /// How much is kept beside the state, in entries of all tables.
    pub fn table_sizes(&self) -> usize {
        self.ready.len() + self.later.len() + self.fences.len()
    }

    /// Whether the state has moved on since the last cycle decided.
    pub fn has_moved_on(&self) -> bool {
        self.state.revision() > self.decided_at
    }

    // -- ingest

    /// A cluster reports its demand. Says what the fold made of it; nothing, if it is the demand already.
    pub fn report(&mut self, now_ms: u64, cluster: &str, rows: &[NeedRow]) -> Option<Response> {
        let command = self.state.diff_rollup(cluster, rows)?;
        Some(self.commit(now_ms, command))
    }

    /// Whether the provider has to be asked: it has news, or the fold waits to hear the truth of a machine.
    pub fn wants_listing(&self, cloud: &Cloud) -> bool {
        self.waits_for_truth || cloud.has_news(self.number)
    }

    fn barred(&self) -> impl Iterator<Item = MachineIx> + '_ {
        let open = self.state.ledger().iter();
        let barred = open.filter(|operation| matches!(operation.attempt.progress, Progress::Barred { .. }));
        barred.map(|operation| operation.machine)
    }

    fn has_barred(&self) -> bool {
        self.barred().next().is_some()
    }

    /// Lists what has changed, and asks for the machines of which the fold waits to hear.
    pub fn list(&mut self, now_ms: u64, cloud: &mut Cloud) {
        let (machines, gone) = cloud.list(self.number);
        let ownership = self.state.ownership();
        let is_known = |id: &str| self.state.fleet().find(id).is_some();
        let provider = |seen: &Observed| place_of(&seen.shape).0.to_owned();
        let mut machines: Vec<_> = machines
            .into_iter()
            .filter(|seen| ownership.owns(&provider(seen), seen) || is_known(&seen.machine.id))
            .collect();
        let mut gone: Vec<String> = gone.into_iter().filter(|id| is_known(id)).collect();
        for id in self.barred().filter(|_| self.waits_for_truth).map(|ix| self.state.fleet().id(ix)) {
            match cloud.get(id) {
                Some(seen) if machines.iter().all(|known| known.machine.id != id) => machines.push(seen),
                None if !gone.iter().any(|known| known == id) => gone.push(id.to_owned()),
                _ => {}
            }
        }
        machines.sort_by(|a, b| a.machine.id.cmp(&b.machine.id));
        let mut by_provider: BTreeMap<String, (Vec<Observed>, Vec<String>)> = BTreeMap::new();
        for seen in machines {
            by_provider.entry(provider(&seen)).or_default().0.push(seen);
        }
        for id in gone {
            let ix = self.state.fleet().find(&id).expect("only what is known is gone");
            by_provider.entry(self.state.provider_of(ix).to_owned()).or_default().1.push(id);
        }
        for (provider, (machines, gone)) in by_provider {
            self.observe(now_ms, &provider, machines, gone);
        }
        self.waits_for_truth = self.waits_for_truth && self.has_barred();
    }

    fn observe(&mut self, now_ms: u64, provider: &str, machines: Vec<Observed>, mut gone: Vec<String>) {
        let mut machines = machines.into_iter().peekable();
        loop {
            let listing = Listing {
                provider: provider.to_owned(),
                asked_at: self.state.revision(),
                machines: machines.by_ref().take(BATCH).collect(),
                gone: std::mem::take(&mut gone),
                ..Listing::default()
            };
            for command in self.state.diff_observation(&listing).commands {
                self.commit(now_ms, command);
            }
            if machines.peek().is_none() {
                return;
            }
        }
    }

    // -- time and terms

    /// When a timer of the fold, or an attempt that has to wait, is due.
    pub fn next_ms(&self) -> Option<u64> {
        let waiting = self.later.first().map(|(at, _)| *at);
        [self.state.next_deadline(), waiting].into_iter().flatten().min().map(|at| at.0)
    }

    /// Time has come for a timer or an attempt.
    pub fn wake(&mut self, now_ms: u64, cloud: &mut Cloud) {
        if self.state.next_deadline().is_some_and(|due| due.0 <= now_ms) {
            self.commit(now_ms, Command::Tick);
        }
        self.act(now_ms, cloud);
    }

    /// Another leader takes over, from a snapshot and without the memory of this one.
    ///
    /// # Panics
    /// When the state does not come back from its own snapshot.
    pub fn fail_over(&mut self, now_ms: u64) {
        let hash = self.state.state_hash();
        let mut bytes = Vec::new();
        self.state.write_snapshot(&mut bytes).expect("memory takes everything");
        self.state = ShardState::read_snapshot(&mut bytes.as_slice()).expect("a snapshot reads back");
        if self.state.state_hash() != hash {
            self.note(now_ms, "the state is another after its own snapshot");
        }
        self.engine = Engine::new();
        self.term += 1;
        (self.ready, self.later) = (BTreeSet::new(), BTreeSet::new());
        self.commit(now_ms, Command::LeaderStarted);
        self.ready = self.state.ledger().iter().map(|operation| operation.id).collect();
        self.waits_for_truth = self.has_barred();
    }

    /// Commits a command of an admin, or any other that no method makes.
    pub fn commit(&mut self, now_ms: u64, command: Command) -> Response {
        let name = command.name();
        let at = ShardTime(now_ms).max(self.state.now());
        let entry = Envelope { at, proposed_in_term: self.term, command }.encode();
        let Applied { response, events } = self.state.apply(self.state.revision() + 1, self.term, &entry);
        if let Response::Rejected(rejection) = &response {
            self.note(now_ms, &format!("the fold refuses {name}: {rejection}"));
        }
        for event in &events {
            if let Event::OperationOpened(id) | Event::AttemptOpened(id) = event {
                self.ready.insert(*id);
            }
            if let Some(changes) = &mut self.changes {
                changes.extend(change(&self.state, event));
                self.moves.extend(moved(&self.state, event));
            }
        }
        self.check_entry(now_ms, &events);
        response
    }

    /// Keeps what changes about machines from now on.
    pub fn keep_changes(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// What has changed since this was last asked, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Where repairs have moved to since this was last asked, in order; only of a leader that keeps changes.
    pub fn take_moves(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moves)
    }

    // -- cycle

    /// Decides, and commits what holds of the plan. Carries nothing out yet.
    pub fn decide(&mut self, now_ms: u64) -> Cycled {
        self.cycle += 1;
        let at = ShardTime(now_ms).max(self.state.now());
        let decision = self.engine.decide(&self.state.view(at));
        self.check_decision(now_ms, at, &decision);
        let actions: Vec<Vec<Acted>> = decision.plan.units.iter().map(|unit| self.acted(unit)).collect();
        self.decided_at = self.state.revision();
        let taken = self.put_into_log(now_ms, at, &decision.plan);
        let dropped: BTreeSet<u32> = taken.dropped.iter().map(|(unit, _)| *unit).collect();
        let standing = (0_u32..).zip(actions).filter(|(unit, _)| !dropped.contains(unit));
        let acted = standing.flat_map(|(_, actions)| actions).collect();
        Cycled { shard: self.number, number: self.cycle, at_ms: now_ms, decision, acted, taken }
    }

    fn put_into_log(&mut self, now_ms: u64, at: ShardTime, plan: &Plan) -> PlanTaken {
        let policy = &self.state.settings().policy;
        let all: Vec<(u32, DropReason)> =
            (0..).zip(&plan.units).map(|(unit, _)| (unit, DropReason::KillSwitch)).collect();
        if plan.is_empty() {
            return PlanTaken::default();
        }
        if policy.kill_switch || policy.dry_run {
            return PlanTaken { dropped: all, ..PlanTaken::default() };
        }
        let rehearsed = self.state.rehearse(plan.clone(), at);
        let mut taken = PlanTaken { dropped: rehearsed.dropped, ..PlanTaken::default() };
        for entry in PlanEntry::cut(rehearsed.plan, self.state.revision()) {
            if let Response::Plan(part) = self.commit(now_ms, Command::Plan(entry)) {
                taken.opened += part.opened;
                taken.taken += part.taken;
                for (unit, why) in part.dropped {
                    self.note(now_ms, &format!("unit {unit} was dropped after its rehearsal: {}", why.name()));
                }
            }
        }
        taken
    }

    fn acted(&self, unit: &argosy_engine::Unit) -> Vec<Acted> {
        let fleet = self.state.fleet();
        let name = |cluster: ClusterIx| fleet.words.cluster_id(cluster).to_owned();
        let cluster = |action: &argosy_engine::Action| match &action.kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => Some(assignment.claim.cluster),
            ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => fleet.machine(action.machine).cluster(),
            ActionKind::Release => None,
        };
        let acted = |action: &argosy_engine::Action| Acted {
            kind: action.kind.name(),
            machine: fleet.id(action.machine).to_owned(),
            cluster: cluster(action).map(name),
            reason: unit.reason.name(),
        };
        unit.actions.iter().map(acted).collect()
    }

    // -- actuation

    /// Makes every attempt that is due, until there is none: what ends at once may open the next.
    pub fn act(&mut self, now_ms: u64, cloud: &mut Cloud) {
        loop {
            while let Some((due, id)) = self.later.first().copied().filter(|(due, _)| due.0 <= now_ms) {
                self.later.remove(&(due, id));
                self.ready.insert(id);
            }
            let mut reports = Vec::new();
            while let Some(id) = self.ready.pop_first() {
                let Some(call) = self.state.call(id) else { continue };
                if call.not_before.0 > now_ms {
                    self.later.insert((call.not_before, id));
                    continue;
                }
                reports.extend(self.make(now_ms, &call, cloud));
            }
            if reports.is_empty() {
                return;
            }
            let is_refused = |report: &Report| matches!(report.outcome, Outcome::Refused { .. });
            let refused = reports.iter().any(is_refused);
            for batch in reports.chunks(BATCH) {
                self.commit(now_ms, Command::Outcomes(batch.to_vec()));
            }
            self.waits_for_truth |= refused && self.has_barred();
        }
    }

    fn make(&mut self, now_ms: u64, call: &Call, cloud: &mut Cloud) -> Vec<Report> {
        let report = |outcome| Report { operation: call.operation, attempt: call.attempt, outcome };
        if call.held_back {
            return vec![report(Outcome::Refused { refusal: Refusal::HeldBack, text: String::new() })];
        }
        match cloud.call(now_ms, self.number, call) {
            Answer::Accepted(seen) => {
                cloud.was_shown(self.number, &call.machine);
                let accepted = Outcome::Accepted { provider_operation: String::new() };
                vec![report(accepted), report(Outcome::Seen(seen))]
            }
            Answer::Refused(refusal) => vec![report(Outcome::Refused { refusal, text: refusal.name().to_owned() })],
            Answer::Lost => vec![report(Outcome::Unknown { text: "no answer".to_owned() })],
        }
    }

    // -- what can be seen

    /// How many machines of a cluster, or of all, are in a state.
    pub fn count(&self, state: State, cluster: Option<&str>) -> usize {
        let fleet = self.state.fleet();
        match cluster {
            None => fleet.classes().in_state(state).map(|(_, members)| members.len()).sum(),
            Some(name) => fleet.words.find_cluster(name).map_or(0, |cluster| fleet.count(state, Some(cluster))),
        }
    }

    /// Ids of a cluster's configured machines, in order of slots.
    pub fn configured(&self, cluster: &str) -> Vec<MachineIx> {
        let Some(cluster) = self.state.fleet().words.find_cluster(cluster) else { return Vec::new() };
        let classes = self.state.fleet().classes().of(State::Configured, Some(cluster));
        let mut machines: Vec<MachineIx> = classes.flat_map(|(_, members)| members.iter().copied()).collect();
        machines.sort_unstable();
        machines
    }

    fn note(&mut self, now_ms: u64, what: &str) {
        if self.broken.len() < MAX_BROKEN {
            self.broken.push(format!("{now_ms} ms, {}: {what}", self.state.shard()));
        }
    }
}

/// What an event says of a machine's state.
fn change(state: &ShardState, event: &Event) -> Option<Change> {
    match event {
        Event::MachineChanged { machine, from, to, .. } => {
            // It may have changed and gone within one entry; then the event that follows has its name.
            state.fleet().get(*machine)?;
            Some(Change { machine: state.fleet().id(*machine).to_owned(), from: *from, to: Some(*to) })
        }
        Event::MachineRemoved { id, from, .. } => Some(Change { machine: id.clone(), from: Some(*from), to: None }),
        _ => None,
    }
}

/// What an event says of a machine's repair; nothing of a slot that is free by now.
fn moved(state: &ShardState, event: &Event) -> Option<Moved> {
    let Event::RepairMoved { machine, class, to } = event else { return None };
    state.fleet().get(*machine)?;
    Some(Moved { machine: state.fleet().id(*machine).to_owned(), class: *class, to })
}
