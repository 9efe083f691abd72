//! Observations: what a provider shows, folded into what the log knows. The judgement is [`crate::judge`]'s; here it
//! is acted on.

use std::sync::Arc;

use argosy_model::fleet::Aside;
use argosy_model::{Cause, Claim, Flags, Machine, MachineIx, NeedKey, ShapeIx, State};

use super::Fold;
use super::machines::assigned;
use crate::command::Observe;
use crate::event::Event;
use crate::judge::{self, Meaning, Record};
use crate::lanes::Trouble;
use crate::observed::{ObservedMachine, ObservedShape};
use crate::operation::{Ending, Kind, Operation, Progress, Refusal, Step};
use crate::plant::{Bug, planted};
use crate::response::{Rejection, Response};
use crate::{echo, rails, shapes};

/// Longest name of a provider, in bytes.
const MAX_PROVIDER: usize = 256;

impl Fold<'_> {
    pub(super) fn observe(&mut self, observe: &Observe) -> Result<Response, Rejection> {
        let in_range = |(shape, _): &(u32, ObservedMachine)| (*shape as usize) < observe.shapes.len();
        if observe.provider.is_empty()
            || observe.provider.len() > MAX_PROVIDER
            || !observe.machines.iter().all(in_range)
        {
            let provider = observe.provider.chars().take(MAX_PROVIDER).collect();
            return Err(Rejection::Observation { provider });
        }
        let asked_at = observe.asked_at.min(self.index - 1);
        let known = self.state.fleet.find_each(observe.machines.iter().map(|(_, machine)| machine.id.as_str()));
        let mut handles = self.handles(observe, &known);
        let are_sane: Vec<bool> = observe.shapes.iter().map(shapes::is_sane).collect();
        self.events.reserve(2 * observe.machines.len());
        let (mut changed, mut screened) = (0, observe.unreadable);
        for ((at, machine), known) in observe.machines.iter().zip(known) {
            let at = *at as usize;
            let shape = &observe.shapes[at];
            // What is not known yet may have been adopted from an earlier place of this very entry.
            let known = known.or_else(|| self.state.fleet.find(&machine.id));
            let (provider, is_sane, handle) = (&*observe.provider, are_sane[at], handles[at]);
            let record = Record { provider, asked_at, shape, is_sane, handle, machine, known };
            let meaning = judge::judge(self.state, &record);
            match meaning {
                Meaning::Screened => screened += 1,
                Meaning::Foreign => self.state.counters.foreign += 1,
                _ => {}
            }
            if meaning.is_news() {
                let words = &mut self.state.fleet.words;
                let shape = *handles[at].get_or_insert_with(|| shapes::intern(shape, &observe.provider, words));
                self.learn(meaning, known, shape, machine);
                changed += 1;
            }
        }
        changed += self.vanish(observe, asked_at);
        self.state.counters.screened += u64::from(screened);
        let provider = self.state.fleet.words.symbol(&observe.provider);
        self.state.settled.asked(provider, asked_at);
        Ok(Response::Observed { changed, screened })
    }

    /// The handles of a listing's shapes, as far as the shard has seen them.
    fn handles(&self, observe: &Observe, known: &[Option<MachineIx>]) -> Vec<Option<ShapeIx>> {
        let mut as_before = vec![None; observe.shapes.len()];
        for ((at, _), known) in observe.machines.iter().zip(known) {
            let machine = known.map(|ix| self.state.fleet.machine(ix));
            as_before[*at as usize] = as_before[*at as usize].or(machine.map(|machine| machine.shape));
        }
        let words = &self.state.fleet.words;
        let handle = |(shape, as_before): (&ObservedShape, Option<ShapeIx>)| {
            let is_it = |ix: &ShapeIx| shapes::is(shape, &observe.provider, words.shape_of(*ix), words);
            as_before.filter(is_it).or_else(|| shapes::find(shape, &observe.provider, words))
        };
        observe.shapes.iter().zip(as_before).map(handle).collect()
    }

    fn vanish(&mut self, observe: &Observe, asked_at: u64) -> u32 {
        let mut removed = 0;
        for id in &observe.gone {
            if let Some(ix) = self.state.is_gone(&observe.provider, asked_at, id) {
                self.remove(ix);
                removed += 1;
            }
        }
        removed
    }

    /// Acts on a record that is news.
    pub(super) fn learn(&mut self, meaning: Meaning, known: Option<MachineIx>, shape: ShapeIx, seen: &ObservedMachine) {
        let Some(ix) = known else {
            assert_eq!(meaning, Meaning::New, "only a new machine is unknown");
            return self.adopt(shape, seen);
        };
        match meaning {
            Meaning::Changed(cause) => self.change(ix, shape, seen, cause),
            Meaning::Accepted => self.accepted(ix),
            Meaning::Ended(ending) => self.end(ix, shape, seen, ending),
            Meaning::New | Meaning::Nothing | Meaning::Stale | Meaning::Screened | Meaning::Foreign => {}
        }
    }

    /// Takes in a machine that was not known; what it was bound for is read from the echo.
    fn adopt(&mut self, shape: ShapeIx, seen: &ObservedMachine) {
        let mut machine = Machine::new(shape, seen.state, self.state.now);
        if let Some(cluster) = seen.cluster.as_ref().filter(|_| seen.state.is_bound()) {
            let words = &mut self.state.fleet.words;
            let cluster = words.cluster(cluster);
            machine = assigned(machine, &echo::decode(&seen.metadata, cluster, words, &self.state.profiles));
        }
        if machine.state == State::Failed {
            machine.flags = machine.flags.with(Flags::HOST, seen.host.is_some());
        }
        machine.flags = machine.flags.with(Flags::NOTICE, judge::notice(seen));
        let aside = Aside {
            host: seen.host.as_deref().map(Arc::from),
            error: (seen.state == State::Failed).then(|| Arc::from(judge::error_text(seen))),
        };
        let had_free_slot = self.state.fleet.len() < self.state.fleet.slots();
        let ix = self.state.fleet.add(&seen.id, machine, aside).expect("a judged record is sound and new");
        if had_free_slot {
            self.state.slots_reused_at = self.index;
        }
        self.state.counters.adopted += 1;
        self.note_found(ix, seen.state, machine.cluster());
        self.events.push(Event::MachineChanged { machine: ix, from: None, to: seen.state, cluster: machine.cluster() });
    }

    /// Writes what a provider shows of a machine on which nothing is under way.
    fn change(&mut self, ix: MachineIx, shape: ShapeIx, seen: &ObservedMachine, cause: Cause) {
        let before = *self.state.fleet.machine(ix);
        if cause == Cause::Lost {
            self.state.counters.lost += 1;
        }
        if before.state == State::Speculative && seen.state == State::Failed {
            self.fail_slot(ix, shape, seen);
        } else {
            self.show(ix, shape, seen, cause);
        }
        if before.state != seen.state {
            self.settle(ix);
        }
    }

    /// Writes a machine as its provider shows it. One that would pass from holder to holder goes through Idle.
    fn show(&mut self, ix: MachineIx, shape: ShapeIx, seen: &ObservedMachine, cause: Cause) {
        let known = self.state.fleet.machine(ix);
        let holder = known.cluster().map(|cluster| self.state.fleet.words.cluster_id(cluster));
        let changes_hands = known.state.is_bound()
            && seen.state.is_bound()
            && seen.cluster.as_deref().is_some_and(|cluster| Some(cluster) != holder);
        if changes_hands {
            self.pass_through(ix, State::Idle);
            return self.show(ix, shape, seen, Cause::Skipped);
        }
        let (next, aside) = self.shown(ix, shape, seen);
        self.write(ix, next, aside, cause).expect("a judged record is sound and its edge legal");
    }

    /// Writes that a slot has failed. Its record goes through Creating, as every record that fails without hardware does; nothing is created,
    /// and nobody is told that anything was.
    fn fail_slot(&mut self, ix: MachineIx, shape: ShapeIx, seen: &ObservedMachine) {
        let before = *self.state.fleet.machine(ix);
        let (creating, aside) = (before.moved(State::Creating, self.state.now), self.state.fleet.aside(ix));
        self.record(ix, creating, aside, Cause::Skipped).expect("every state but Failed may be skipped to");
        let (failed, aside) = self.shown(ix, shape, seen);
        self.record(ix, failed, aside, Cause::Provider).expect("a judged record is sound and its edge legal");
        self.note_change(ix, &before, None);
    }

    fn pass_through(&mut self, ix: MachineIx, state: State) {
        let machine = self.state.fleet.machine(ix).moved(state, self.state.now);
        let aside = Aside { error: None, ..self.state.fleet.aside(ix) };
        self.write(ix, machine, aside, Cause::Skipped).expect("every state but Failed may be skipped to");
    }

    /// The provider is at the operation on this machine.
    pub(super) fn accepted(&mut self, ix: MachineIx) {
        let mut operation = *self.state.ledger.on(ix).expect("there is an operation to accept");
        operation.attempt.progress = Progress::Accepted { at: self.index };
        self.state.ledger.update(operation);
        self.events.push(Event::AttemptAccepted(operation.id));
        if planted(Bug::DrainDoneWhenAccepted) && operation.step == Step::Drain {
            self.pass_through(ix, State::Idle);
        }
    }

    /// The operation on this machine is over, and the provider has shown how.
    fn end(&mut self, ix: MachineIx, shape: ShapeIx, seen: &ObservedMachine, ending: Ending) {
        let operation = *self.state.ledger.on(ix).expect("there is an operation to end");
        let from = self.state.fleet.machine(ix).state;
        let cause = match ending {
            Ending::Refused(_) => Cause::Refused,
            Ending::Lost => Cause::Lost,
            Ending::Overtaken => Cause::Skipped,
            Ending::Done | Ending::Failed | Ending::Unneeded | Ending::TimedOut => Cause::Provider,
        };
        self.show(ix, shape, seen, if from == seen.state { Cause::Provider } else { cause });
        self.settle(ix);
        match ending {
            Ending::Done if operation.kind == Kind::Provision && operation.step == Step::Create => {
                self.forgive(ix);
                self.creation_succeeded(ix);
                return self.bind_created(operation);
            }
            Ending::Done => self.forgive(ix),
            Ending::Refused(why) => {
                self.creation_failed(&operation, Trouble::of(why).filter(|_| why == Refusal::Undone));
                self.turned_down(ix, why);
            }
            Ending::Failed => self.creation_failed(&operation, Some(Trouble::Failed)),
            Ending::Lost => self.state.counters.lost += 1,
            _ => {}
        }
        self.close(ix, ending);
        if matches!(ending, Ending::Failed | Ending::Lost) {
            self.guard_late_call(&operation);
        }
    }

    /// A machine that was turned down is left alone, unless it was not the machine's fault.
    pub(super) fn turned_down(&mut self, ix: MachineIx, why: Refusal) {
        if !matches!(why, Refusal::NoBlob | Refusal::HeldBack) {
            self.cool(ix, true);
        }
    }

    /// The machine that a provision asked for is there: it is bound at once if its need still stands, else it stays idle.
    fn bind_created(&mut self, mut operation: Operation) {
        let ix = operation.machine;
        let assignment = operation.assignment.expect("a provision is for somebody");
        let machine = *self.state.fleet.machine(ix);
        let held = rails::standstill(&self.state.settings.policy).is_some() || !machine.is_usable();
        if held || !self.need_stands(&assignment.claim) {
            self.close(ix, Ending::Unneeded);
            return;
        }
        operation.step = Step::Configure;
        operation.maybe_executed = false;
        operation.deadline = self.state.now.plus(self.state.settings.limits.of(Step::Configure, operation.grace));
        let next = Self::begun(&machine, &operation, self.state.now);
        let aside = self.state.fleet.aside(ix);
        self.write(ix, next, aside, Cause::Decided).expect("an idle machine may be configured");
        let opened = self.open_attempt(operation, self.state.now);
        assert!(opened, "the creation was attempted by an earlier entry than the one that saw its end");
    }

    /// Whether the need that a machine is acquired for still stands: the row itself, or a gang that folds into it.
    fn need_stands(&self, claim: &Claim) -> bool {
        let Some(profile) = claim.profile else {
            return false;
        };
        let exact = NeedKey { cluster: claim.cluster, profile, group: claim.group, fold: 0 };
        let folded = claim.group.is_none() && self.folds_into(claim.cluster, profile);
        self.state.demand.get(&exact).is_some() || folded
    }
}
