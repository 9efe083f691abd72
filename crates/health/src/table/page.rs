//! The table as a page of the book: docs/reference/xid.md is what [`page`] returns, and a test holds them equal.

use std::fmt::Write as _;

use super::table;
use crate::class::ActionClass;

const HEAD: &str = "\
# XIDs and SXids

What NVIDIA's drivers report, what NVIDIA advises, and what Argosy makes of it. This page is written by `argosy xid --page` from \
the one table of the project (crates/health/data/xid.toml); do not edit it. `argosy xid 79` explains one code.

The class is what a finding asks for (see [health](health.md)): observe < restart-workload < reset-gpu < reboot-host < quarantine \
< replace. A code that is not here is quarantined: never ignored, never repaired by guess.
";

/// The page.
pub fn page() -> String {
    let table = table();
    let mut page = HEAD.to_owned();
    let mut put = |text: std::fmt::Arguments<'_>| page.write_fmt(text).expect("a string takes any text");
    put(format_args!("\nVersion of the table: {}. {} codes in use.\n", table.version, table.xid.len()));
    put(format_args!("\n## Buckets\n\n| bucket | class | meaning |\n|---|---|---|\n"));
    for bucket in &table.bucket {
        put(format_args!("| {} | {} | {} |\n", bucket.name, bucket.class, bucket.meaning));
    }
    put(format_args!(
        "\n## XIDs\n\nWhere the class is marked with an asterisk the catalogue gives no bucket, and it is our judgement.\n"
    ));
    put(format_args!(
        "\n| XID | mnemonic | meaning | immediate | investigatory | class | |\n|---|---|---|---|---|---|---|\n"
    ));
    for row in &table.xid {
        let mark = if row.ours { "*" } else { "" };
        put(format_args!(
            "| {} | {} | {} | {} | {} | {}{mark} | {} |\n",
            row.code, row.mnemonic, row.meaning, row.immediate, row.investigatory, row.class, row.note
        ));
    }
    let unused: Vec<String> = table.unused.iter().map(ToString::to_string).collect();
    put(format_args!("\nListed as unused, and quarantined if they appear: {}.\n", unused.join(", ")));
    put(format_args!(
        "\n## Decoding\n\nXID 154 announces a recovery action:\n\n| number | action | class |\n|---|---|---|\n"
    ));
    for action in &table.recovery_action {
        put(format_args!("| {} | {} | {} |\n", action.code, action.name, action.class));
    }
    put(format_args!(
        "\nXID 74 is judged by the severity that its line states; without one it wants a reset. Its registers are not decoded.\n"
    ));
    put(format_args!(
        "\nXIDs 144 to 150 are judged by sub-unit, intrinfo (bit 31 first, `-` is any bit; drivers before R575 keep the sub-unit \
         elsewhere, there its name stands for it) and error status. Of several rules that fit the worst counts. Where none fits, \
         what is fatal wants a reset, and the rest is quarantined.\n"
    ));
    put(format_args!(
        "\n| XID | sub-unit | intrinfo | status | severity | immediate | investigatory |\n|---|---|---|---|---|---|---|\n"
    ));
    for rule in &table.nvlink5 {
        let status: Vec<String> = rule.status.iter().map(|status| format!("{status:#x}")).collect();
        let (code, unit, pattern, status) = (rule.code, &rule.unit, &rule.intrinfo, status.join(", "));
        let (severity, now, then) = (&rule.severity, &rule.immediate, &rule.investigatory);
        put(format_args!("| {code} | {unit} | `{pattern}` | {status} | {severity} | {now} | {then} |\n"));
    }
    put(format_args!(
        "\n## SXids\n\nOf an NVSwitch; the narrowest range that holds a code decides.\n\n| codes | class | meaning |\n|---|---|---|\n"
    ));
    for class in ActionClass::ALL.into_iter().rev() {
        for row in table.sxid.iter().filter(|row| row.class == class) {
            let codes = if row.from == row.to { row.from.to_string() } else { format!("{} to {}", row.from, row.to) };
            put(format_args!("| {codes} | {class} | {} |\n", row.meaning));
        }
    }
    page
}
