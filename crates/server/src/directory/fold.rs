//! The Raft state machine of the directory: bytes in, bytes out, a view after every batch.

use std::io;
use std::sync::Arc;

use argosy_coordinator::Directory;
use argosy_raft::{FrozenState, RestoreError, StateMachine};
use tokio::sync::watch;

/// The fold of the directory.
pub(super) struct Fold {
    directory: Directory,
    publish: watch::Sender<Arc<Directory>>,
}

impl Fold {
    pub(super) fn new(publish: watch::Sender<Arc<Directory>>) -> Self {
        Self { directory: Directory::new(), publish }
    }
}

impl StateMachine for Fold {
    fn apply(&mut self, index: u64, _term: u64, command: &[u8]) -> Vec<u8> {
        self.directory.apply(index, command).encode()
    }

    fn publish(&mut self, _applied: u64, _term: u64) {
        self.publish.send_replace(Arc::new(self.directory.clone()));
    }

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Frozen(self.directory.clone()))
    }

    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError> {
        let restored = Directory::read_snapshot(input).map_err(|error| RestoreError::Format(error.to_string()))?;
        self.directory = restored;
        Ok(())
    }
}

struct Frozen(Directory);

impl FrozenState for Frozen {
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        self.0.write_snapshot(out)
    }
}
