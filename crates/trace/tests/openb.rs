//! The real trace, where it lies beside the project. Its licence forbids carrying it along.

use std::io::Write as _;
use std::path::PathBuf;

use argosy_trace::demand::Demand;
use argosy_trace::marginals::Marginals;
use argosy_trace::synth::shipped_marginals;
use argosy_trace::transform::{DEFAULT_COMPRESSION, DEFAULT_NODES_FRACTION, parse_fraction};
use argosy_trace::utilisation::Peak;
use argosy_trace::{Trace, openb};
use argosy_workload::rollup::Aggregation;

/// The trace with this file of tasks; `None`, and a word on the terminal, where it is not there.
fn real(tasks: &str) -> Option<Trace> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/openb");
    let (nodes, tasks) = (directory.join("openb_node_list_all_node.csv"), directory.join(tasks));
    if !tasks.exists() {
        // Past the capture of the test harness: a skipped test should not look like a passed one.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: {} is not there; the README says where to get it", tasks.display());
        return None;
    }
    let (trace, skipped) = openb::read(&nodes, &tasks).unwrap().accept(false).unwrap();
    assert_eq!(skipped, 0);
    Some(trace)
}

#[test]
fn every_row_of_every_variant_is_good() {
    for variant in ["openb_pod_list_default.csv", "openb_pod_list_gpuspec33.csv"] {
        let Some(trace) = real(variant) else { return };
        let gpus: u64 = trace.nodes.iter().map(|node| node.shape.gpus).sum();
        assert_eq!((trace.nodes.len(), gpus, trace.tasks.len()), (1_523, 6_212, 8_152));
    }
}

#[test]
fn as_it_is_the_trace_keeps_some_seventy_gpus_busy_and_every_task_could_run_somewhere() {
    let Some(trace) = real("openb_pod_list_default.csv") else { return };
    let peak = Peak::of(&trace);
    assert_eq!((peak.demand_gpu_milli, peak.waited), (65_590, 0));
    assert!(Demand::new(&trace).impossible(&trace.tasks).is_empty());
}

#[test]
fn the_default_compression_and_fraction_bring_at_least_ninety_percent_with_contention() {
    let Some(trace) = real("openb_pod_list_default.csv") else { return };
    let fraction = parse_fraction(DEFAULT_NODES_FRACTION).unwrap();
    for seed in 1..=5 {
        let trace = trace.clone().nodes_fraction(fraction, seed).compress_arrivals(DEFAULT_COMPRESSION);
        let peak = Peak::of(&trace);
        assert!(peak.demand_ppm() >= 1_000_000, "seed {seed}: {peak:?}");
        assert!(peak.placed_ppm() >= 900_000, "seed {seed}: {peak:?}");
        assert!(peak.could_preempt > 0 && peak.never_placed > 0, "seed {seed}: {peak:?}");
    }
}

#[test]
fn the_shipped_statistics_are_those_of_the_real_trace() {
    let Some(trace) = real("openb_pod_list_gpuspec33.csv") else { return };
    let mut shipped = shipped_marginals().unwrap();
    let measured = Marginals::measure(&trace, &shipped.source);
    shipped.source.clone_from(&measured.source);
    assert_eq!(shipped, measured);
}

#[test]
fn the_demand_of_a_cluster_is_a_few_dozen_needs_however_many_tasks_there_are() {
    let Some(trace) = real("openb_pod_list_gpuspec33.csv") else { return };
    let demand = Demand::new(&trace);
    let mut aggregation = Aggregation::default();
    for task in &trace.tasks {
        let (profile, amounts) = demand.of(task);
        aggregation.add(&profile, &amounts, 1);
    }
    let needs = aggregation.finish("all", 0).needs.len();
    assert!((20..=150).contains(&needs), "{needs}");
}
