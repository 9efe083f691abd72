//! Every scripted scenario comes to its end, by the very decisions of its golden trace.

use argosy_sim::script::stories;
use argosy_sim::{SimError, difference, suite};

fn golden(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.jsonl"))
}

#[test]
fn every_scenario_ends_as_it_must_and_breaks_no_rule() {
    let failed: Vec<String> = stories::all()
        .iter()
        .map(|script| script.play().report)
        .filter(|report| !report.passed)
        .map(|report| report.to_string())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_scenario_takes_the_steps_of_its_golden_trace() {
    let mut parted = Vec::new();
    for script in stories::all() {
        let recorded = std::fs::read_to_string(golden(script.name)).unwrap_or_default();
        parted.extend(difference::explain(&recorded, &script.play().trace.text()).map(|text| (script.name, text)));
    }
    let told: Vec<String> = parted.into_iter().map(|(name, text)| format!("{name}: {text}")).collect();
    assert!(told.is_empty(), "{}\nrecord anew with `argosy-lab sim record NAME` if this is meant", told.join("\n"));
}

#[test]
fn every_golden_trace_belongs_to_a_scenario() {
    let names: Vec<&str> = stories::all().iter().map(|script| script.name).collect();
    for entry in std::fs::read_dir(golden("x").parent().unwrap()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&file.trim_end_matches(".jsonl")), "{file} belongs to no scenario");
    }
}

#[test]
fn a_scenario_gives_the_same_bytes_twice() {
    for script in stories::all() {
        assert_eq!(script.play().trace.text(), script.play().trace.text(), "{}", script.name);
    }
}

#[test]
fn an_unknown_scenario_is_refused_with_the_names_there_are() {
    let Err(error @ SimError::Unknown { .. }) = suite::find("nonsense") else { panic!("found") };
    assert!(error.to_string().contains("ARG-1301") && error.to_string().contains("host-death"), "{error}");
}
