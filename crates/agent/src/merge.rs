//! One event for one XID, though the driver reports it twice: to those who registered, and in the kernel's log.
//!
//! The log's line says more, so it is told at once. A report of the driver waits a little for its line; it is told by itself only if
//! none comes (a log that this user may not read, a line that the kernel dropped). A line excuses one report, before it or after.

use std::collections::VecDeque;

use crate::gpu::NvmlXid;
use crate::pci::PciAddress;

/// How long the two reports of one XID may be apart, in milliseconds.
pub const WINDOW_MS: u64 = 2_000;

/// Most reports and lines that are remembered; a machine that makes more within the window is sick beyond counting.
const MOST: usize = 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    at_ms: u64,
    code: u32,
    pci: Option<PciAddress>,
}

/// The reports and lines of the last moments.
#[derive(Debug, Default)]
pub struct Merge {
    reports: VecDeque<(u64, NvmlXid)>,
    lines: VecDeque<Line>,
}

impl Merge {
    /// A line of the log, to be told now. Says whether the driver has reported the same already.
    pub fn line(&mut self, now_ms: u64, code: u32, pci: Option<PciAddress>) -> bool {
        self.lines.retain(|line| now_ms.saturating_sub(line.at_ms) <= WINDOW_MS);
        let line = Line { at_ms: now_ms, code, pci };
        let waiting = self.reports.iter().position(|(_, report)| same(&line, report));
        match waiting {
            Some(at) => drop(self.reports.remove(at)),
            None if self.lines.len() < MOST => self.lines.push_back(line),
            None => {}
        }
        waiting.is_some()
    }

    /// A report of the driver. It is told by [`Self::overdue`] unless its line comes, or has come.
    pub fn report(&mut self, now_ms: u64, report: NvmlXid) {
        let excused =
            self.lines.iter().position(|line| now_ms.saturating_sub(line.at_ms) <= WINDOW_MS && same(line, &report));
        match excused {
            Some(at) => drop(self.lines.remove(at)),
            None if self.reports.len() < MOST => self.reports.push_back((now_ms, report)),
            None => {}
        }
    }

    /// The reports whose line has not come in time.
    pub fn overdue(&mut self, now_ms: u64) -> Vec<NvmlXid> {
        let late = self.reports.iter().take_while(|(at, _)| now_ms.saturating_sub(*at) > WINDOW_MS).count();
        self.reports.drain(..late).map(|(_, report)| report).collect()
    }
}

/// A report that names no device, or no code, is the line's if nothing speaks against it.
fn same(line: &Line, report: &NvmlXid) -> bool {
    let code = report.code.is_none_or(|code| code == line.code);
    let device = report.pci.is_none() || line.pci.is_none() || report.pci == line.pci;
    code && device
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bus: &str) -> Option<PciAddress> {
        PciAddress::parse(bus)
    }

    fn report(code: u32, bus: &str) -> NvmlXid {
        NvmlXid { code: Some(code), uuid: String::new(), pci: at(bus) }
    }

    #[test]
    fn one_xid_is_one_event_whichever_source_is_first() {
        let mut merge = Merge::default();
        merge.report(1_000, report(79, "9b:00"));
        assert!(merge.line(1_500, 79, at("9b:00")), "the line was not recognised");
        assert!(!merge.line(2_000, 48, at("9b:00")));
        merge.report(2_500, report(48, "9b:00"));
        assert_eq!(merge.overdue(100_000), []);
    }

    #[test]
    fn a_report_whose_line_never_comes_is_told_by_itself() {
        let mut merge = Merge::default();
        merge.report(1_000, report(79, "9b:00"));
        assert_eq!(merge.overdue(3_000), [], "too early: its line may come yet");
        assert_eq!(merge.overdue(3_001), [report(79, "9b:00")]);
        assert_eq!(merge.overdue(9_000), []);
    }

    #[test]
    fn another_code_another_device_and_another_time_are_another_xid() {
        let mut merge = Merge::default();
        assert!(!merge.line(0, 79, at("9b:00")));
        merge.report(10, report(48, "9b:00"));
        merge.report(20, report(79, "9c:00"));
        merge.report(2_001, report(79, "9b:00"));
        assert_eq!(merge.overdue(100_000).len(), 3);
    }

    #[test]
    fn a_line_excuses_one_report_and_not_two() {
        let mut merge = Merge::default();
        assert!(!merge.line(0, 13, at("9b:00")));
        merge.report(1, report(13, "9b:00"));
        merge.report(2, report(13, "9b:00"));
        assert_eq!(merge.overdue(100_000), [report(13, "9b:00")]);
    }

    #[test]
    fn a_report_without_a_code_is_the_line_of_its_device() {
        let mut merge = Merge::default();
        merge.report(0, NvmlXid { code: None, uuid: "GPU-1".to_owned(), pci: at("9b:00") });
        assert!(merge.line(1, 119, at("9b:00")));
        assert_eq!(merge.overdue(100_000), []);
    }
}
