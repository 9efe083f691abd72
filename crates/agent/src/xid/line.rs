//! One line of the kernel's log: is it a fault, and which?

use super::detail;
use super::{Detail, Fault, FaultKind};
use crate::pci::PciAddress;

/// What a line is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// None of our business.
    Other,
    /// A fault.
    Fault(Fault),
    /// It looks like a fault and cannot be read. Somebody must see it: dropping it would read as health.
    Unreadable,
}

/// The code that stands for "fallen off the bus" when the driver says so in words only.
const FALLEN_OFF: u32 = 79;

/// Reads one message, with or without what a log daemon puts in front of it. It never fails and never panics.
#[must_use]
pub fn read_line(line: &str) -> Reading {
    // The rest of a line holds names that programs choose: the mark that comes first is the driver's.
    let marks = [("NVRM: Xid (", FaultKind::Xid), ("SXid (", FaultKind::Sxid)];
    let first = marks.into_iter().filter_map(|(mark, kind)| Some((line.find(mark)?, mark.len(), kind))).min();
    if let Some((at, length, kind)) = first {
        return coded(&line[at + length..], kind);
    }
    match after(line, "NVRM: ") {
        Some(rest) if rest.to_ascii_lowercase().contains("has fallen off the bus") => Reading::Fault(Fault {
            kind: FaultKind::Xid,
            code: FALLEN_OFF,
            pci: any_address(rest),
            detail: Detail::default(),
        }),
        _ => Reading::Other,
    }
}

fn after<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    line.find(mark).map(|at| &line[at + mark.len()..])
}

/// Reads `PCI:0000:9b:00 GPU-I:05): 31, ...`.
fn coded(rest: &str, kind: FaultKind) -> Reading {
    let Some((place, rest)) = rest.split_once(')') else { return Reading::Unreadable };
    // MIG instances are named after the address, in the same parentheses.
    let pci = place.split_whitespace().next().and_then(PciAddress::parse);
    let Some(rest) = rest.trim_start().strip_prefix(':') else { return Reading::Unreadable };
    let rest = rest.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let Ok(code) = rest[..digits].parse::<u32>() else { return Reading::Unreadable };
    let text = rest[digits..].trim_start_matches([',', ' ']);
    Reading::Fault(Fault { kind, code, pci, detail: detail::read(kind, code, text) })
}

fn any_address(text: &str) -> Option<PciAddress> {
    text.split_whitespace().map(|word| word.trim_end_matches([':', ',', '.'])).find_map(PciAddress::parse)
}
