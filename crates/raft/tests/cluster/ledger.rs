//! The state machine of the tests: a list of every command with its index and term.

use std::io;
use std::sync::Arc;

use argosy_raft::{FrozenState, RestoreError, StateMachine};
use tokio::sync::watch;

pub(crate) type Line = (u64, u64, String);

pub(crate) struct Ledger {
    lines: Arc<Vec<Line>>,
    publish: watch::Sender<(u64, Arc<Vec<Line>>)>,
}

/// What readers see.
#[derive(Clone)]
pub(crate) struct View(watch::Receiver<(u64, Arc<Vec<Line>>)>);

impl Ledger {
    pub(crate) fn new() -> (Self, View) {
        let (publish, view) = watch::channel((0, Arc::default()));
        (Self { lines: Arc::default(), publish }, View(view))
    }
}

impl View {
    pub(crate) async fn applied(mut self, index: u64) {
        if self.0.wait_for(|(applied, _)| *applied >= index).await.is_err() {
            std::future::pending().await
        }
    }

    pub(crate) fn state(&self) -> Arc<Vec<Line>> {
        self.0.borrow().1.clone()
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.state().iter().map(|line| line.2.clone()).collect()
    }
}

impl StateMachine for Ledger {
    fn apply(&mut self, index: u64, term: u64, command: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(command.to_vec()).unwrap();
        assert!(text != "poison", "a poisoned command");
        Arc::make_mut(&mut self.lines).push((index, term, text.clone()));
        format!("took {text}").into_bytes()
    }

    fn publish(&mut self, applied: u64, _: u64) {
        self.publish.send_replace((applied, self.lines.clone()));
    }

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Frozen(self.lines.clone()))
    }

    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        let lines: Vec<Line> =
            serde_json::from_slice(&bytes).map_err(|error| RestoreError::Format(error.to_string()))?;
        self.lines = Arc::new(lines);
        Ok(())
    }
}

struct Frozen(Arc<Vec<Line>>);

impl FrozenState for Frozen {
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, &*self.0)?)
    }
}
