//! The Raft state machine of a shard: bytes in, bytes out, a view after every batch.

use std::io;
use std::sync::Arc;

use argosy_raft::{FrozenState, RestoreError, StateMachine};
use argosy_shard::ShardState;

use super::{Folded, Published, View, slot_of};

/// The fold of one shard.
pub struct Fold {
    state: ShardState,
    /// Events since the last publication.
    events: Vec<Folded>,
    /// Where the state stood when it was last taken from a snapshot; `None` until that has been published.
    restored: Option<u64>,
    published: Arc<Published>,
}

impl Fold {
    /// An empty shard.
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { state: ShardState::new(), events: Vec::new(), restored: Some(0), published }
    }
}

impl StateMachine for Fold {
    fn apply(&mut self, index: u64, term: u64, command: &[u8]) -> Vec<u8> {
        let applied = self.state.apply(index, term, command);
        for event in applied.events {
            let fleet = self.state.fleet();
            let machine =
                slot_of(&event).filter(|slot| fleet.get(*slot).is_some()).map(|slot| Arc::from(fleet.id(slot)));
            self.events.push(Folded { index, event, machine });
        }
        applied.response.encode()
    }

    fn publish(&mut self, applied: u64, term: u64) {
        let events = std::mem::take(&mut self.events);
        let restored = *self.restored.get_or_insert(applied);
        self.published.publish(View { state: self.state.clone(), applied, term, restored }, &events);
    }

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Frozen(self.state.clone()))
    }

    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError> {
        let restored = ShardState::read_snapshot(input).map_err(|error| RestoreError::Format(error.to_string()))?;
        self.state = restored;
        self.events.clear();
        self.restored = None;
        Ok(())
    }
}

struct Frozen(ShardState);

impl FrozenState for Frozen {
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        self.0.write_snapshot(out)
    }
}
