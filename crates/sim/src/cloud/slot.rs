//! One machine as its provider has it.

use argosy_model::State;
use argosy_shard::{Fence, Observed, ObservedMachine, ObservedShape, OperationId, Step};

/// How a step that is under way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at_ms: u64,
    pub(super) step: Step,
    pub(super) fails: bool,
}

/// What happens to a machine by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its notice has run out: the host ends.
    Ends(u64),
    /// The slot of a lost host is offered again.
    Returns(u64),
    /// A failed machine is well again.
    Repaired(u64),
}

impl Fate {
    pub(super) fn at_ms(self) -> u64 {
        match self {
            Self::Ends(at_ms) | Self::Returns(at_ms) | Self::Repaired(at_ms) => at_ms,
        }
    }
}

/// A machine and all that its provider knows of it.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: String,
    pub(super) shape: usize,
    pub(super) state: State,
    /// Counts hosts: a slot may have one after the other.
    pub(super) host: Option<u32>,
    pub(super) hosts: u32,
    pub(super) cluster: Option<String>,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) error: Option<String>,
    pub(super) notice: bool,
    /// Not in the inventory.
    pub(super) gone: bool,
    pub(super) end: Option<End>,
    pub(super) fate: Option<Fate>,
    /// The newest fence of each shard that ever called.
    pub(super) marks: Vec<(usize, Fence)>,
    /// The last effect: an operation has one effect of each step.
    pub(super) effect: Option<(OperationId, Step)>,
    /// Calls received; with the id it names every draw about a call.
    pub(super) calls: u64,
    /// How long its next creation takes, if that is set.
    pub(super) next_create_ms: Option<u64>,
}

impl Slot {
    /// Lets a call through if its fence is newer than that of every call before it from the same shard.
    pub(super) fn pass(&mut self, shard: usize, fence: Fence) -> bool {
        match self.marks.iter_mut().find(|(of, _)| *of == shard) {
            Some((_, mark)) if fence <= *mark => false,
            Some((_, mark)) => {
                *mark = fence;
                true
            }
            None => {
                self.marks.push((shard, fence));
                true
            }
        }
    }

    /// As a listing shows it.
    pub(super) fn observed(&self, shape: &ObservedShape) -> Observed {
        let mut machine = ObservedMachine::new(self.id.clone(), self.state);
        machine.host = self.host.map(|host| format!("{}/{host}", self.id));
        machine.cluster = self.cluster.clone();
        machine.last_error = self.error.clone();
        machine.metadata = self.metadata.clone();
        machine.notice = self.notice;
        Observed { shape: shape.clone(), machine }
    }

    /// A host comes into being.
    pub(super) fn gain_host(&mut self) {
        self.hosts += 1;
        self.host = Some(self.hosts);
    }

    /// No longer anybody's.
    pub(super) fn unbind(&mut self) {
        self.cluster = None;
        self.metadata.clear();
    }

    /// Broken, with a reason.
    pub(super) fn fail(&mut self, text: &str) {
        self.state = State::Failed;
        self.error = Some(text.to_owned());
        self.end = None;
        self.unbind();
    }
}
