//! What decides in these tests: the engine with its memory, held against the engine without one.

use argosy_engine::{Decision, Engine, View, decide};
use argosy_model::Duration;

/// How far ahead every cycle is decided, with nothing changed but the time.
const LOOKS_AHEAD: [Duration; 3] = [Duration(0), Duration(7_500), Duration::from_secs(45)];

/// The engine, with the memory of the cycles before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decider(Engine);

impl Decider {
    /// Decides now and in a while, and holds it against decisions from nothing.
    pub(crate) fn decide(&mut self, view: &View<'_>) -> Decision {
        let later = LOOKS_AHEAD.map(|ahead| view.now.plus(ahead));
        for now in later.into_iter().chain([view.now]) {
            let view = View { now, ..*view };
            let remembered = self.0.decide(&view);
            assert_eq!(*remembered, decide(&view), "what is remembered changes the decision");
        }
        decide(view)
    }
}
