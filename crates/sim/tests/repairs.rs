//! Rehearsals of repair: what agents do of their orders, what it mends, and what breakers and budgets hold back.

use argosy_sim::rehearsal;
use argosy_sim::rehearsal::record::{RunRecord, What};
use argosy_sim::scenario::{self, shipped};

fn run(text: &str) -> RunRecord {
    let loaded = scenario::load("test.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    let record = rehearsal::run(&loaded, loaded.scenario.seed());
    assert_eq!(record.violations, Vec::<String>::new());
    record
}

/// Two machines under a repair policy; the first breaks at ten seconds.
fn one_fault(fault: &str, events: &str, repair: &str) -> RunRecord {
    run(&format!(
        "name: t
fleet: [{{id: a}}, {{id: b}}]
events:
  - {{at: 0s, action: start_fleet}}
  - {{at: 10s, action: inject_failure, target: a, params: {{{fault}}}}}
{events}  - {{at: 60m, action: wait}}
argosy:
  cloud: {{spares: 1}}
  repair: {{{repair}}}
"
    ))
}

const MEMORY: &str = "failure_type: xid_error, xid_code: 48, gpu_index: 0";
const DRIVER: &str = "failure_type: nvml_failure";

/// What became of the repair of the first machine, step by step.
fn steps(record: &RunRecord) -> Vec<String> {
    let of = record.events.iter().filter_map(|event| match &event.what {
        What::Repair { class, state } => Some(format!("{class} {state}")),
        _ => None,
    });
    of.collect()
}

/// When something was said first, in seconds.
fn first_s(record: &RunRecord, is_it: impl Fn(&What) -> bool) -> Option<u64> {
    record.events.iter().find(|event| is_it(&event.what)).map(|event| event.at_ms / 1_000)
}

fn at_step(name: &'static str) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Repair { state, .. } if state == name)
}

fn is_recovery(what: &What) -> bool {
    matches!(what, What::Recovered { .. })
}

#[test]
fn a_reset_and_a_reboot_mend_what_they_are_for_after_their_time() {
    let took = "policy: default, reset: {min: 40s, max: 40s}, reboot: {min: 3m, max: 3m}";
    for (fault, class, lasts) in [(MEMORY, "reset-gpu", 40), (DRIVER, "reboot-host", 180)] {
        let record = one_fault(fault, "", took);
        let expected = ["waiting", "admitted", "acting", "verifying", "repaired"].map(|step| format!("{class} {step}"));
        assert_eq!(steps(&record), expected);
        let began = first_s(&record, at_step("acting")).expect("the agent is told");
        assert_eq!(first_s(&record, is_recovery), Some(began + lasts), "{class}");
        assert_eq!((record.tally.repaired, record.tally.provisions, record.tally.recoveries), (1, 3, 1));
        let unfit = record.events.iter().rev().find_map(|event| match &event.what {
            What::Verdict { unfit, .. } => Some(*unfit),
            _ => None,
        });
        assert_eq!(unfit, Some(false), "{class}: the health desk has heard of it");
    }
}

#[test]
fn a_machine_that_reboots_is_not_heard_and_one_that_resets_its_gpus_is_and_neither_is_taken_for_silent() {
    let took = "policy: default, reset: {min: 8m, max: 8m}, reboot: {min: 8m, max: 8m}";
    for (fault, heard) in [(MEMORY, 2), (DRIVER, 1)] {
        let record = one_fault(fault, "", took);
        let began = first_s(&record, at_step("acting")).expect("it is told");
        let during = record.samples.iter().filter(|sample| (began + 60..began + 420).contains(&(sample.at_ms / 1_000)));
        // The third machine, which serves in its place, and the second are heard.
        assert!(during.clone().count() > 100 && during.clone().all(|sample| sample.responsive == heard + 1));
        assert_eq!(first_s(&record, |what| *what == What::Silent), None);
        assert_eq!(record.tally.repaired, 1);
    }
}

#[test]
fn a_machine_that_is_cut_off_does_not_answer_until_it_is_heard_again() {
    // The order is given after two minutes of grace; from 100 s to 600 s nobody can be reached.
    let cut = "  - {at: 100s, action: inject_failure, target: a, params: {failure_type: network}}
  - {at: 600s, action: recover_failure, target: a, params: {failure_type: network}}
";
    let patient = "policy: default, reset: {min: 30s, max: 30s}";
    let health = "\n  health: {silent_after: 30m";
    let record = one_fault(MEMORY, cut, &format!("{patient}}}{health}"));
    assert!(first_s(&record, at_step("acting")) < Some(400), "{:?}", steps(&record));
    let verified = first_s(&record, at_step("verifying"));
    assert_eq!(verified, Some(630), "{:?}", steps(&record));
}

#[test]
fn a_repair_that_does_not_help_is_tried_again_and_then_something_harder() {
    let record = one_fault(MEMORY, "", "policy: {act: {reset-gpu: {verify: 2m}, reboot-host: {verify: 2m}}}, fails: 1");
    let steps = steps(&record);
    let count = |step: &str| steps.iter().filter(|one| *one == step).count();
    assert!(count("reset-gpu acting") > 0 && count("reboot-host acting") > 0, "{steps:?}");
    assert_eq!((record.tally.repaired, record.tally.recoveries), (0, 0), "{steps:?}");
}

#[test]
fn what_asks_for_a_reboot_and_for_a_reset_is_mended_by_one_reboot() {
    let also = "  - {at: 11s, action: inject_failure, target: a, params: {failure_type: memory_error, gpu_index: 1}}\n";
    let record = one_fault(DRIVER, also, "policy: default");
    assert_eq!((record.tally.repaired, record.tally.recoveries), (1, 2), "a reboot mends both");
    let steps = steps(&record);
    assert!(steps.iter().any(|step| step == "reboot-host acting"), "{steps:?}");
}

#[test]
fn without_the_key_agents_are_asked_nothing_and_what_is_unfit_is_replaced() {
    for repair in ["", "policy: eager, fails: 1"] {
        let record = one_fault(MEMORY, "", repair);
        let steps = steps(&record);
        assert!(steps.iter().any(|step| step == "replace condemned"), "{steps:?}");
        assert_eq!((record.tally.repaired, record.tally.recoveries), (0, 0));
    }
}

#[test]
fn a_breaker_holds_an_outage_and_without_it_the_same_file_replaces_many_machines() {
    let text = shipped::find("breaker-holds-an-outage").expect("it ships").text;
    let during = |record: &RunRecord| {
        let replaced = record.events.iter().filter(|event| matches!(event.what, What::Replaced { .. }));
        replaced.filter(|event| (20 * 60_000..31 * 60_000).contains(&event.at_ms)).count()
    };
    let held = run(text);
    assert!(held.passed(), "{:#?}", held.assertions);
    assert!(
        held.events.iter().any(|event| matches!(event.what, What::Held { on: true, .. }) && event.machine.is_none())
    );
    assert!(held.tally.repairs.keys().any(|step| step == "replace/waits for breaker"), "{:?}", held.tally.repairs);

    let open = text.replace("{policy: default}", "{policy: {breakers: []}}");
    assert_ne!(open, text);
    let open = run(&open);
    assert_eq!(open.tally.breakers_opened, 0);
    assert!(open.tally.repairs.keys().any(|step| step == "replace/waits for budget"), "{:?}", open.tally.repairs);
    assert!(!open.passed(), "what is asserted notices that there is no breaker");
    assert!(during(&held) <= 2 && during(&open) >= 30, "{} with it, {} without", during(&held), during(&open));
}

#[test]
fn repairs_are_drawn_from_the_seed_alone() {
    let text = shipped::find("breaker-holds-an-outage").expect("it ships").text;
    let text = text.replace("{policy: default}", "{policy: default, fails: 0.5}");
    let loaded = scenario::load("test.yaml", &text).unwrap_or_else(|error| panic!("{error}"));
    let hash = |seed| rehearsal::run(&loaded, seed).trace_hash();
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}
