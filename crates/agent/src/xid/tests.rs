//! Lines as drivers write them, and lines as nobody does.

use proptest::prelude::*;

use super::{Detail, Fault, FaultKind, Reading, read_line};
use crate::pci::PciAddress;

fn fault(line: &str) -> Fault {
    match read_line(line) {
        Reading::Fault(fault) => fault,
        other => panic!("{line:?} is {other:?}"),
    }
}

fn seen(line: &str) -> (FaultKind, u32, String) {
    let fault = fault(line);
    (fault.kind, fault.code, fault.pci.map(|pci| pci.to_string()).unwrap_or_default())
}

#[test]
fn every_form_of_an_xid_line_is_read() {
    let bus = "00000000:9b:00.0".to_owned();
    for (line, code) in [
        ("NVRM: Xid (PCI:0000:9b:00): 79, pid=1234, name=python3, GPU has fallen off the bus.", 79),
        ("NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.", 79),
        ("NVRM: Xid (0000:9b:00): 14, Channel 00000001", 14),
        ("NVRM: Xid (PCI:00000000:9B:00.0): 48, An uncorrectable double bit error", 48),
        ("NVRM: Xid (PCI:0000:9b:00 GPU-I:05): 94, pid=77, name=a b, Contained: CE User Channel", 94),
        ("[ 3201.120001] NVRM: Xid (PCI:0000:9b:00): 63", 63),
        (
            "Nov  2 11:00:01 node7 kernel: [12.5] NVRM: Xid (PCI:0000:9b:00): 31, pid='<unknown>', name=<unknown>, Ch 00000008",
            31,
        ),
        ("6,1234,5678,-;NVRM: Xid (PCI:0000:9b:00):95", 95),
        ("NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.", 79),
        ("NVRM: GPU at PCI:0000:9b:00 has fallen off the bus.", 79),
    ] {
        assert_eq!(seen(line), (FaultKind::Xid, code, bus.clone()), "{line}");
    }
}

#[test]
fn every_form_of_an_sxid_line_is_read() {
    let line = "nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46 MC TS crumbstore MCTO (First)";
    let fatal = "nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20034, Fatal, Link 30 LTSSM Fault Up";
    assert_eq!(seen(line), (FaultKind::Sxid, 28006, "00000000:c1:00.0".to_owned()));
    assert_eq!((fault(line).detail.severity.as_str(), fault(line).detail.link), ("Nonfatal", Some(46)));
    assert_eq!((fault(fatal).detail.severity.as_str(), fault(fatal).detail.link), ("Fatal", Some(30)));
}

#[test]
fn nvlink_5_lines_give_unit_severity_link_and_registers() {
    let line =
        "NVRM: Xid (PCI:0018:01:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x004505c6 0x00000000 0x0 0x0 0x0 0x1)";
    let detail = fault(line).detail;
    assert_eq!(detail.sub_unit, "NETIR_LINK_EVT");
    assert_eq!(detail.severity, "Fatal");
    assert_eq!(detail.link, Some(8));
    assert_eq!(detail.registers, [0x0045_05c6, 0, 0, 0, 0, 1]);
    let named =
        "NVRM: Xid (PCI:0018:01:00): 145, pid=9, name=x, RLW_REMAP Nonfatal XC1 i0 Link 17 (0x00000004 0x00000040)";
    assert_eq!((fault(named).detail.sub_unit.as_str(), fault(named).detail.pid), ("RLW_REMAP", Some(9)));
}

#[test]
fn xid_74_gives_its_registers_and_xid_154_its_actions() {
    let nvlink = "NVRM: Xid (PCI:0000:c1:00): 74, pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link 3(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)";
    assert_eq!(fault(nvlink).detail.registers, [0x10000, 0, 0, 0, 0, 0, 0]);
    assert_eq!(fault(nvlink).detail.link, Some(3));
    assert_eq!((fault(nvlink).detail.pid, fault(nvlink).detail.process.as_str()), (None, ""));
    let action =
        "NVRM: Xid (PCI:0000:cb:00): 154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)";
    assert_eq!(fault(action).detail.recovery, Some((0, 4)));
}

#[test]
fn a_line_that_only_looks_like_a_fault_is_shown_and_not_dropped() {
    for line in
        ["NVRM: Xid (PCI:0000:9b:00", "NVRM: Xid (PCI:0000:9b:00): , x", "SXid (PCI:0000:9b:00) 12", "NVRM: Xid (): x"]
    {
        assert_eq!(read_line(line), Reading::Unreadable, "{line}");
    }
    assert_eq!(fault("NVRM: Xid (nowhere): 79, x").pci, None, "a fault without an address is still a fault");
}

#[test]
fn other_lines_are_none_of_our_business() {
    for line in
        ["", "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15", "usb 1-1: new device", "Xid 79", "xid ("]
    {
        assert_eq!(read_line(line), Reading::Other, "{line}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(line in "\\PC{0,120}", cut in 0usize..200) {
        let _ = read_line(&line);
        let whole = format!("NVRM: Xid (PCI:0000:9b:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x1 0x2){line}");
        let _ = read_line(&whole);
        let cut = whole.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(whole.len());
        let _ = read_line(&whole[..cut]);
        let _ = read_line(&format!("NVRM: Xid ({line}"));
        let _ = read_line(&format!("NVRM: Xid (PCI:0000:9b:00): {line}"));
    }

    #[test]
    fn whatever_follows_the_code_does_not_change_it(code in 1u32..100_000, tail in "\\PC{0,80}", bus in 0u8..=255) {
        let line = format!("NVRM: Xid (PCI:0000:{bus:02x}:00): {code}, {tail}");
        let Reading::Fault(fault) = read_line(&line) else { panic!("not a fault") };
        prop_assume!(!tail.contains("SXid ("));
        prop_assert_eq!(fault.code, code);
        prop_assert_eq!(fault.pci, PciAddress::parse(&format!("{bus:02x}:00")));
    }

    #[test]
    fn a_detail_is_bounded_whatever_the_line(tail in "(pid=[0-9]{0,12},? ?|name=\\PC{0,90}|\\(0x[0-9a-f]{1,9}( 0x[0-9a-f]{1,9}){0,30}\\)| ?Link [0-9]{0,12})*") {
        let Reading::Fault(fault) = read_line(&format!("NVRM: Xid (PCI:0000:9b:00): 149, {tail}")) else { return Ok(()) };
        let Detail { process, registers, .. } = fault.detail;
        prop_assert!(process.chars().count() <= 64 && registers.len() <= 16);
    }
}
