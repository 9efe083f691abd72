//! One machine of the simulated fleet: a slot that may have a host, and what is happening to it.
//!
//! At a million machines every byte here is a megabyte: what machines share lives in their place in the catalogue, and what is rare
//! behind one pointer.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::State;
use serde::{Deserialize, Serialize};

use crate::contract::{Kind, Marks};

/// How a transition under way will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) at_ms: u64,
    pub(super) failure: Option<Failure>,
}

/// Why a transition ends in FAILED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    Injected,
    StockOut,
    Interrupted,
}

impl Failure {
    pub(super) fn text(self, kind: Kind) -> String {
        let why = match self {
            Self::Injected => "the simulated cloud reported an error",
            Self::StockOut => "no stock of this instance type in this zone",
            Self::Interrupted => "the provider was restarted in the middle of it",
        };
        format!("{} failed: {why}", kind.name())
    }
}

/// What is going to happen to a machine by itself, apart from the losses that chance has in store for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// The host has had its notice and ends.
    Ends { at_ms: u64 },
    /// The slot of a vanished host comes back.
    Returns { at_ms: u64 },
    /// A failed machine is well again.
    Repaired { at_ms: u64 },
}

impl Fate {
    pub(super) fn at_ms(self) -> u64 {
        match self {
            Self::Ends { at_ms } | Self::Returns { at_ms } | Self::Repaired { at_ms } => at_ms,
        }
    }
}

/// Whose a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binding {
    pub(super) cluster: Arc<str>,
    /// The shard's metadata, packed: a map of five short strings costs more in nodes and headers than in content.
    metadata: Box<[u8]>,
}

impl Binding {
    pub(super) fn new(cluster: Arc<str>, metadata: &BTreeMap<String, String>) -> Self {
        let packed = postcard::to_stdvec(metadata).expect("strings always serialise");
        Self { cluster, metadata: packed.into() }
    }

    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        postcard::from_bytes(&self.metadata).expect("packed by `new`, or checked when the record was read")
    }

    /// Whether the packed bytes can be unpacked; false only for a damaged record.
    pub(super) fn is_sound(&self) -> bool {
        postcard::from_bytes::<BTreeMap<String, String>>(&self.metadata).is_ok()
    }
}

/// Everything about a machine that changes. Stored as a record once it differs from how the catalogue made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) state: State,
    /// The transition that was accepted last.
    pub(super) last: Option<Kind>,
    /// Mutations received, whatever came of them.
    pub(super) calls: u32,
    /// Transitions accepted, by kind: with the kind and the machine they name an operation.
    pub(super) rounds: [u32; 4],
    /// In a transitional state: how it ends; `None` when it never will.
    pub(super) end: Option<End>,
    pub(super) fate: Option<Fate>,
    /// There is a host.
    pub(super) host: bool,
    /// Since when there is one, for the chance of losing it.
    pub(super) host_since_ms: u64,
    /// Not in the inventory.
    pub(super) gone: bool,
    /// Creates fail for want of stock.
    pub(super) dry: bool,
    pub(super) binding: Option<Box<Binding>>,
    pub(super) error: Option<Box<str>>,
    pub(super) marks: Marks,
}

impl Life {
    /// As the catalogue makes it: a slot, or a host that counts as created once.
    pub(super) fn new(idle: bool) -> Self {
        Self {
            state: if idle { State::Idle } else { State::Speculative },
            last: idle.then_some(Kind::Create),
            calls: 0,
            rounds: [u32::from(idle), 0, 0, 0],
            end: None,
            fate: None,
            host: idle,
            host_since_ms: 0,
            gone: false,
            dry: false,
            binding: None,
            error: None,
            marks: Marks::default(),
        }
    }

    pub(super) fn round(&self, kind: Kind) -> u32 {
        self.rounds[kind as usize]
    }

    /// The transition under way.
    pub(super) fn under_way(&self) -> Option<Kind> {
        self.last.filter(|kind| !self.gone && self.state == kind.during())
    }

    /// Under way and never to end.
    pub(super) fn is_stuck(&self) -> bool {
        self.under_way().is_some() && self.end.is_none()
    }

    /// The host is lost and the machine leaves the inventory.
    pub(super) fn vanish(&mut self, returns: Option<u64>) {
        self.state = State::Speculative;
        self.end = None;
        self.fate = returns.map(|at_ms| Fate::Returns { at_ms });
        self.host = false;
        self.gone = true;
        self.binding = None;
        self.error = None;
    }

    /// A transition ended badly.
    pub(super) fn fail(&mut self, text: String, repaired: Option<u64>) {
        self.state = State::Failed;
        self.end = None;
        self.binding = None;
        self.error = Some(text.into());
        // A host under notice ends whether it is well or not.
        if !matches!(self.fate, Some(Fate::Ends { .. })) {
            self.fate = repaired.map(|at_ms| Fate::Repaired { at_ms });
        }
    }
}

/// A machine: what the catalogue says of it, and its life.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: Box<str>,
    /// Where in the catalogue.
    pub(super) place: u32,
    pub(super) rack: u32,
    /// When it was last changed, in the order of changes.
    pub(super) revision: u64,
    pub(super) life: Life,
}

impl Slot {
    /// The name of the transition of that kind that was accepted last; a new one for each that is accepted.
    pub(super) fn operation_id(&self, kind: Kind) -> String {
        format!("{}-{}-{}", kind.name(), self.id, self.life.round(kind))
    }
}
