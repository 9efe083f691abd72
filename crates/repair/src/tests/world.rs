//! A fleet of a few machines beside a book: an engine that drains what is flagged, a provider that takes back what is
//! condemned, agents that do what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::{Duration, MachineIx, ShardTime, State};

use crate::book::Report;
use crate::{
    Acted, At, Book, Census, Class, Closed, Ending, Gate, Heard, Late, Move, Moves, Place, Policy, Sight, Situation,
    Step, StepMove, Stepped, Tally, decide, parse, wait,
};

/// A machine.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) state: State,
    pub(super) is_elastic: bool,
    pub(super) unfit: Option<Class>,
    pub(super) place: Place,
}

/// All of it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) book: Book,
    pub(super) policy: Policy,
    pub(super) hosts: Vec<Host>,
    pub(super) now: ShardTime,
    pub(super) index: u64,
    /// How often each machine was given back.
    pub(super) deleted: BTreeMap<usize, u32>,
    /// Orders that agents have carried out.
    pub(super) carried_out: BTreeMap<u64, u32>,
}

pub(super) fn ix(host: usize) -> MachineIx {
    MachineIx::from_index(host)
}

impl World {
    /// So many machines, five to a rack, all of pool p.
    pub(super) fn of(hosts: usize, policy: &str) -> Self {
        let place = |host: usize| Place {
            cluster: None,
            pool: Some(Arc::from("p")),
            zone: Some(Arc::from("z")),
            rack: Some(Arc::from(format!("z/r{}", host / 5))),
        };
        let host = |at| Host { state: State::Configured, is_elastic: true, unfit: None, place: place(at) };
        Self {
            book: Book::default(),
            policy: parse("policy", policy).expect("a sound policy"),
            hosts: (0..hosts).map(host).collect(),
            now: ShardTime(1_000_000),
            index: 10,
            deleted: BTreeMap::new(),
            carried_out: BTreeMap::new(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::of(&self.book);
        for domain in self.hosts.iter().flat_map(|host| host.place.domains()) {
            tally.count(domain.scope, &domain.name, 1);
        }
        tally
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// A verdict is committed.
    pub(super) fn report(&mut self, host: usize, unfit: Option<Class>) -> Heard {
        self.hosts[host].unfit = unfit;
        self.index += 1;
        let report = Report {
            unfit,
            reason: "because".to_owned(),
            place: self.hosts[host].place.clone(),
            is_warming_up: false,
            keep: self.policy.longest_window(),
        };
        self.book.heard(ix(host), report, self.now)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Situation<'_>) -> T) -> T {
        let tally = || self.tally();
        let census = Census::new(&tally);
        let sight = |machine: MachineIx| {
            let host = self.hosts.get(machine.index())?;
            Some(Sight { state: host.state, is_elastic: host.is_elastic })
        };
        look(&Situation {
            book: &self.book,
            policy: &self.policy,
            census: &census,
            sight: &sight,
            now: self.now,
            in_force: Vec::new(),
            standstill: false,
        })
    }

    /// What a leader that sees this proposes.
    pub(super) fn decide(&self) -> Moves {
        self.look(decide)
    }

    pub(super) fn waits(&self, host: usize) -> Option<crate::Wait> {
        self.look(|at| wait(at, &at.gate(), ix(host)))
    }

    /// A proposal is committed; what came of each of its steps.
    pub(super) fn apply(&mut self, moves: &Moves) -> Vec<Result<Stepped, Late>> {
        self.index += 1;
        let (before, policy) = (self.tally(), self.policy.clone());
        let tally = || before.clone();
        let census = Census::new(&tally);
        for domain in &moves.trips {
            let hosts = self.hosts.clone();
            let is_serving = |machine: MachineIx| hosts[machine.index()].state == State::Configured;
            self.book.trip(domain, &policy, &census, self.now, is_serving);
        }
        let mut gate = Gate::new(&self.book, &policy, &census, self.now, &[], false);
        let mut results = Vec::new();
        for step in &moves.steps {
            let host = &self.hosts[step.machine.index()];
            let sight = Sight { state: host.state, is_elastic: host.is_elastic };
            let at = At { policy: &policy, sight, now: self.now, index: self.index };
            results.push(self.book.step(step, at, &mut gate));
        }
        results
    }

    /// One leader decides, and what it proposes is committed.
    pub(super) fn cycle(&mut self) {
        let moves = self.decide();
        let results = self.apply(&moves);
        assert!(results.iter().all(Result::is_ok), "one leader alone is never too late: {moves:?}: {results:?}");
    }

    /// The engine and the provider each do what is next for a machine.
    pub(super) fn turn(&mut self, host: usize) {
        let step = self.book.get(ix(host)).map(|repair| repair.step);
        let is_out = step.is_some_and(Step::is_out);
        let state = self.hosts[host].state;
        self.hosts[host].state = match state {
            State::Configured if is_out => State::Draining,
            State::Draining => State::Idle,
            State::Idle if step == Some(Step::Condemned) => State::Deleting,
            State::Deleting => {
                *self.deleted.entry(host).or_default() += 1;
                State::Speculative
            }
            State::Idle | State::Speculative if !is_out => State::Configured,
            other => other,
        };
        if state == State::Deleting {
            self.hosts[host].unfit = None;
            let closed = self.book.gone(ix(host));
            assert!(matches!(closed, Some(Closed { ending: Ending::Replaced, .. })), "{closed:?}");
        }
    }

    /// The agent of a machine does what it was told, if it was: the same order is the same act. Returns what is to be proposed.
    pub(super) fn act(&mut self, host: usize, helps: bool) -> Option<StepMove> {
        let repair = self.book.get(ix(host))?.clone();
        let Step::Acting { order, .. } = repair.step else { return None };
        let times = self.carried_out.entry(order).or_default();
        *times += 1;
        // Nothing that an agent does helps where more is called for.
        if *times == 1 && helps && self.hosts[host].unfit <= Some(repair.class) {
            self.report(host, None);
        }
        let base = self.book.get(ix(host))?.updates;
        Some(StepMove { machine: ix(host), base, step: Move::Acted { order, outcome: Acted::Done } })
    }

    pub(super) fn step_of(&self, host: usize) -> Option<&'static str> {
        self.book.get(ix(host)).map(|repair| repair.step.name())
    }
}
