//! Scenarios of the predecessors under the default policy, and the page that is made from the table.

use argosy_health::{Policy, script, table};

fn holds(name: &str, text: &str) {
    let run = script::run(&Policy::standard(), name, text).expect("the file reads");
    assert!(run.expected > 0);
    assert!(run.holds(), "{name}: {:#?}", run.told);
}

#[test]
fn a_gpu_that_fell_off_the_bus_condemns_its_machine_and_the_bare_event_is_forgotten() {
    holds("gpu-failure", include_str!("data/gpu-failure.jsonl"));
}

#[test]
fn an_uncorrected_memory_error_is_latched_and_a_page_fault_is_not() {
    holds("xid-classification", include_str!("data/xid-classification.jsonl"));
}

#[test]
fn the_page_of_xids_is_what_the_table_says() {
    let page = include_str!("../../../docs/reference/xid.md");
    assert!(page == table::page(), "docs/reference/xid.md is out of date: argosy xid --page > docs/reference/xid.md");
}
