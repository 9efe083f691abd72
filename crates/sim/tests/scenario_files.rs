//! Scenario files: what is refused and where, what is accepted, and that types, schema and starter file stay together.

use argosy_sim::scenario::{self, ScenarioError, shipped};

fn refused(text: &str) -> String {
    scenario::load("s.yaml", text).expect_err("it is wrong").to_string()
}

const NODE: &str = "name: x\nfleet:\n  - id: a\n    gpu_count: 4\n";

#[test]
fn a_key_that_does_not_exist_is_refused_with_line_and_column() {
    for (text, place, word) in [
        ("name: x\nfleet: [{id: a, gpus: 8}]\n", "line 2", "gpus"),
        (
            "name: x\nfleet: [{id: a}]\nstress:\n  chaos:\n    enabled: true\n    failure_rat: 5\n",
            "line 6",
            "failure_rat",
        ),
        ("name: x\nfleet: [{id: a}]\nargosy:\n  cloud: {spare: 1}\n", "line 4", "spare"),
    ] {
        let error = refused(text);
        let told = error.starts_with("ARG-1310: s.yaml: ") && error.contains(place) && error.contains(word);
        assert!(told && error.contains("column"), "{error}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_line_and_column() {
    for (text, place) in [
        ("name: x\nfleet: [{id: a}]\nevents:\n  - at: soon\n    action: log\n", "line 4"),
        ("name: x\nfleet: [{id: a}]\nevents:\n  - at: 1s\n    action: explode\n", "line 5"),
        (
            "name: x\nfleet: [{id: a}]\nstress:\n  chaos:\n    enabled: true\n    recovery: {enabled: true, probability: 1.5}\n",
            "line 6",
        ),
        ("name: x\nfleet: [{id: a}]\nassertions:\n  - type: node_state\n", "line 4"),
    ] {
        let error = refused(text);
        assert!(error.starts_with("ARG-1310: ") && error.contains(place), "{error}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused_all_at_once_each_with_its_place() {
    let text = format!(
        "{NODE}events:\n\
         \x20 - {{at: 1s, action: inject_failure, target: b, params: {{failure_type: xid_error, xid_code: 79}}}}\n\
         \x20 - {{at: 1s, action: inject_failure, target: a, params: {{failure_type: fire}}}}\n\
         \x20 - {{at: 1s, action: inject_failure, target: a, params: {{failure_type: temperature, gpu_index: 4}}}}\n\
         \x20 - {{at: 1s, action: wait_for_status, target: a, params: {{expected_status: fine}}}}\n\
         \x20 - {{at: 1s, action: issue_command, target: a}}\n\
         assertions:\n\
         \x20 - {{type: node_count, target: all, expected: many}}\n\
         \x20 - {{type: count, target: helthy, expected: 1}}\n"
    );
    let Err(ScenarioError::Values { faults, .. }) = scenario::load("s.yaml", &text) else { panic!("it is wrong") };
    let told: Vec<(u64, &str)> = faults.iter().map(|fault| (fault.line, fault.path.as_str())).collect();
    let expected = [
        (6, "events[0].target"),
        (7, "events[1].params.failure_type"),
        (8, "events[2].params.gpu_index"),
        (9, "events[3].params.expected_status"),
        (10, "events[4].params.command_type"),
        (12, "assertions[0].expected"),
        (13, "assertions[1].target"),
    ];
    assert_eq!(told, expected);
    assert!(faults.iter().all(|fault| fault.column > 4));
}

#[test]
fn a_repair_policy_is_refused_with_the_place_of_what_is_wrong_in_it() {
    let of = |policy: &str| format!("{NODE}argosy:\n  repair:\n    policy:\n{policy}    fails: 0.1\n");
    for (policy, code, place, word) in [
        ("      treshold: {reports: 1}\n", "ARG-1310", "line 8, column", "treshold"),
        ("      grace:\n        reset-gpu: soon\n", "ARG-1310", "line 9, column", "soon"),
        (
            "      version: 1\n      threshold: {reports: 0}\n",
            "ARG-1311",
            "s.yaml:9:",
            "argosy.repair.policy.threshold.reports",
        ),
        ("      version: 2\n", "ARG-1311", "s.yaml:8:", "argosy.repair.policy.version"),
        ("      patient\n", "ARG-1310", "line 7", "patient"),
    ] {
        let error = refused(&of(policy));
        assert!(error.starts_with(code) && error.contains(place) && error.contains(word), "{word}: {error}");
    }
    for sound in ["      default\n", "      eager\n", "      {budgets: [{per: zone, at_once: 10%}]}\n"] {
        scenario::load("s.yaml", &of(sound)).expect(sound);
    }
}

#[test]
fn what_could_never_happen_is_refused() {
    let chaos = |lines: &str| format!("{NODE}stress:\n  chaos:\n    enabled: true\n{lines}");
    for (text, path) in [
        ("name: x\n".to_owned(), "fleet"),
        ("name: x\nfleet: [{id: a}, {id: a}]\n".to_owned(), "fleet[1].id"),
        ("name: ''\nfleet: [{id: a}]\n".to_owned(), "name"),
        (chaos("    xid_distribution: {13: 0}\n"), "xid_distribution"),
        (
            chaos(
                "    scheduled_outages: [{start_time: 1s, duration: 1s, scope: zone, target: nowhere, failure_type: network}]\n",
            ),
            "scheduled_outages[0].target",
        ),
        (
            chaos(
                "    scheduled_outages: [{start_time: 1s, duration: 1s, scope: percentage, target: 101, failure_type: network}]\n",
            ),
            "scheduled_outages[0].target",
        ),
        (chaos("    correlated_failures: [{trigger: smoke, response: xid_error}]\n"), "correlated_failures[0].trigger"),
        (format!("{NODE}argosy:\n  loads: [{{pool: nobody}}]\n"), "argosy.loads[0].pool"),
        (format!("{NODE}argosy:\n  repair: {{reset: {{min: 2m, max: 1m}}}}\n"), "argosy.repair.reset.max"),
        (format!("{NODE}argosy:\n  health: {{policy: 'rules: []'}}\n"), "argosy.health.policy"),
        (
            format!("{NODE}argosy:\n  pools: [{{name: P, min: 0, max: 1, machine: {{resources: {{cpu: 1}}}}}}]\n"),
            "argosy.pools[0].name",
        ),
    ] {
        let error = refused(&text);
        assert!(error.starts_with("ARG-1311: s.yaml:") && error.contains(path), "{path}: {error}");
    }
}

#[test]
fn the_starter_file_and_all_that_ships_are_sound() {
    scenario::load("starter", scenario::STARTER).expect("the starter file");
    // With the signs of its comments taken away the rest of it is, too.
    let open: String = scenario::STARTER
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|_| in_stress(line)).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let loaded = scenario::load("starter", &open).expect("the whole starter file");
    assert!(loaded.scenario.chaos().is_some(), "the section on chaos was not opened");
    for one in shipped::ALL {
        let loaded = scenario::load(one.name, one.text).expect(one.name);
        assert_eq!(loaded.scenario.name, one.name);
    }
}

fn in_stress(line: &str) -> bool {
    line.starts_with("# stress:") || line.starts_with("#   ")
}

#[test]
fn the_schema_that_is_checked_in_is_that_of_the_types() {
    let file = include_str!("../../../docs/reference/scenario.schema.json");
    let told = "docs/reference/scenario.schema.json is out of date: argosy-lab sim schema > docs/reference/scenario.schema.json";
    assert!(file == scenario::schema(), "{told}");
}

#[test]
fn cascades_that_feed_themselves_are_told_with_their_number() {
    let of = |share: &str| {
        let text = format!(
            "name: x\nstress:\n  seed: 1\n  fleet_gen: {{total_nodes: 100, templates: [{{name: t, weight: 1, gpu_count: 8}}], providers: {{gcp: 1}}, regions: {{r: 1}}, zones: {{r: [z]}}}}\n  chaos:\n    enabled: true\n    cascading: {{enabled: true, probability: 0.1, scope: zone, max_affected_percent: {share}}}\n"
        );
        scenario::load("s.yaml", &text).expect("it is sound")
    };
    // 99 others; a fifth of them is 19: 0.1 × (1 + 19) / 2.
    let (tame, wild, percent) = (of("0.2"), of("0.5"), of("50"));
    let number = |loaded: &scenario::Loaded| loaded.reproduction.as_ref().map(|number| (number.text(), number.at_most));
    assert_eq!(number(&tame), Some(("1.00".to_owned(), 19)));
    assert_eq!(number(&wild), Some(("2.50".to_owned(), 49)));
    assert_eq!(number(&percent), number(&wild));
    let warned = |loaded: &scenario::Loaded| {
        loaded.warnings.iter().any(|warning| warning.contains("reproduction number is 2.50 in z"))
    };
    assert_eq!([warned(&tame), warned(&wild), warned(&percent)], [false, true, true]);
}
