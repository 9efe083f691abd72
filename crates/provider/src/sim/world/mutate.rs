//! The four calls that change machines, by the rules of the contract: fence, then existence, then repetition, then position.

use argosy_proto::argosy::v1::{Effect, OperationTag, effect};
use argosy_proto::bigfleet::v1alpha1 as api;

use super::super::draw::Purpose;
use super::super::slot::Binding;
use super::World;
use crate::contract::{Ask, Call, Kind, Refused, Token};

/// Marks are kept for ids that do not exist, as the contract asks; not for more of them than this, since anybody can make ids up.
const MAX_STRANGERS: usize = 65_536;

/// What becomes of the acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Lost {
    /// The call fails although it was applied.
    Error,
    /// No answer at all.
    Silence,
}

/// What the caller is to be told, once it is durable.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Answer {
    pub(in super::super) ack: api::TransitionAck,
    pub(in super::super) lost: Option<Lost>,
    pub(in super::super) delay_ms: u64,
}

impl World {
    /// Carries out one call.
    pub(in super::super) fn mutate(&mut self, call: Call) -> Result<Answer, Refused> {
        let outcome = self.try_mutate(call);
        self.count(match &outcome {
            Ok(Answer { lost: None, .. }) => "acknowledged",
            Ok(Answer { lost: Some(Lost::Error), .. }) => "lost_ack",
            Ok(Answer { lost: Some(Lost::Silence), .. }) => "hang",
            Err(Refused::Invalid(_)) => "invalid",
            Err(Refused::Fenced) => "fenced",
            Err(Refused::NotFound) => "not_found",
            Err(Refused::OutOfPosition(_)) => "out_of_position",
            Err(Refused::Unsupported(_)) => "unsupported",
            Err(Refused::Throttled { .. }) => "throttled",
            Err(Refused::Unavailable(_)) => "unavailable",
        });
        outcome
    }

    fn try_mutate(&mut self, call: Call) -> Result<Answer, Refused> {
        call.check(self.rules.allow_unfenced)?;
        let found = self.find(&call.machine_id);
        if let Some(ix) = found {
            self.slots[ix as usize].life.calls += 1;
            self.journal.slots.insert(ix);
            if self.call_draw(ix, Purpose::Unavailable).hits(self.faults.unavailable_ppm) {
                return Err(Refused::Unavailable("the cloud does not answer"));
            }
        }
        self.pass_fence(found, &call)?;
        let ix = found.filter(|ix| !self.slot(*ix).life.gone).ok_or(Refused::NotFound)?;
        if self.call_draw(ix, Purpose::Throttle).hits(self.faults.throttle_ppm) {
            return Err(Refused::Throttled { pause_ms: self.faults.throttle_pause_ms });
        }
        if let Some(flaw) = call.ask.flaw() {
            return Err(flaw);
        }
        let kind = call.ask.kind();
        if !self.is_repeat(ix, &call.ask) {
            let state = self.slot(ix).life.state;
            if state != kind.from() {
                let text = format!(
                    "{} needs a machine that is {}, and this one is {}",
                    kind.name(),
                    kind.from().name(),
                    state.name()
                );
                return Err(Refused::OutOfPosition(text));
            }
            self.accept(ix, call);
        }
        Ok(self.acknowledge(ix, kind))
    }

    /// Before everything else that depends on the machine, even on whether there is one.
    fn pass_fence(&mut self, found: Option<u32>, call: &Call) -> Result<(), Refused> {
        if call.token.is_zero() {
            return Ok(());
        }
        let shard = self.intern(&call.token.shard);
        let marks = match found {
            Some(ix) => &mut self.slots[ix as usize].life.marks,
            None => {
                if self.strangers.len() >= MAX_STRANGERS && !self.strangers.contains_key(call.machine_id.as_str()) {
                    return Err(Refused::Throttled { pause_ms: self.faults.throttle_pause_ms });
                }
                self.journal.strangers.insert(call.machine_id.as_str().into());
                self.strangers.entry(call.machine_id.as_str().into()).or_default()
            }
        };
        if marks.pass(&shard, call.token.epoch, call.token.sequence) { Ok(()) } else { Err(Refused::Fenced) }
    }

    /// Whether the machine is already on its way to, or at, what is asked for, through the transition that was accepted last.
    fn is_repeat(&self, ix: u32, ask: &Ask) -> bool {
        let life = &self.slot(ix).life;
        let kind = ask.kind();
        let same_holder = match ask {
            Ask::Configure { cluster, .. } => {
                life.binding.as_ref().is_some_and(|binding| *binding.cluster == **cluster)
            }
            Ask::Create | Ask::Drain { .. } | Ask::Delete => true,
        };
        // A host stays created through the bindings that follow, so a late repeat of its Create is still one.
        let stands = life.last == Some(kind) || (kind == Kind::Create && life.host);
        stands && same_holder && (life.state == kind.during() || life.state == kind.to())
    }

    /// The one place where something real begins, and so the one place that writes to the ledger.
    fn accept(&mut self, ix: u32, call: Call) {
        let kind = call.ask.kind();
        self.slots[ix as usize].life.rounds[kind as usize] += 1;
        let grace_ms = match &call.ask {
            Ask::Drain { grace_s } => Some(grace_s.unsigned_abs().saturating_mul(1_000)),
            Ask::Create | Ask::Configure { .. } | Ask::Delete => None,
        };
        let end = self.draw_end(ix, kind, grace_ms);
        let binding = match call.ask {
            Ask::Configure { cluster, metadata, .. } => {
                let cluster = self.intern(&cluster);
                Some(Box::new(Binding::new(cluster, &metadata)))
            }
            Ask::Create | Ask::Drain { .. } | Ask::Delete => None,
        };
        self.change(ix, |life| {
            (life.state, life.last, life.end) = (kind.during(), Some(kind), end);
            if binding.is_some() {
                life.binding = binding;
            }
        });
        self.record(ix, kind, call.token, call.tag);
    }

    fn record(&mut self, ix: u32, kind: Kind, token: Token, tag: OperationTag) {
        let on_record = match kind {
            Kind::Create => effect::Kind::Create,
            Kind::Configure => effect::Kind::Configure,
            Kind::Drain => effect::Kind::Drain,
            Kind::Delete => effect::Kind::Delete,
        };
        let holder = &self.slot(ix).life.binding;
        let effect = Effect {
            shard_id: token.shard,
            shard_epoch: token.epoch,
            sequence_number: token.sequence,
            operation: tag.operation,
            attempt: tag.attempt,
            cluster: holder.as_ref().map(|binding| binding.cluster.to_string()).unwrap_or_default(),
            ..Effect::default()
        };
        self.enter(ix, on_record, Effect { operation_id: self.slot(ix).operation_id(kind), ..effect });
    }

    /// Puts on record that a transition has failed.
    pub(super) fn record_failure(&mut self, ix: u32, kind: Kind) {
        let operation_id = self.slot(ix).operation_id(kind);
        self.enter(ix, effect::Kind::Failed, Effect { operation_id, ..Effect::default() });
    }

    /// Puts on record that a host has vanished.
    pub(super) fn record_loss(&mut self, ix: u32) {
        self.enter(ix, effect::Kind::Vanished, Effect::default());
    }

    fn enter(&mut self, ix: u32, on_record: effect::Kind, effect: Effect) {
        self.effects += 1;
        let slot = self.slot(ix);
        self.journal.effects.push(Effect {
            seq: self.effects,
            at_ms: self.now_ms,
            kind: on_record.into(),
            machine_id: slot.id.to_string(),
            ..effect
        });
    }

    fn acknowledge(&self, ix: u32, kind: Kind) -> Answer {
        let faults = &self.faults;
        let lost = if self.call_draw(ix, Purpose::LostAck).hits(faults.lost_ack_ppm) {
            Some(Lost::Error)
        } else if self.call_draw(ix, Purpose::Hang).hits(faults.hang_ppm) {
            Some(Lost::Silence)
        } else {
            None
        };
        let bound_ms = if self.is_virtual() { 0 } else { u64::from(faults.ack_delay_ms) };
        let ack =
            api::TransitionAck { operation_id: self.slot(ix).operation_id(kind), machine: Some(self.to_wire(ix)) };
        Answer { ack, lost, delay_ms: self.call_draw(ix, Purpose::AckDelay).below(bound_ms + 1) }
    }
}
