//! What a fault's line says after its code. Each part is looked for by itself; whatever is missing stays empty.

use super::{Detail, FaultKind};

/// Longest name of a process that is kept; the kernel's own limit is 16.
const PROCESS_CHARS: usize = 64;
/// Most registers of one line that are kept; XID 74 prints seven.
const REGISTERS: usize = 16;

/// Reads the text after the code.
pub(super) fn read(kind: FaultKind, code: u32, text: &str) -> Detail {
    let mut detail = Detail {
        pid: after(text, "pid=").and_then(number),
        process: process(text).chars().take(PROCESS_CHARS).collect(),
        severity: severity(text).to_owned(),
        link: link(text),
        ..Detail::default()
    };
    if kind == FaultKind::Xid {
        match code {
            74 => detail.registers = registers(text),
            144..=150 => {
                detail.registers = registers(text);
                detail.sub_unit = sub_unit(text).to_owned();
            }
            154 => detail.recovery = recovery(text),
            _ => {}
        }
    }
    detail
}

fn after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.find(mark).map(|at| &text[at + mark.len()..])
}

/// The decimal number at the start, in quotes or not.
fn number(text: &str) -> Option<u32> {
    let text = text.trim_start_matches(['\'', '"']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

fn process(text: &str) -> &str {
    let name = after(text, "name=").map(|rest| rest.split(',').next().unwrap_or_default().trim());
    name.map(|name| name.trim_matches(['\'', '"'])).filter(|name| *name != "<unknown>").unwrap_or_default()
}

/// Drivers write Nonfatal, Non-fatal and Non-Fatal.
fn severity(text: &str) -> &'static str {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let any = |wanted: &[&str]| words().any(|word| wanted.iter().any(|one| word.eq_ignore_ascii_case(one)));
    match () {
        () if any(&["nonfatal", "non-fatal"]) => "Nonfatal",
        () if any(&["fatal"]) => "Fatal",
        () => "",
    }
}

fn link(text: &str) -> Option<u32> {
    after(text, "Link ").or_else(|| after(text, "link ")).and_then(number)
}

/// The first word in capitals, as in `RLW_REMAP Nonfatal XC0 i0 Link 08`; some drivers put `pid=..., name=...,` in front.
fn sub_unit(text: &str) -> &str {
    let shaped = |word: &&str| {
        word.len() >= 4
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'/'))
    };
    text.split([' ', ',']).find(shaped).unwrap_or_default()
}

/// The hexadecimal numbers of the first parentheses that hold any.
fn registers(text: &str) -> Vec<u32> {
    let inside = text.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    let read = |group: &str| -> Vec<u32> {
        let words = group.split([' ', ',']).filter_map(|word| word.strip_prefix("0x"));
        words.filter_map(|word| u32::from_str_radix(word, 16).ok()).take(REGISTERS).collect()
    };
    inside.map(read).find(|found| !found.is_empty()).unwrap_or_default()
}

/// `GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)`.
fn recovery(text: &str) -> Option<(u32, u32)> {
    let hex = |mark: &str| {
        let digits = after(text, mark)?;
        let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        u32::from_str_radix(&digits[..length], 16).ok()
    };
    Some((hex("from 0x")?, hex("to 0x")?))
}
