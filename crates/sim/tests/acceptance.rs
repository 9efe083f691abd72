//! What others found out the hard way about fleets of GPUs, as rehearsals that would find it again.

use std::collections::BTreeSet;

use argosy_model::State;
use argosy_sim::actor::Nobody;
use argosy_sim::cloud::Faults;
use argosy_sim::rehearsal;
use argosy_sim::rehearsal::record::{RunRecord, What};
use argosy_sim::{FleetSim, Offer, Row, Setup, scenario};
use argosy_workload::amounts::Amounts;

fn run(text: &str) -> RunRecord {
    let loaded = scenario::load("test.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    let record = rehearsal::run(&loaded, loaded.scenario.seed());
    assert_eq!(record.violations, Vec::<String>::new());
    let failed: Vec<String> = record.assertions.iter().filter(|check| !check.passed).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    record
}

/// A generated fleet of one kind in one zone, for so many minutes, with chaos and what is ours.
fn generated(nodes: u32, minutes: u32, chaos: &str, argosy: &str) -> String {
    format!(
        "name: t
stress:
  duration: {minutes}m
  seed: 3
  fleet_gen:
    total_nodes: {nodes}
    templates: [{{name: t, weight: 1, gpu_count: 8, instance_type: it}}]
    providers: {{gcp: 1}}
    regions: {{r: 1}}
    zones: {{r: [r-a]}}
    startup: {{pattern: instant}}
  chaos: {{enabled: true{chaos}}}
argosy:
{argosy}"
    )
}

/// For every machine that was replaced: when its pool began to do without it, and when its replacement was decided.
fn reactions(record: &RunRecord) -> Vec<(u64, u64)> {
    let mut reactions = Vec::new();
    for (at, event) in record.events.iter().enumerate() {
        let What::Replaced { by, took_ms, .. } = &event.what else { continue };
        let decided = record.events[..at].iter().rev().find(|earlier| {
            earlier.machine == Some(*by)
                && matches!(&earlier.what, What::Decided { action, .. } if action != "Delete" && action != "Reclaim")
        });
        reactions.push((event.at_ms - took_ms, decided.expect("a replacement was decided").at_ms));
    }
    reactions
}

#[test]
fn a_replacement_is_decided_within_a_second_of_the_verdict_at_250_failures_a_minute() {
    // Row 1: an evaluation every 30 s was too slow at this rate; here decisions follow events.
    let chaos = ", failure_rate: 50, xid_distribution: {48: 1}, recovery: {enabled: true, replace_fatal: true, replace_cold_start: 20s}";
    let record = run(&generated(5_000, 4, chaos, "  cloud: {spares: 1}\n"));
    let reactions = reactions(&record);
    assert!(reactions.len() > 600, "{}", reactions.len());
    let slowest = reactions.iter().map(|(missed, decided)| decided.saturating_sub(*missed)).max();
    let slowest = slowest.expect("machines failed");
    assert!(slowest < 1_000, "{slowest} ms");
    // The backlog is what replacements on their way come to, and does not grow.
    let later = record.samples.iter().filter(|sample| sample.at_ms >= 120_000);
    let on_their_way = later.map(|one| one.joining).max().expect("it ran for longer than two minutes");
    assert!(on_their_way <= 250, "{on_their_way}");
}

#[test]
fn a_burst_of_losses_is_decided_upon_in_few_cycles() {
    let chaos = ", scheduled_outages: [{name: o, start_time: 1m, duration: 5m, scope: provider, target: gcp, failure_type: boot_failure}]";
    let record = run(&generated(500, 2, chaos, "  cloud: {spares: 1}\n"));
    let decided = record
        .events
        .iter()
        .filter(|event| matches!(&event.what, What::Decided { action, .. } if action == "Provision"));
    let after: Vec<u64> = decided.map(|event| event.at_ms).filter(|at| (60_000..65_000).contains(at)).collect();
    let cycles: BTreeSet<u64> = after.iter().copied().collect();
    assert_eq!((after.len(), cycles.len() <= 3), (500, true), "{cycles:?}");
}

#[test]
fn what_recovers_within_its_grace_costs_nothing_and_what_stays_costs_one_machine() {
    // Row 3: replacing first and recovering then made machines go round.
    let text = |recover: &str| {
        format!(
            "name: t
fleet: [{{id: a}}, {{id: b}}]
events:
  - {{at: 0s, action: start_fleet}}
  - {{at: 10s, action: inject_failure, target: a, params: {{failure_type: nvml_failure}}}}
{recover}  - {{at: 6m, action: wait}}
argosy: {{cloud: {{spares: 1}}}}
"
        )
    };
    let provisions = |record: &RunRecord| record.tally.provisions;
    let recovered = run(&text("  - {at: 100s, action: recover_failure, target: a}\n"));
    assert_eq!((provisions(&recovered), recovered.tally.replacements, recovered.tally.wasted_microusd), (2, 0, 0));
    let stayed = run(&text(""));
    assert_eq!((provisions(&stayed), stayed.tally.replacements), (3, 1));
    assert!(stayed.tally.wasted_microusd > 0, "what served nobody while it was paid for is told");
}

/// A pool with an autoscaler over the slots of a fleet of twenty.
fn scaled(pool: &str, loads: &str, minutes: u32, asserted: &str) -> String {
    let argosy = format!(
        "  pools: [{{name: p, machine: {{resources: {{nvidia.com/gpu: \"8\"}}}}, {pool}}}]
  loads: {loads}
  assertions:
    - {{type: invariant, expected: never_above_max}}
{asserted}"
    );
    generated(20, minutes, "", &argosy)
}

#[test]
fn load_scales_a_pool_up_and_a_queue_gives_it_its_size() {
    // Row 9.
    let reactive = "min: 2, max: 10, autoscaler: {reactive: {scale_up_at_percent: 80, scale_down_at_percent: 20}}";
    run(&scaled(
        reactive,
        "[{pool: p, utilisation: 0.85, every: 10s}]",
        5,
        "    - {type: count, target: wanted, expected: '>= 4'}\n",
    ));
    let queue = "min: 1, max: 20, autoscaler: {queue: {jobs_per_machine: 10}}";
    run(&scaled(
        queue,
        "[{pool: p, queue_depth: 73, every: 10s}]",
        3,
        "    - {type: count, target: healthy, expected: 8}\n",
    ));
}

#[test]
fn metrics_that_stopped_hold_a_pool_and_are_not_taken_for_nothing_to_do() {
    let queue = "min: 1, max: 20, stale_after: 1m, autoscaler: {queue: {jobs_per_machine: 10}}";
    let loads = "[{pool: p, queue_depth: 73, every: 10s, until: 2m}]";
    run(&scaled(queue, loads, 15, "    - {type: count, target: wanted, expected: 8, at: 1m, until: 15m}\n"));
}

#[test]
fn a_pool_shrinks_by_its_step_after_its_rest_and_no_sooner() {
    // Row 10: one machine at a time, five minutes after the last move; both can be set.
    let pool = "min: 1, max: 20, steps: {up: 20, down: 2}, cooldown: {up: 1s, down: 2m}, autoscaler: {queue: {jobs_per_machine: 10}}";
    let loads = "[{pool: p, queue_depth: 80, every: 10s, until: 1m}, {pool: p, queue_depth: 10, at: 1m, every: 10s}]";
    let asserted = "    - {type: count, target: wanted, expected: 8, at: 100s}
    - {type: count, target: wanted, expected: 6, at: 150s}
    - {type: count, target: wanted, expected: 4, at: 5m}
";
    run(&scaled(pool, loads, 6, asserted));
}

#[test]
fn every_pool_reaches_its_least_size_with_any_autoscaler_or_none() {
    // Row 11, and the quick start that gave no machine at all.
    for policy in [
        "replicas: 5",
        "headroom: 0",
        "autoscaler: {reactive: {}}",
        "autoscaler: {queue: {jobs_per_machine: 10}}",
        "autoscaler: {predictive: {}}",
    ] {
        let pool = format!("min: 5, max: 9, {policy}");
        run(&scaled(&pool, "[]", 1, "    - {type: count, target: healthy, expected: 5}\n"));
    }
}

#[test]
fn a_new_leader_forgets_no_machine_and_buys_none_twice() {
    let chaos = ", failure_rate: 20, xid_distribution: {48: 1}, recovery: {enabled: true, replace_fatal: true}";
    let argosy = "  cloud: {spares: 1}
  control_plane: {new_leader_at: [90s, 3m, 181s]}
  assertions:
    - {type: invariant, expected: never_above_max}
    - {type: invariant, expected: no_leak}
    - {type: invariant, expected: no_double_action}
    - {type: count, target: healthy, expected: '>= 190'}
";
    let record = run(&generated(200, 5, chaos, argosy));
    assert!(record.events.iter().filter(|event| event.what == What::LeaderChanged).count() == 3);
    assert!(record.tally.replacements > 5, "{:?}", record.tally);
}

#[test]
fn a_cordon_stays_through_a_reboot_and_a_terminated_machine_alone_is_gone() {
    let text = "name: t
fleet: [{id: a}, {id: b}, {id: c}]
events:
  - {at: 0s, action: start_fleet}
  - {at: 5s, action: issue_command, target: a, params: {command_type: cordon}}
  - {at: 6s, action: issue_command, target: b, params: {command_type: terminate}}
  - {at: 7s, action: issue_command, target: c, params: {command_type: run_diagnostic}}
  - {at: 8s, action: inject_failure, target: a, params: {failure_type: network}}
  - {at: 20s, action: recover_failure, target: a}
  - {at: 30s, action: wait}
assertions:
  - {type: node_status, target: a, expected: cordoned}
  - {type: node_status, target: b, expected: terminated}
  - {type: node_status, target: c, expected: active}
argosy:
  assertions: [{type: count, target: total, expected: 2}]
";
    let record = run(text);
    assert!(record.events.iter().any(|event| matches!(&event.what, What::Command { command, outcome } if command == "run_diagnostic" && outcome == "passed")));
}

#[test]
fn a_day_leaves_nothing_behind_but_its_record() {
    let chaos = ", failure_rate: 0.2, recovery: {enabled: true, probability: 0.5, mean_time: 10m, replace_fatal: true}";
    let argosy = "  cloud: {spares: 1}
  assertions:
    - {type: invariant, expected: no_leak}
    - {type: count, target: healthy, expected: '>= 45'}
    - {type: count, target: total, expected: '<= 75'}
";
    let text = generated(50, 24 * 60, chaos, argosy).replace("seed: 3", "seed: 3\n  metrics_interval: 5m");
    let record = run(&text);
    assert!(record.tally.replacements > 0 && record.tally.failures > 5, "{:?}", record.tally);
}

#[test]
fn a_fault_of_one_link_flags_eight_gpus_in_one_verdict_and_costs_one_replacement() {
    // Row 2.
    let text = "name: t
fleet: [{id: a, instance_type: it, gpu_count: 8}]
events:
  - {at: 0s, action: start_fleet}
  - {at: 5s, action: inject_failure, target: a, params: {failure_type: xid_error, xid_code: 74, gpu_index: 3}}
  - {at: 20m, action: wait}
argosy:
  cloud: {spares: 1}
  assertions:
    - {type: invariant, expected: no_double_action}
    - {type: count, target: healthy, expected: 1}
";
    let record = run(text);
    let unfit = record
        .events
        .iter()
        .filter(|event| matches!(&event.what, What::Verdict { unfit: true, rule, .. } if rule == "nvlink-fault"));
    assert_eq!((unfit.count(), record.tally.replacements, record.tally.provisions), (1, 1, 2));
    let rules = argosy_health::Policy::standard().rules_of(None);
    let facts = argosy_health::Facts { gpus: 8, domains: Vec::new() };
    let mut watch = argosy_health::Watch::new(rules, facts, argosy_model::ShardTime(0));
    let verdicts =
        watch.take(argosy_model::ShardTime(1), argosy_health::Input::Event(argosy_health::Event::xid(3, 74)));
    let gpus: Vec<u32> = verdicts.iter().flat_map(|verdict| &verdict.to.gpus).map(|one| one.gpu).collect();
    assert_eq!((verdicts.len(), gpus), (1, (0..8).collect()), "one verdict, and it names them all");
}

#[test]
fn after_a_restart_a_thousand_agents_are_back_within_two_intervals_and_nothing_is_bought_twice() {
    let argosy = "  control_plane: {new_leader_at: [2m]}
  assertions:
    - {type: invariant, expected: no_double_action}
    - {type: invariant, expected: no_leak}
    - {type: count, target: healthy, expected: 1000, at: 140s, until: 5m}
    - {type: count, target: responsive, expected: 1000, at: 140s, until: 5m}
";
    let record = run(&generated(1_000, 5, "", argosy));
    assert_eq!((record.tally.provisions, record.tally.replacements), (1_000, 0));
}

#[test]
fn a_provider_that_is_out_is_waited_for_and_gives_what_was_wanted_once_it_is_back() {
    let outages = [
        Faults { lost_call_ppm: 1_000_000, ..Faults::default() },
        Faults { lost_answer_ppm: 1_000_000, ..Faults::default() },
        Faults { throttle_ppm: 1_000_000, ..Faults::default() },
        Faults { out_of_stock: ["it".to_owned()].into(), ..Faults::default() },
    ];
    for outage in outages {
        let mut cores = Amounts::default();
        cores.set("cpu", 4_000);
        let slot = |n: u32| (format!("slot-{n}"), Offer::new("it", "zone-a", &cores).speculative());
        let mut fleet = FleetSim::new(Setup::new(5), (0..8).map(slot));
        fleet.bind("c", 0);
        fleet.cloud_mut().set_faults(outage.clone());
        fleet.report("c", &[Row::new(1_000, &cores, 3).on(&["it"]).build()]);
        // Long enough for every patience to be over many times.
        fleet.run(3_600_000, &mut Nobody);
        let serving = |fleet: &FleetSim| {
            fleet.leaders()[0].state().fleet().iter().filter(|(_, m)| m.state == State::Configured).count()
        };
        let hosts = |fleet: &FleetSim| {
            (0..8)
                .filter(|n| fleet.cloud().get(&format!("slot-{n}")).is_some_and(|seen| seen.machine.host.is_some()))
                .count()
        };
        assert!(serving(&fleet) <= 3 && hosts(&fleet) <= 3, "{outage:?}");
        fleet.cloud_mut().set_faults(Faults::default());
        // A real provider is listed whole again and again; a simulated one lists what has changed.
        (0..8).for_each(|n| fleet.cloud_mut().repair(&format!("slot-{n}")));
        // A slot that was turned down again and again is left alone for an hour at most.
        fleet.run(3_600_000 + 3_900_000, &mut Nobody);
        assert_eq!((serving(&fleet), hosts(&fleet), fleet.broken()), (3, 3, Vec::<String>::new()), "{outage:?}");
    }
}
