//! What NVIDIA's driver writes into the kernel's log when something goes wrong: XIDs of GPUs, SXids of NVSwitches.
//!
//! Pure text to value: no table of meanings is kept here (that is the health crate's), only what a line says. Forms and traps:
//! spec/xid.md sections 4 and 5.

mod detail;
mod line;

#[cfg(test)]
mod tests;

use crate::pci::PciAddress;

pub use line::{Reading, read_line};

/// Which of the two number spaces a code is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A GPU's.
    Xid,
    /// An NVSwitch's.
    Sxid,
}

/// One report of the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// XID or SXid.
    pub kind: FaultKind,
    /// Its number.
    pub code: u32,
    /// Whose it is; `None` when the line does not say.
    pub pci: Option<PciAddress>,
    /// What else the line says.
    pub detail: Detail,
}

/// The parts of a line after its code. What the line does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// As in `RLW_REMAP` or `NETIR_LINK_EVT`.
    pub sub_unit: String,
    /// `Fatal` or `Nonfatal`, in this spelling whatever the line's.
    pub severity: String,
    /// NVLink.
    pub link: Option<u32>,
    /// The parenthesised numbers of XIDs 74 and 144 to 150.
    pub registers: Vec<u32>,
    /// Of XID 154: what was to be done before, and what now.
    pub recovery: Option<(u32, u32)>,
    /// The process that the line blames.
    pub pid: Option<u32>,
    /// Its name.
    pub process: String,
}
