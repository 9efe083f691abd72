//! What is done otherwise than the author of a file for Navarch's simulator may be used to. Nothing of it is an error.

use super::Reproduction;
use super::form::{Action, Chaos, RepairPolicy, Scenario};
use super::scalar::Span;
use argosy_health::{Event, table};

/// Failures a minute that Navarch's simulator could make at most, whatever the rate.
const OLD_CAP_PER_MINUTE: u64 = 60;

/// Paths, and what is to be known there.
pub(super) fn warnings(scenario: &Scenario, reproduction: Option<&Reproduction>) -> Vec<(String, String)> {
    let mut warnings = Vec::new();
    let mut warn = |path: &str, what: String| warnings.push((path.to_owned(), what));
    let starts = scenario.events.iter().any(|event| event.action == Action::StartFleet);
    let is_generated = scenario.stress.as_ref().is_some_and(|stress| stress.fleet_gen.is_some());
    if !starts && !is_generated && scenario.argosy.pools.is_empty() {
        warn("events", "nothing starts the fleet: no machine comes up without a start_fleet".to_owned());
    }
    if let Some(stress) = &scenario.stress {
        let files = [
            ("stress.report_file", &stress.report_file),
            ("stress.html_report_file", &stress.html_report_file),
            ("stress.log_file", &stress.log_file),
        ];
        for (path, _) in files.into_iter().filter(|(_, file)| !file.is_empty()) {
            warn(path, "not used: `--out DIR` says where the reports of a run go".to_owned());
        }
        if stress.seed == 0 {
            warn(
                "stress",
                format!("no seed is named: {} is taken, and the run is the same every time", super::USUAL_SEED),
            );
        }
        if is_generated && !scenario.events.is_empty() {
            let what = "times count from the beginning of the start-up, and the duration holds the start-up too";
            warn("events", what.to_owned());
        }
    }
    if scenario.assertions.iter().any(|assertion| assertion.kind == super::form::AssertionKind::NodeCount) {
        warn("assertions", "node_count compares: at least so many machines have to be up and heard".to_owned());
    }
    if let RepairPolicy::Inline(policy) = &scenario.argosy.repair.policy {
        for fault in policy.warnings() {
            warn(&format!("argosy.repair.policy.{}", fault.path), fault.what.to_owned());
        }
    }
    if let Some(chaos) = scenario.chaos() {
        warnings.extend(of_chaos(scenario, chaos, reproduction));
    }
    warnings
}

fn of_chaos(scenario: &Scenario, chaos: &Chaos, reproduction: Option<&Reproduction>) -> Vec<(String, String)> {
    let mut warnings = Vec::new();
    let mut warn = |key: &str, what: String| warnings.push((format!("stress.chaos.{key}"), what));
    let generated = scenario.stress.as_ref().and_then(|stress| stress.fleet_gen.as_ref());
    let machines = scenario.fleet.len() as u64 + generated.map_or(0, |of| u64::from(of.total_nodes));
    let per_minute = chaos.failure_rate.0 * machines / 1_000_000;
    if per_minute > OLD_CAP_PER_MINUTE {
        warn(
            "failure_rate",
            format!("{per_minute} failures a minute really happen once all machines are up; there is no cap"),
        );
    }
    if !chaos.correlated_failures.is_empty() {
        warn("correlated_failures", "they happen".to_owned());
    }
    let told = "it takes effect: a machine that cannot be heard is found out by its silence, a host that does not boot by its provider";
    let kinds = chaos.failure_types.iter().map(|one| one.kind.name());
    if kinds.into_iter().any(|kind| matches!(kind, "network" | "boot_failure")) {
        warn("failure_types", told.to_owned());
    }
    if let Some(swapped) = chaos.xid_distribution.keys().find(|code| matches!(**code, 63 | 64)) {
        let class = |code: i64| table::resolve(&Event::xid(0, code)).map_or("unknown", |found| found.class.name());
        let what = format!(
            "the one table of XIDs counts: 63 is a row that was remapped ({}), 64 one that could not be ({})",
            class(63),
            class(64)
        );
        warn(&format!("xid_distribution.{swapped}"), what);
    }
    if let Some(cascading) = chaos.cascading.as_ref().filter(|cascading| cascading.enabled) {
        if cascading.max_affected_percent.0 > 1_000 {
            warn("cascading.max_affected_percent", "a number above 1 is read as percent".to_owned());
        }
        if let Some(number) = reproduction.filter(|number| number.runs_away()) {
            let what = format!(
                "the reproduction number is {} in {} ({} machines): a cascade feeds itself there until its depth, or its share \
                 of {} machines, ends it",
                number.text(),
                number.scope,
                number.machines,
                number.at_most
            );
            warn("cascading", what);
        }
    }
    let ends = scenario.stress.as_ref().map_or(Span(0), |stress| stress.duration);
    for (at, _) in chaos.scheduled_outages.iter().enumerate().filter(|(_, outage)| outage.start_time >= ends) {
        warn(&format!("scheduled_outages[{at}].start_time"), "the run is over by then".to_owned());
    }
    warnings
}
