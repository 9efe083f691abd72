//! Rehearsals: what a scenario says really happens, twice the same, and what was once found out by others stays found out.

use argosy_sim::rehearsal::record::{Cause, FailureKind, RunRecord, What};
use argosy_sim::rehearsal::{self, Rehearsal};
use argosy_sim::scenario::{self, Loaded, shipped};

fn load(text: &str) -> Loaded {
    scenario::load("test.yaml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn run(text: &str) -> RunRecord {
    let loaded = load(text);
    let record = rehearsal::run(&loaded, loaded.scenario.seed());
    assert_eq!(record.violations, Vec::<String>::new());
    record
}

fn assert_passes(record: &RunRecord) {
    let failed: Vec<String> = record.assertions.iter().filter(|check| !check.passed).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(!record.assertions.is_empty(), "nothing was asserted");
}

/// Two zones of one region, machines of one kind, and spare slots.
fn fleet(nodes: u32, spares: &str, chaos: &str, argosy: &str) -> String {
    format!(
        "name: t
stress:
  duration: 10m
  seed: 7
  fleet_gen:
    total_nodes: {nodes}
    templates: [{{name: t, weight: 1, gpu_count: 8, instance_type: it}}]
    providers: {{gcp: 1}}
    regions: {{r: 1}}
    zones: {{r: [r-a, r-b]}}
    startup: {{pattern: instant}}
  chaos:
    enabled: true
{chaos}
argosy:
  cloud: {{spares: {spares}}}
{argosy}"
    )
}

fn failed(record: &RunRecord) -> impl Iterator<Item = (u64, u32, FailureKind, &Cause)> {
    record.events.iter().filter_map(|event| match &event.what {
        What::Failed { kind, cause, .. } => Some((event.at_ms, event.machine.expect("of a machine"), *kind, cause)),
        _ => None,
    })
}

#[test]
fn the_same_file_and_seed_give_the_same_bytes_however_the_run_is_cut() {
    let chaos = "    failure_rate: 400\n    failure_types: [{type: xid_error, weight: 5}, {type: network, weight: 3}, {type: temperature, weight: 2}]\n    cascading: {enabled: true, probability: 0.3, scope: zone, max_affected_percent: 0.1, max_delay: 5s}\n    recovery: {enabled: true, probability: 0.5, mean_time: 1m, replace_fatal: true}\n";
    let loaded = load(&fleet(60, "0.5", chaos, ""));
    let whole = rehearsal::run(&loaded, 7);
    let mut cut = Rehearsal::new(&loaded, 7);
    while !cut.run_until(cut.now_ms() + 1_000) {}
    let cut = cut.finish();
    let bytes = |record: &RunRecord| serde_json::to_string(record).expect("plain data");
    assert!(bytes(&whole) == bytes(&cut), "the same run differs");
    assert_ne!(whole.trace_hash(), rehearsal::run(&loaded, 8).trace_hash(), "the seed changes nothing");
    assert!(whole.tally.cascades > 0 && whole.tally.recoveries > 0, "{:?}", whole.tally);
}

#[test]
fn failures_come_at_their_true_rate_however_high() {
    // 1,000 a minute for 1,000 machines; nothing recovers, and nothing stops the next failure.
    let chaos = "    failure_rate: 1000\n    xid_distribution: {13: 1}\n";
    let record =
        run(&fleet(300, "0", chaos, "  assertions: [{type: rate, target: failures, expected: '>= 285', at: 1m}]\n"));
    assert_passes(&record);
    let primaries = failed(&record).filter(|(_, _, _, cause)| **cause == Cause::Primary).count();
    // 300 a minute for ten minutes: the deviation of 3,000 is 55.
    assert!(primaries.abs_diff(3_000) < 220, "{primaries}");
    let mut gaps: Vec<u64> = failed(&record).map(|(at, ..)| at).collect();
    gaps = gaps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let short = gaps.iter().filter(|gap| **gap < 139).count() * 100 / gaps.len();
    assert!((46..=54).contains(&short), "half of the gaps of a Poisson stream lie below ln 2 of their mean: {short} %");
}

#[test]
fn a_cascade_stays_within_its_share_of_the_real_zone() {
    for seed in 1..=12 {
        let chaos = "    failure_rate: 30\n    xid_distribution: {13: 1}\n    cascading: {enabled: true, probability: 0.9, max_depth: 6, min_delay: 1s, max_delay: 4s, scope: zone, max_affected_percent: 0.1}\n    recovery: {enabled: true, probability: 1, mean_time: 20s}\n";
        let loaded = load(&fleet(120, "0", chaos, ""));
        let record = rehearsal::run(&loaded, seed);
        let all: Vec<_> = failed(&record).collect();
        let zone = |machine: u32| record.machines[machine as usize].zone.as_str();
        let in_zone = |name: &str| record.machines.iter().filter(|machine| machine.zone == name).count();
        let mut trees: std::collections::BTreeMap<usize, (u32, usize)> = std::collections::BTreeMap::new();
        let mut roots: Vec<usize> = Vec::new();
        for (at, (_, machine, _, cause)) in all.iter().enumerate() {
            let root = match cause {
                Cause::Cascade { parent, .. } => roots[*parent as usize],
                _ => at,
            };
            roots.push(root);
            let tree = trees.entry(root).or_insert((*machine, 0));
            assert_eq!(zone(tree.0), zone(*machine), "seed {seed}: a cascade has left its zone");
            tree.1 += usize::from(root != at);
        }
        assert!(record.tally.cascades > 20, "seed {seed}: {} is too few to say anything", record.tally.cascades);
        for (first, spread) in trees.values() {
            let most = (in_zone(zone(*first)) - 1) / 10;
            assert!(*spread <= most, "seed {seed}: {spread} machines of {} in one cascade", in_zone(zone(*first)));
        }
    }
}

#[test]
fn a_fault_of_one_link_condemns_its_machine_once_with_all_its_gpus() {
    let text = "name: t
fleet: [{id: a, instance_type: it, gpu_count: 8}]
events:
  - {at: 0s, action: start_fleet}
  - {at: 5s, action: inject_failure, target: a, params: {failure_type: nvlink_error, gpu_index: 3}}
  - {at: 30s, action: wait}
argosy:
  cloud: {spares: 1}
";
    let record = run(text);
    let unfit: Vec<&What> = record
        .events
        .iter()
        .map(|event| &event.what)
        .filter(|what| matches!(what, What::Verdict { unfit: true, .. }))
        .collect();
    assert_eq!(unfit.len(), 1, "{unfit:#?}");
    assert!(matches!(unfit[0], What::Verdict { rule, .. } if rule == "nvlink-fault"));
}

#[test]
fn an_outage_hits_its_zone_alone_and_its_end_clears_what_it_caused_alone() {
    let chaos = "    failure_rate: 20\n    xid_distribution: {48: 1}\n    scheduled_outages: [{name: cut, start_time: 3m, duration: 2m, scope: zone, target: r-b, failure_type: network}]\n";
    let asserted = "  assertions:
    - {type: node_count, target: zone=r-a, expected: 80, at: 4m}
    - {type: count, target: silent, expected: '>= 80', at: 4m}
    - {type: count, target: active_outages, expected: 1, at: 4m}
    - {type: count, target: silent, expected: 0}
    - {type: count, target: broken, expected: '>= 5'}
";
    let record = run(&fleet(200, "0", chaos, asserted));
    assert_passes(&record);
    for (_, machine, kind, cause) in failed(&record) {
        let is_outage = matches!(cause, Cause::Outage { .. });
        assert_eq!(is_outage, kind == FailureKind::Network);
        assert!(!is_outage || record.machines[machine as usize].zone == "r-b");
    }
    let recovered: Vec<&What> =
        record.events.iter().map(|event| &event.what).filter(|what| matches!(what, What::Recovered { .. })).collect();
    assert!(recovered.iter().all(|what| matches!(what, What::Recovered { kind: FailureKind::Network, .. })));
    assert_eq!(recovered.len(), record.tally.by_cause["outage"] as usize);
}

#[test]
fn an_assertion_that_does_not_hold_fails_whatever_it_looks_at() {
    let text = "name: t
fleet: [{id: a}, {id: b}]
events:
  - {at: 0s, action: start_fleet}
  - {at: 5s, action: issue_command, target: b, params: {command_type: terminate}}
  - {at: 20s, action: wait_for_status, target: a, params: {expected_status: cordoned, timeout: 5s}}
  - {at: 26s, action: assert, target: a, params: {failure_type: health_status, expected_status: degraded}}
assertions:
  - {type: node_status, target: a, expected: unhealthy}
  - {type: health_status, target: a, expected: unhealthy}
  - {type: node_count, target: all, expected: 2}
argosy:
  assertions:
    - {type: count, target: healthy, expected: 2, at: 10s}
    - {type: count, target: healthy, expected: 2, at: 1s, until: 20s}
    - {type: rate, target: failures, expected: '>= 1'}
    - {type: latency, target: detect, expected: 'p99 <= 1h'}
    - {type: cost, target: total, expected: '<= 0'}
    - {type: invariant, expected: never_below_min}
";
    let record = run(text);
    let held: Vec<&str> = record.assertions.iter().filter(|one| one.passed).map(|one| one.text.as_str()).collect();
    assert_eq!((record.assertions.len(), held), (11, Vec::new()), "{:#?}", record.assertions);
    assert!(!record.passed());
}

#[test]
fn what_ships_passes() {
    for one in shipped::ALL {
        let loaded = load(one.text);
        assert_passes(&rehearsal::run(&loaded, loaded.scenario.seed()));
    }
}
