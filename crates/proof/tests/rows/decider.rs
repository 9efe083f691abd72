//! What decides in these tests: the reference, with a bug planted or without.

use argosy_engine::{Decision, View};

/// The reference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decider(());

impl Decider {
    pub(crate) fn decide(&mut self, view: &View<'_>) -> Decision {
        argosy_proof::reference::decide(view)
    }
}
