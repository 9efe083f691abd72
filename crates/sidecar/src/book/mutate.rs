//! The four calls that change machines, by the rules of the contract: fence, then existence, then repetition, then position.

use std::sync::Arc;

use argosy_model::State;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::contract::{Ask, Call, Kind, Refused};

use super::record::{Binding, Job, Stage};
use super::{Book, Record};

/// Marks are kept for ids that do not exist, as the contract asks; not for more of them than this, since anybody can make ids up.
const MAX_STRANGERS: usize = 10_000;
/// What a caller is told to wait when that limit is reached.
const PAUSE_MS: u32 = 1_000;

/// What the caller is to be told, once it is on disk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Accepted {
    pub(crate) ack: api::TransitionAck,
    /// The call began something that is now to be carried out.
    pub(crate) begins: bool,
}

impl Book {
    /// Takes one call.
    pub(crate) fn mutate(&mut self, call: Call) -> Result<Accepted, Refused> {
        call.check(self.rules.allow_unfenced)?;
        self.pass_fence(&call)?;
        let kind = call.ask.kind();
        let known = self.records.get(&call.machine_id).filter(|record| !record.gone);
        let record = known.ok_or(Refused::NotFound)?;
        if let Some(flaw) = call.ask.flaw() {
            return Err(flaw);
        }
        if kind == Kind::Delete && !self.rules.deletes {
            return Err(Refused::Unsupported("the hosts of this provider cannot be given back"));
        }
        let begins = !record.is_repeat(&call.ask);
        let id = call.machine_id.clone();
        if begins {
            if record.state != kind.from() || record.job.is_some() {
                return Err(out_of_position(kind, record.state));
            }
            self.accept(call);
        }
        let machine = self.get(&id);
        let operation_id = self.records.get(&id).map(|record| self.key(&id, record, kind)).unwrap_or_default();
        Ok(Accepted { ack: api::TransitionAck { operation_id, machine }, begins })
    }

    /// Before everything else that depends on the machine, even on whether there is one. The mark is raised whatever becomes of the call.
    fn pass_fence(&mut self, call: &Call) -> Result<(), Refused> {
        if call.token.is_zero() {
            return Ok(());
        }
        if !self.records.contains_key(&call.machine_id) {
            if self.records.values().filter(|record| record.offer.is_none()).count() >= MAX_STRANGERS {
                return Err(Refused::Throttled { pause_ms: PAUSE_MS });
            }
            self.records.insert(call.machine_id.clone(), Record::stranger());
        }
        let shard: Arc<str> = call.token.shard.as_str().into();
        let Some(record) = self.records.get_mut(&call.machine_id) else { return Err(Refused::NotFound) };
        // A mark shows in no listing, so the record keeps its revision.
        self.changed.insert(call.machine_id.clone());
        if record.marks.pass(&shard, call.token.epoch, call.token.sequence) { Ok(()) } else { Err(Refused::Fenced) }
    }

    /// The one place where something begins.
    fn accept(&mut self, call: Call) {
        let kind = call.ask.kind();
        let (binding, user_data, grace_s) = match call.ask {
            Ask::Configure { cluster, metadata, blob } => (Some(Binding { cluster, metadata }), blob.to_vec(), 0),
            Ask::Drain { grace_s } => (None, Vec::new(), u32::try_from(grace_s).unwrap_or(u32::MAX)),
            Ask::Create | Ask::Delete => (None, Vec::new(), 0),
        };
        self.change(&call.machine_id, |record| {
            record.rounds[kind as usize] += 1;
            (record.state, record.last) = (kind.during(), Some(kind));
            record.binding = binding.or_else(|| record.binding.take());
            let operation = call.tag.operation;
            record.job = Some(Job { kind, operation, user_data, grace_s, stage: Stage::Accepted });
        });
    }
}

fn out_of_position(kind: Kind, state: State) -> Refused {
    Refused::OutOfPosition(format!(
        "{} needs a machine that is {}, and this one is {}",
        kind.name(),
        kind.from().name(),
        state.name()
    ))
}
