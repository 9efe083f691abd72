//! The one table of XIDs and SXids: read once from `data/xid.toml`, checked by tests, used by everybody.
//!
//! [`xid`] and [`sxid`] look a code up as the catalogue has it; [`resolve`] also decodes what the log line says beside the
//! code. A code that is not in the table is not understood, and what is not understood is quarantined: never ignored, and
//! never repaired by guess.

mod decode;
mod page;
mod rows;

pub use decode::{Resolution, resolve};
pub use page::page;
pub use rows::{Bucket, Nvlink5Rule, RecoveryAction, SxidRow, Table, XidRow};

use std::sync::LazyLock;

const SOURCE: &str = include_str!("../../data/xid.toml");

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(SOURCE).expect("the table is part of the program, and a test reads it"));

/// The table.
pub fn table() -> &'static Table {
    &TABLE
}

/// The row of an XID, if the catalogue has one in use.
pub fn xid(code: i64) -> Option<&'static XidRow> {
    let at = TABLE.xid.binary_search_by_key(&code, |row| row.code).ok()?;
    Some(&TABLE.xid[at])
}

/// Whether the catalogue lists an XID as unused.
pub fn is_unused(code: i64) -> bool {
    TABLE.unused.binary_search(&code).is_ok()
}

/// The row of an SXid: the narrowest range that holds it.
pub fn sxid(code: i64) -> Option<&'static SxidRow> {
    TABLE.sxid.iter().filter(|row| row.from <= code && code <= row.to).min_by_key(|row| row.to - row.from)
}

/// What a bucket of the catalogue stands for.
pub fn bucket(name: &str) -> Option<&'static Bucket> {
    TABLE.bucket.iter().find(|bucket| bucket.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ActionClass;

    #[test]
    fn the_table_has_the_rows_that_the_catalogue_has() {
        let table = table();
        let rules: usize = table.nvlink5.iter().map(|rule| rule.status.len()).sum();
        // 172 codes in NVIDIA's sheet, and 173 that only gpud knows; 94 rules of decoding.
        assert_eq!((table.xid.len(), table.unused.len(), rules), (110, 63, 94));
        let codes: BTreeSet<i64> = table.xid.iter().map(|row| row.code).chain(table.unused.iter().copied()).collect();
        assert_eq!(codes, (1..=173).collect());
    }

    #[test]
    fn rows_are_in_order_so_that_they_are_found() {
        assert!(table().xid.is_sorted_by_key(|row| row.code) && table().unused.is_sorted());
        assert!((1..=173).all(|code| xid(code).is_some() != is_unused(code)));
        assert!(xid(0).is_none() && xid(174).is_none() && xid(-1).is_none());
    }

    #[test]
    fn every_bucket_resolves_and_every_bucket_is_used() {
        let rows = table().xid.iter().map(|row| row.immediate.as_str());
        let rules = table().nvlink5.iter().map(|rule| rule.immediate.as_str());
        let used: BTreeSet<&str> = rows.chain(rules).filter(|name| !name.is_empty()).collect();
        let known: BTreeSet<&str> = table().bucket.iter().map(|bucket| bucket.name.as_str()).collect();
        assert_eq!(used, known);
    }

    #[test]
    fn a_class_is_that_of_its_bucket_unless_the_row_says_that_it_is_ours() {
        for row in &table().xid {
            match bucket(&row.immediate) {
                Some(bucket) => assert_eq!(row.class, bucket.class, "XID {}", row.code),
                None => assert!(row.ours, "XID {} has no bucket and no judgement of ours", row.code),
            }
        }
    }

    #[test]
    fn success_of_remapping_is_63_and_failure_is_64() {
        assert_eq!(xid(63).map(|row| row.class), Some(ActionClass::Observe));
        assert_eq!(xid(64).map(|row| row.class), Some(ActionClass::ResetGpu));
        assert!(xid(64).is_some_and(|row| row.mnemonic.ends_with("FAILURE")));
    }

    #[test]
    fn what_programs_of_users_raise_never_condemns() {
        for code in [13, 31, 43, 45, 94] {
            assert!(xid(code).is_some_and(|row| !row.class.condemns()), "XID {code}");
        }
    }

    /// Where NVIDIA and gpud differ we take a side, on purpose. A change of this list is a change of a decision.
    #[test]
    fn the_codes_that_nvidia_lets_pass_and_gpud_calls_fatal_are_these() {
        let passes = |row: &&XidRow| matches!(row.immediate.as_str(), "IGNORE" | "RESTART_APP");
        let fatal = |row: &&XidRow| row.gpud.starts_with("Fatal");
        let codes: Vec<i64> = table().xid.iter().filter(passes).filter(fatal).map(|row| row.code).collect();
        assert_eq!(codes, [32, 38, 44, 60, 63, 68, 69, 94, 121]);
        let mild = |row: &&XidRow| row.immediate == "RESET_GPU" && !row.gpud.starts_with("Fatal");
        let codes: Vec<i64> = table().xid.iter().filter(mild).map(|row| row.code).collect();
        assert_eq!(codes, [109, 136, 155, 156, 158]);
    }

    #[test]
    fn the_narrowest_range_decides_on_an_sxid() {
        let class = |code| sxid(code).map(|row| row.class);
        assert_eq!(class(12_020), Some(ActionClass::RebootHost));
        assert_eq!(class(12_021), Some(ActionClass::Observe));
        assert_eq!(class(12_022), Some(ActionClass::ResetGpu));
        assert_eq!(class(23_010), Some(ActionClass::RebootHost));
        assert_eq!(class(1), None);
        assert!(table().sxid.iter().all(|row| row.from <= row.to));
    }
}
