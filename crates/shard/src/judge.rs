//! What a provider's record of a machine means, beside what the log knows. Pure: the leader drops what means nothing, the
//! fold acts on the rest, and both ask here.

use argosy_failpoint::{Planted, planted};
use argosy_model::{Cause, Flags, Machine, MachineIx, ShapeIx, State};

use crate::observed::{Listing, ObservedMachine, ObservedShape};
use crate::operation::{Ending, Operation, Progress, Refusal, Step};
use crate::plant::{self, Bug};
use crate::state::ShardState;

/// Longest text that a provider may give for a host or an error, in bytes; the error is cut, the host refused.
pub(crate) const MAX_PROVIDER_TEXT: usize = 1_024;

/// What a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// What is known already, or what an operation under way explains.
    Nothing,
    /// It was asked for before the log learnt something newer.
    Stale,
    /// It breaks a rule; the last good record is kept.
    Screened,
    /// Another shard's, or an id that another provider has.
    Foreign,
    /// A machine that was not known.
    New,
    /// A known machine without an operation has changed.
    Changed(Cause),
    /// The provider is at the operation that is under way.
    Accepted,
    /// The operation that is under way is over.
    Ended(Ending),
}

impl Meaning {
    /// Whether it belongs in the log.
    pub(crate) fn is_news(self) -> bool {
        matches!(self, Self::New | Self::Changed(_) | Self::Accepted | Self::Ended(_))
    }
}

/// A record on its way through judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The provider that gave it.
    pub(crate) provider: &'a str,
    /// The log index that was applied when it was asked for.
    pub(crate) asked_at: u64,
    /// What the machine shares with others.
    pub(crate) shape: &'a ObservedShape,
    /// Whether that shape keeps the limits: asked once for all machines that share it.
    pub(crate) is_sane: bool,
    /// That shape's handle with this provider, if the shard has seen it.
    pub(crate) handle: Option<ShapeIx>,
    /// The machine itself.
    pub(crate) machine: &'a ObservedMachine,
    /// Its slot, if the shard has it: looked up once, because among a million ids that is dear.
    pub(crate) known: Option<MachineIx>,
}

/// What a record means.
pub(crate) fn judge(state: &ShardState, record: &Record<'_>) -> Meaning {
    let seen = record.machine;
    if !is_sound(seen) || !record.is_sane {
        return Meaning::Screened;
    }
    let Some(ix) = record.known else {
        let ours = state.ownership.owns_machine(record.provider, &seen.id, record.shape);
        return match (ours, is_complete(seen)) {
            (false, _) => Meaning::Foreign,
            (true, true) => Meaning::New,
            (true, false) => Meaning::Screened,
        };
    };
    // A shape is one provider's, so the machine whose shape is as before need not be asked for its provider.
    let is_as_before = record.handle == Some(state.fleet.machine(ix).shape);
    if !is_as_before && state.provider_of(ix) != record.provider {
        return Meaning::Foreign;
    }
    if state.settled.is_stale(ix, record.asked_at) {
        return Meaning::Stale;
    }
    match state.ledger.on(ix) {
        Some(operation) => match judge_operation(state, operation, record.asked_at, seen) {
            Meaning::Ended(Ending::Overtaken) if !is_complete(seen) => Meaning::Screened,
            meaning => meaning,
        },
        None if !is_complete(seen) => Meaning::Screened,
        None => judge_machine(state, ix, record),
    }
}

/// What a record means for the operation under way on its machine. An operation is never cancelled by what its provider
/// shows unless the provider has had its say: until then the machine's former state means that the call is on its way.
pub(crate) fn judge_operation(
    state: &ShardState,
    operation: &Operation,
    asked_at: u64,
    seen: &ObservedMachine,
) -> Meaning {
    let attempt = &operation.attempt;
    if asked_at < attempt.fence.sequence && !planted(Planted::StaleListingBelieved) {
        return Meaning::Stale;
    }
    let refused = match attempt.progress {
        Progress::Open => None,
        Progress::Accepted { at } => (asked_at >= at).then_some(Refusal::Undone),
        Progress::Barred { at, why } => (asked_at >= at).then_some(why),
    };
    let step = operation.step;
    let elsewhere = refused.map_or(Meaning::Nothing, |_| Meaning::Ended(Ending::Overtaken));
    let meant = operation.assignment.map(|assignment| state.fleet.words.cluster_id(assignment.claim.cluster));
    let for_another = step == Step::Configure && seen.cluster.as_deref().is_some_and(|cluster| Some(cluster) != meant);
    match seen.state {
        now if now == step.target() && for_another => Meaning::Ended(Ending::Overtaken),
        now if now == step.target() => Meaning::Ended(Ending::Done),
        now if now == step.doing() && for_another => elsewhere,
        now if now == step.doing() => match attempt.progress {
            Progress::Accepted { .. } => Meaning::Nothing,
            Progress::Open | Progress::Barred { .. } => Meaning::Accepted,
        },
        State::Failed => Meaning::Ended(Ending::Failed),
        now if now == step.start() => refused.map_or(Meaning::Nothing, |why| Meaning::Ended(Ending::Refused(why))),
        State::Speculative => Meaning::Ended(Ending::Lost),
        _ => elsewhere,
    }
}

/// What a record means for a known machine on which nothing is under way.
fn judge_machine(state: &ShardState, ix: MachineIx, record: &Record<'_>) -> Meaning {
    let known = state.fleet.machine(ix);
    let seen = record.machine;
    if known.state != seen.state {
        return cause(known.state, seen.state).map_or(Meaning::Nothing, Meaning::Changed);
    }
    let unchanged = record.handle == Some(known.shape) && is_as_known(state, ix, known, seen);
    if unchanged { Meaning::Nothing } else { Meaning::Changed(Cause::Provider) }
}

/// Whether a record in the known state tells nothing new beside its shape.
fn is_as_known(state: &ShardState, ix: MachineIx, known: &Machine, seen: &ObservedMachine) -> bool {
    let holder = known.cluster().map(|cluster| state.fleet.words.cluster_id(cluster));
    let same_holder = !known.state.is_bound() || seen.cluster.is_none() || seen.cluster.as_deref() == holder;
    let same_host = !known.flags.has(Flags::HOST) || seen.host.as_deref() == state.fleet.host(ix);
    let same_error = known.state != State::Failed || Some(error_text(seen)) == state.fleet.error(ix);
    let same_notice = notice(seen) == known.flags.has(Flags::NOTICE);
    same_holder && same_host && same_error && same_notice
}

/// Why a machine on which nothing is under way may go from one state to another; `None` if it may not: a failed machine
/// comes back only by being well.
fn cause(from: State, to: State) -> Option<Cause> {
    match (from, to) {
        (State::Failed, State::Speculative | State::Idle | State::Configured) => Some(Cause::Recovered),
        (State::Failed, _) => None,
        (_, State::Failed) if from.is_transitional() => Some(Cause::Provider),
        (State::Speculative, State::Failed) => Some(Cause::Skipped),
        (_, State::Failed) => Some(Cause::Lost),
        (State::Deleting, State::Speculative) => Some(Cause::Provider),
        (_, State::Speculative) => Some(Cause::Lost),
        _ if argosy_model::lifecycle::is_legal(from, to, Cause::Provider) => Some(Cause::Provider),
        _ => Some(Cause::Skipped).filter(|_| !plant::planted(Bug::SkippedStatesIgnored)),
    }
}

/// Whether the provider's announcement of an interruption counts: only for what has hardware.
pub(crate) fn notice(seen: &ObservedMachine) -> bool {
    seen.notice && !matches!(seen.state, State::Speculative | State::Creating)
}

/// What went wrong, in the provider's words, cut to a sane length.
pub(crate) fn error_text(seen: &ObservedMachine) -> &str {
    let text = seen.last_error.as_deref().filter(|text| !text.is_empty());
    let text = text.unwrap_or("its provider gives no reason");
    let end = (0..=MAX_PROVIDER_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Whether a record keeps the rules that hold in every state.
fn is_sound(seen: &ObservedMachine) -> bool {
    let sized = |text: &Option<String>| text.as_ref().is_none_or(|t| !t.is_empty() && t.len() <= MAX_PROVIDER_TEXT);
    let id = !seen.id.is_empty() && seen.id.len() <= argosy_model::names::Names::MAX_ID_BYTES;
    let bodiless = matches!(seen.state, State::Speculative | State::Creating);
    let free = matches!(seen.state, State::Speculative | State::Creating | State::Idle | State::Deleting);
    id && sized(&seen.host)
        && sized(&seen.cluster)
        && !(bodiless && seen.host.is_some())
        && !(free && seen.cluster.is_some())
}

/// Whether a record says all that a machine in its state must have: what is not known from an operation.
fn is_complete(seen: &ObservedMachine) -> bool {
    let bodily = matches!(seen.state, State::Idle | State::Deleting) || seen.state.is_bound();
    let bound = seen.state.is_bound();
    (!bodily || seen.host.is_some()) && (!bound || seen.cluster.is_some())
}

impl ShardState {
    /// The machines of a complete listing's provider that it does not name, and those that it says are gone, unless the
    /// log knows better.
    pub(crate) fn gone_by(&self, listing: &Listing) -> Vec<String> {
        let mut gone: Vec<String> = listing.gone.clone();
        if listing.complete {
            let named: std::collections::BTreeSet<&str> = listing
                .machines
                .iter()
                .map(|seen| seen.machine.id.as_str())
                .chain(listing.unreadable.iter().map(String::as_str))
                .collect();
            let unnamed = self.fleet.iter().map(|(ix, _)| self.fleet.id(ix)).filter(|id| !named.contains(id));
            gone.extend(unnamed.map(str::to_owned));
        }
        gone.retain(|id| self.is_gone(&listing.provider, listing.asked_at, id).is_some());
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    /// The machine behind an id that `provider` says is gone, if it is the provider's, and the log knows nothing newer.
    pub(crate) fn is_gone(&self, provider: &str, asked_at: u64, id: &str) -> Option<MachineIx> {
        let ix = self.fleet.find(id)?;
        let under_way = self.ledger.on(ix).map_or(0, |operation| operation.attempt.fence.sequence);
        let fresh = !self.settled.is_stale(ix, asked_at) && asked_at >= under_way;
        (fresh && self.provider_of(ix) == provider).then_some(ix)
    }
}
