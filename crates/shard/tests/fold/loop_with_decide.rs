//! The whole loop on the pure crates: decide, plan, actuate against a provider that delays, loses, refuses and forgets,
//! with leaders that change. Whatever happens, the invariants hold after every entry, and a replay gives the same state.

use std::collections::BTreeMap;

use argosy_model::{Duration, State};
use argosy_shard::{
    Call, Command, Fence, Listing, NeedRow, Observed, Outcome, PlanEntry, Refusal, Report, ShardState, Verb,
};
use proptest::prelude::*;

use crate::world::{PROVIDER, World, bound, row, seen};

/// A provider that keeps its contract: fences first, then position; asynchronous.
#[derive(Default)]
pub(crate) struct Provider {
    pub(crate) machines: BTreeMap<String, Observed>,
    marks: BTreeMap<String, Fence>,
    /// Effects: operation and call, with the fence under which it was executed.
    effects: BTreeMap<(String, &'static str), Vec<Fence>>,
}

impl Provider {
    fn call(&mut self, call: &Call, stock: bool) -> Result<(), Refusal> {
        if self.marks.get(&call.machine).is_some_and(|mark| *mark >= call.fence) {
            return Err(Refusal::Fenced);
        }
        self.marks.insert(call.machine.clone(), call.fence);
        let known = self.machines.get(&call.machine).ok_or(Refusal::NotFound)?;
        let state = known.machine.state;
        let (name, from, doing) = match &call.verb {
            Verb::Create => ("create", State::Speculative, seen(&call.machine, State::Creating)),
            Verb::Configure { cluster, .. } => {
                ("configure", State::Idle, bound(&call.machine, State::Configuring, cluster))
            }
            Verb::Drain { cluster, .. } => ("drain", State::Configured, bound(&call.machine, State::Draining, cluster)),
            Verb::Delete => ("delete", State::Idle, seen(&call.machine, State::Deleting)),
        };
        if state == doing.machine.state {
            return Ok(());
        }
        if state != from {
            return Err(Refusal::OutOfPosition);
        }
        if name == "create" && !stock {
            return Err(Refusal::StockOut);
        }
        self.machines.insert(call.machine.clone(), doing);
        self.effects.entry((call.operation.to_string(), name)).or_default().push(call.fence);
        Ok(())
    }

    pub(crate) fn finish(&mut self, nth: usize, fails: bool) {
        let busy: Vec<String> =
            self.machines.iter().filter(|(_, m)| m.machine.state.is_transitional()).map(|(id, _)| id.clone()).collect();
        let Some(id) = busy.get(nth % busy.len().max(1)) else { return };
        let now = &self.machines[id];
        let cluster = now.machine.cluster.clone().unwrap_or_default();
        let next = match now.machine.state {
            _ if fails => seen(id, State::Failed),
            State::Creating | State::Draining => seen(id, State::Idle),
            State::Configuring => bound(id, State::Configured, &cluster),
            _ => seen(id, State::Speculative),
        };
        self.machines.insert(id.clone(), next);
    }
}

pub(crate) struct Loop {
    pub(crate) world: World,
    pub(crate) provider: Provider,
    /// Calls on their way: they may be executed late, or never.
    pub(crate) wire: Vec<Call>,
    /// Answers on their way: what was asked, when, and what was seen then.
    answers: Vec<Listing>,
}

impl Loop {
    pub(crate) fn new() -> Self {
        let mut provider = Provider::default();
        for n in 0..8 {
            let id = format!("m{n}");
            let state = if n % 2 == 0 { State::Idle } else { State::Speculative };
            provider.machines.insert(id.clone(), seen(&id, state));
        }
        Self { world: World::new().adopting_in_transit(), provider, wire: Vec::new(), answers: Vec::new() }
    }

    pub(crate) fn list(&mut self) {
        let machines = self.provider.machines.values().cloned().collect();
        let asked_at = self.world.state.revision();
        self.answers.push(Listing {
            provider: PROVIDER.to_owned(),
            asked_at,
            machines,
            complete: true,
            ..Listing::default()
        });
    }

    pub(crate) fn learn(&mut self) {
        if !self.answers.is_empty() {
            let answer = self.answers.remove(0);
            for command in self.world.state.diff_observation(&answer).commands {
                self.world.apply(command);
            }
        }
    }

    pub(crate) fn decide(&mut self) {
        let state = &self.world.state;
        let decision = argosy_engine::decide(&state.view(self.world.at));
        let rehearsed = state.rehearse(decision.plan, self.world.at);
        if !rehearsed.plan.is_empty() {
            let based_on = state.revision();
            let opened_before = state.ledger().len();
            let units = rehearsed.plan.units;
            let expected: usize = units.iter().map(|unit| unit.actions.len()).sum();
            self.world.apply(Command::Plan(PlanEntry { based_on, units, marks: rehearsed.plan.marks }));
            assert_eq!(self.world.state.ledger().len(), opened_before + expected, "what was rehearsed is taken");
        }
        let calls = self.world.state.ledger().iter().filter_map(|operation| self.world.state.call(operation.id));
        let due = calls.filter(|call| call.not_before <= self.world.at).collect::<Vec<_>>();
        self.wire.extend(due);
    }

    /// One call on the wire arrives: executed or not, its answer heard or not.
    pub(crate) fn deliver(&mut self, nth: usize, fate: u8) {
        if self.wire.is_empty() {
            return;
        }
        let call = self.wire.remove(nth % self.wire.len());
        let report =
            |outcome| Command::Outcomes(vec![Report { operation: call.operation, attempt: call.attempt, outcome }]);
        let lost = || report(Outcome::Unknown { text: "timeout".to_owned() });
        let command = match fate % 6 {
            0 => lost(),
            1 => {
                let _ = self.provider.call(&call, true);
                lost()
            }
            2 => {
                // Nobody hears, and the call is still on its way.
                self.wire.push(call.clone());
                lost()
            }
            3 if matches!(call.verb, Verb::Configure { .. }) => {
                report(Outcome::Refused { refusal: Refusal::NoBlob, text: String::new() })
            }
            fate => match self.provider.call(&call, fate != 4) {
                Ok(()) => report(Outcome::Accepted { provider_operation: String::new() }),
                Err(refusal) => report(Outcome::Refused { refusal, text: String::new() }),
            },
        };
        self.world.apply(command);
    }

    pub(crate) fn step(&mut self, what: u8, nth: usize, fate: u8) {
        let state = &self.world.state;
        match what % 16 {
            0 | 1 => self.list(),
            2 | 3 => self.learn(),
            4 | 5 => self.decide(),
            6..=8 => self.deliver(nth, fate),
            9..=11 => self.provider.finish(nth, fate.is_multiple_of(16)),
            12 | 13 => {
                let rows: Vec<NeedRow> =
                    (0..i32::from(fate % 3)).map(|p| row(p * 10, 8_000 * (nth as u64 % 4 + 1))).collect();
                let cluster = ["c", "d"][nth % 2];
                if let Some(command) = state.diff_rollup(cluster, &rows) {
                    self.world.apply(command);
                }
            }
            14 if fate.is_multiple_of(4) => {
                self.world.term += 1;
                self.answers.clear();
                self.world.apply(Command::LeaderStarted);
            }
            _ if fate.is_multiple_of(16) => self.world.pass(Duration::from_secs(u64::from(fate) * 10)),
            _ => self.world.pass(Duration::from_secs(u64::from(fate % 16))),
        }
    }

    /// No operation has two effects of one call, and none came under an older fence than one before it.
    pub(crate) fn assert_effects(&self) {
        for (what, fences) in &self.provider.effects {
            assert_eq!(fences.len(), 1, "{what:?} was executed twice");
        }
    }
}

pub(crate) fn replayed(from: ShardState, log: &[(u64, u64, Vec<u8>)]) -> ShardState {
    let mut state = from;
    for (index, term, bytes) in
        log.iter().filter(|(index, _, _)| *index > state.revision()).cloned().collect::<Vec<_>>()
    {
        state.apply(index, term, &bytes);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn nothing_is_lost_or_doubled_and_every_replay_agrees(
        steps in proptest::collection::vec((any::<u8>(), 0usize..16, any::<u8>()), 1..500),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut run = Loop::new();
        run.list();
        run.learn();
        for (what, nth, fate) in steps {
            run.step(what, nth, fate);
            run.assert_effects();
        }
        let log = &run.world.log;
        let hash = run.world.state.state_hash();
        prop_assert_eq!(replayed(ShardState::new(), log).state_hash(), hash);
        let half = replayed(ShardState::new(), &log[..cut.index(log.len())]);
        let mut bytes = Vec::new();
        half.write_snapshot(&mut bytes).expect("memory takes everything");
        let restored = ShardState::read_snapshot(&mut bytes.as_slice()).expect("sound");
        prop_assert_eq!(replayed(restored, log).state_hash(), hash);
    }
}

#[test]
fn a_quiet_provider_brings_demand_and_supply_together() {
    let mut run = Loop::new();
    run.list();
    run.learn();
    run.world.ask("c", &[row(10, 6 * 8_000)]);
    for _ in 0..12 {
        run.decide();
        while !run.wire.is_empty() {
            run.deliver(0, 5);
        }
        (0..8).for_each(|nth| run.provider.finish(nth, false));
        run.list();
        run.learn();
        run.world.pass(Duration::from_secs(1));
    }
    let cluster = run.world.state.fleet().words.find_cluster("c");
    assert_eq!(run.world.state.fleet().count(State::Configured, cluster), 6);
    assert!(run.world.state.ledger().is_empty());
    run.assert_effects();
}
