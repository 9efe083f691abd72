//! Drafts: decision units in classes and counts, before machines are named.

use argosy_model::MachineIx;

use crate::acquire::Picks;
use crate::plan::Reason;
use crate::rows::RowIx;
use crate::supply::ClassIx;

/// Machines taken from a holder, or from a cluster that has no use for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Victims {
    pub(crate) class: ClassIx,
    /// The row that holds them; `None` if they are surplus.
    pub(crate) holder: Option<RowIx>,
    pub(crate) count: u32,
    /// Whether they go to the claimant, or are let go because the rest of their gang goes.
    pub(crate) for_claimant: bool,
}

/// A decision unit in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) reason: Reason,
    pub(crate) row: RowIx,
    pub(crate) picks: Picks,
    pub(crate) victims: Vec<Victims>,
}

impl Draft {
    pub(crate) fn acquisition(reason: Reason, row: RowIx, picks: Picks) -> Self {
        Self { reason, row, picks, victims: Vec::new() }
    }

    /// Whether it must be taken whole. What a plain row acquires is of use machine by machine.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.reason, Reason::CoverDeficit | Reason::Consolidate)
    }
}

/// A surplus machine, on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surplus {
    pub(crate) class: ClassIx,
    pub(crate) machine: MachineIx,
}
