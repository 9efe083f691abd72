//! From a code and what its log line says beside it to a class of action.

use super::rows::{Decode, Nvlink5Rule, XidRow};
use super::{bucket, is_unused, sxid, table, xid};
use crate::class::ActionClass;
use crate::event::{Event, EventType, Metric, XidDetail};

/// From this release on, intrinfo has the layout of the table's patterns.
const LAYOUT_SINCE_DRIVER: u32 = 575;

/// What the table makes of an XID or SXid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The code.
    pub code: i64,
    /// Whether the table has it in use.
    pub known: bool,
    /// What it comes to.
    pub class: ActionClass,
    /// NVIDIA's bucket, or the reason in a few words.
    pub bucket: String,
    /// NVIDIA's name for it; empty where it has none.
    pub mnemonic: String,
}

/// What the table makes of an event; `None` if it carries no XID and no SXid.
pub fn resolve(event: &Event) -> Option<Resolution> {
    match event.event_type {
        EventType::Xid => Some(resolve_xid(event)),
        EventType::Sxid => Some(resolve_sxid(event.code().unwrap_or_default())),
        _ => None,
    }
}

fn resolve_xid(event: &Event) -> Resolution {
    let code = event.code().unwrap_or_default();
    let Some(row) = xid(code) else {
        let bucket = if is_unused(code) { "listed as unused" } else { "unknown code" };
        return Resolution {
            code,
            known: false,
            class: ActionClass::Quarantine,
            bucket: bucket.to_owned(),
            mnemonic: String::new(),
        };
    };
    let (class, bucket) = match row.decode {
        None => (row.class, row.immediate.clone()),
        Some(Decode::Nvlink) => by_severity(row, &event.xid),
        Some(Decode::Nvlink5) => by_status(row, &event.xid),
        Some(Decode::RecoveryAction) => by_action(row, event),
    };
    Resolution { code, known: true, class, bucket, mnemonic: row.mnemonic.clone() }
}

fn resolve_sxid(code: i64) -> Resolution {
    let row = sxid(code);
    Resolution {
        code,
        known: row.is_some(),
        class: row.map_or(ActionClass::Quarantine, |row| row.class),
        bucket: row.map_or("unknown code", |row| row.meaning.as_str()).to_owned(),
        mnemonic: String::new(),
    }
}

fn severity_word(detail: &XidDetail) -> String {
    detail.severity.to_lowercase().replace(['-', ' '], "").replace("linkfatal", "fatal")
}

/// XID 74. Without a severity it is taken for what the catalogue's first step is.
fn by_severity(row: &XidRow, detail: &XidDetail) -> (ActionClass, String) {
    let word = severity_word(detail);
    let rule = table().nvlink.iter().find(|rule| rule.severity == word);
    let class = rule.map_or(row.class, |rule| rule.class);
    (class, format!("{}: {}", row.immediate, if word.is_empty() { "no severity" } else { &word }))
}

/// XIDs 144 to 150: the worst of the rules that fit; where none does, fatal wants a reset and the rest is not understood.
fn by_status(row: &XidRow, detail: &XidDetail) -> (ActionClass, String) {
    let fitting = table().nvlink5.iter().filter(|rule| rule.code == row.code && fits(rule, detail));
    let class_of = |rule: &Nvlink5Rule| bucket(&rule.immediate).map_or(ActionClass::Quarantine, |bucket| bucket.class);
    if let Some(rule) = fitting.max_by_key(|rule| class_of(rule)) {
        return (class_of(rule), rule.immediate.clone());
    }
    if severity_word(detail) == "fatal" {
        return (ActionClass::ResetGpu, format!("{}: fatal, no rule fits", row.immediate));
    }
    (row.class, format!("{}: no rule fits", row.immediate))
}

fn fits(rule: &Nvlink5Rule, detail: &XidDetail) -> bool {
    let [intrinfo, status, ..] = detail.registers[..] else { return false };
    let is_unit = rule.unit.split('/').any(|unit| unit == detail.sub_unit);
    // From 149 on the status is a number; before, it is a set of bits.
    let has_status = |wanted: &u32| if rule.code >= 149 { *wanted == status } else { wanted & status != 0 };
    is_unit && fits_pattern(&rule.intrinfo, intrinfo, detail) && rule.status.iter().any(has_status)
}

/// Older drivers keep the sub-unit elsewhere in intrinfo; its name stands for it there, and the upper bits still count.
fn fits_pattern(pattern: &str, intrinfo: u32, detail: &XidDetail) -> bool {
    let major: u32 = detail.driver_version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or_default();
    let lowest_bit = if major >= LAYOUT_SINCE_DRIVER { 0 } else { 20 };
    (lowest_bit..32).all(|bit| match pattern.as_bytes().get(31 - bit) {
        Some(b'0') => intrinfo >> bit & 1 == 0,
        Some(b'1') => intrinfo >> bit & 1 == 1,
        _ => true,
    })
}

/// XID 154: the number of the action, or, where the line was not taken apart, its name in the message.
fn by_action(row: &XidRow, event: &Event) -> (ActionClass, String) {
    let number = event.xid.recovery_action.or_else(|| event.metrics.get("recovery_action").and_then(Metric::whole));
    let asked = match number {
        Some(number) => table().recovery_action.iter().find(|action| action.code == number),
        None => event.message.rsplit_once(" to ").and_then(|(_, wanted)| {
            table().recovery_action.iter().find(|action| wanted.contains(&format!("({})", action.name)))
        }),
    };
    asked.map_or_else(
        || (row.class, format!("{}: no such action", row.immediate)),
        |action| (action.class, format!("{}: {}", row.immediate, action.name)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nvlink5(code: i64, sub_unit: &str, registers: [u32; 2], driver: &str) -> Resolution {
        let xid = XidDetail {
            sub_unit: sub_unit.to_owned(),
            registers: registers.to_vec(),
            driver_version: driver.to_owned(),
            ..XidDetail::default()
        };
        resolve(&Event { xid, ..Event::xid(0, code) }).expect("an XID resolves")
    }

    #[test]
    fn a_code_that_is_not_understood_is_quarantined_and_never_ignored() {
        for code in [1, 138, 174, 9_999, 0, -4] {
            let resolution = resolve(&Event::xid(0, code)).expect("an XID resolves");
            assert_eq!((resolution.known, resolution.class), (false, ActionClass::Quarantine), "XID {code}");
        }
        let nameless = Event::plain(EventType::Xid, 0);
        assert_eq!(resolve(&nameless).map(|resolution| resolution.class), Some(ActionClass::Quarantine));
        assert_eq!(resolve(&Event::plain(EventType::Thermal, 0)), None);
    }

    #[test]
    fn an_nvlink_5_error_is_decoded_by_unit_pattern_and_status_bit() {
        assert_eq!(nvlink5(145, "RLW_REMAP", [4, 0x40], "575.1").class, ActionClass::ResetGpu);
        assert_eq!(nvlink5(145, "RLW_REMAP", [4, 0x100], "575.1").class, ActionClass::Observe);
        assert_eq!(nvlink5(145, "RLW_REMAP", [4, 0x140], "580.0").class, ActionClass::ResetGpu, "the worst bit counts");
        assert_eq!(nvlink5(145, "RLW_REMAP", [5, 0x40], "575.1").class, ActionClass::Quarantine, "another sub-unit");
        assert_eq!(nvlink5(145, "RLW_REMAP", [4 << 5, 0x40], "570.2").class, ActionClass::ResetGpu, "the older layout");
        assert_eq!(
            nvlink5(149, "NETIR_LINK_DOWN", [0b10_0110 << 20 | 0b1_0001, 0], "575.1").class,
            ActionClass::Observe
        );
        assert_eq!(
            nvlink5(149, "NETIR_LINK_DOWN", [0b10_0101 << 20 | 0b1_0001, 0], "575.1").class,
            ActionClass::ResetGpu
        );
    }

    #[test]
    fn an_nvlink_5_error_that_no_rule_fits_is_judged_by_its_severity() {
        let mut event = Event::xid(0, 147);
        event.xid.severity = "Fatal".to_owned();
        assert_eq!(resolve(&event).map(|resolution| resolution.class), Some(ActionClass::ResetGpu));
        event.xid.severity = "Nonfatal".to_owned();
        assert_eq!(resolve(&event).map(|resolution| resolution.class), Some(ActionClass::Quarantine));
    }

    #[test]
    fn an_nvlink_error_is_decoded_by_its_severity() {
        let class = |severity: &str| {
            let mut event = Event::xid(0, 74);
            event.xid.severity = severity.to_owned();
            resolve(&event).map(|resolution| resolution.class)
        };
        assert_eq!(class("Fatal"), Some(ActionClass::ResetGpu));
        assert_eq!(class("Non-fatal"), Some(ActionClass::Observe));
        assert_eq!(class(""), Some(ActionClass::ResetGpu));
    }

    #[test]
    fn a_recovery_action_is_read_from_its_number_or_from_the_line() {
        let class = |event: Event| resolve(&event).map(|resolution| resolution.class);
        let of_number = |number| {
            let mut event = Event::xid(0, 154);
            event.metrics.insert("recovery_action".to_owned(), Metric::Int(number));
            event
        };
        assert_eq!(class(of_number(0)), Some(ActionClass::Observe));
        assert_eq!(class(of_number(1)), Some(ActionClass::ResetGpu));
        assert_eq!(class(of_number(2)), Some(ActionClass::RebootHost));
        assert_eq!(class(of_number(9)), Some(ActionClass::Quarantine));
        let line = "GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)".to_owned();
        assert_eq!(class(Event { message: line, ..Event::xid(0, 154) }), Some(ActionClass::ResetGpu));
        assert_eq!(class(Event::xid(0, 154)), Some(ActionClass::Quarantine));
    }
}
