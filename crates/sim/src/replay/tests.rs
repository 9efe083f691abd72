//! What holds of a replay: every task is accounted for, the same seed gives the same bytes, contention shows.

use argosy_trace::synth::{self, SynthSpec};
use argosy_trace::tiles::{Tiles, Tiling};
use argosy_trace::transform::cluster_of;
use argosy_trace::{Node, NodeShape, Phase, Qos, Task, Trace};

use super::*;

const HOUR_MS: u64 = 3_600_000;

fn tiny() -> Trace {
    let shape = NodeShape { model: "A".to_owned(), gpus: 2, cpu_milli: 32_000, memory_mib: 65_536 };
    let node = |number: u32| Node { name: format!("n{number}"), shape: shape.clone() };
    Trace { nodes: (0..3).map(node).collect(), tasks: Vec::new() }
}

fn task(name: &str, gpus: u64, qos: Qos, arrival_ms: u64, lifetime_ms: u64) -> Task {
    Task {
        name: name.to_owned(),
        cpu_milli: 1_000,
        memory_mib: 1_024,
        gpus,
        gpu_milli: 1_000,
        models: Vec::new(),
        qos,
        phase: Phase::Running,
        arrival_ms,
        lifetime_ms: Some(lifetime_ms),
    }
}

fn replayed(trace: Trace, machines: Option<u64>, replay: &Replay) -> Replayed {
    let tiles = Tiles::new(trace, Tiling { machines, jitter_ms: HOUR_MS, seed: replay.seed }).unwrap();
    replay.run("test", &tiles, |_| {})
}

#[test]
fn a_task_is_placed_once_a_machine_is_bound_and_that_machine_s_gpus_are_allocated() {
    let mut trace = tiny();
    trace.tasks = vec![task("t", 1, Qos::Guaranteed, 0, 6 * HOUR_MS)];
    let replay = Replay { clusters: Some(1), ..Replay::new(1) };
    let seen = replayed(trace, None, &replay);
    assert!(seen.report.passed, "{seen}");
    assert_eq!((seen.placed, seen.never_placed, seen.preempted, seen.gpus), (1, 0, 0, 6));
    // It is bound within the first cycles; the minute of configuring comes after.
    assert!((10.0..=30.0).contains(&seen.time_to_place_s.p50), "{seen}");
    assert!((seen.peak_gpus_asked - 1.0).abs() < 1e-9 && (seen.peak_gpus_allocated - 2.0).abs() < 1e-9, "{seen}");
    assert_eq!(seen.samples.last().map(|last| last.machines_allocated), Some(0));
}

#[test]
fn what_is_urgent_takes_machines_and_what_is_not_is_short() {
    let mut trace = tiny();
    let mut names = (0..).map(|number| format!("t{number}"));
    let mut of_cluster = |cluster| names.find(|name| cluster_of(name, 2) == cluster).unwrap();
    // Of one cluster, whose pods would merely be moved among its machines; of another, whose machines are taken.
    trace.tasks = (0..3).map(|_| task(&of_cluster(0), 2, Qos::BestEffort, 0, 9 * HOUR_MS)).collect();
    trace.tasks.push(task(&of_cluster(1), 2, Qos::LatencySensitive, HOUR_MS, HOUR_MS));
    let replay = Replay { clusters: Some(2), ..Replay::new(1) };
    let seen = replayed(trace, None, &replay);
    assert!(seen.report.passed, "{seen}");
    // Once for the urgent task, and once back, when that is gone and its machine is a surplus.
    assert_eq!((seen.placed, seen.preempted), (4, 2), "{seen}");
    assert!(seen.shortfalls.values().sum::<u64>() >= 1, "{seen}");
    assert!(seen.gpu_granted_ratio < 1.0, "{seen}");
}

#[test]
fn a_task_that_follows_another_of_its_size_is_placed_though_nothing_has_to_be_decided() {
    let mut trace = tiny();
    let (first, second) =
        (task("t1", 2, Qos::Guaranteed, 0, HOUR_MS), task("t2", 2, Qos::Guaranteed, HOUR_MS, HOUR_MS));
    trace.tasks = vec![first, second];
    let seen = replayed(trace, None, &Replay { clusters: Some(1), ..Replay::new(1) });
    assert_eq!((seen.placed, seen.never_placed, seen.actions.get("Bootstrap")), (2, 0, Some(&1)), "{seen}");
}

#[test]
fn a_task_that_nothing_can_hold_is_never_placed() {
    let mut trace = tiny();
    trace.tasks = vec![task("huge", 64, Qos::Guaranteed, 0, HOUR_MS)];
    let seen = replayed(trace, None, &Replay::new(1));
    assert!(seen.report.passed, "{seen}");
    assert_eq!((seen.placed, seen.never_placed, seen.actions.len()), (0, 1, 0));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_another_hash() {
    let spec = SynthSpec { nodes: 40, tasks: 150, seed: 2 };
    let trace = synth::trace(&spec, &synth::shipped_marginals().unwrap()).compress_arrivals(1_000);
    let replay = |seed| Replay { shards: 2, clusters: Some(4), ..Replay::new(seed) };
    let text = |seed| serde_json::to_string(&replayed(trace.clone(), Some(130), &replay(seed))).unwrap();
    let seen = replayed(trace.clone(), Some(130), &replay(5));
    assert!(seen.report.passed && seen.placed > 0, "{seen}");
    assert_eq!(seen.tiles, 4);
    assert_eq!(text(5), text(5));
    assert_ne!(replayed(trace.clone(), Some(130), &replay(6)).report.trace_hash, seen.report.trace_hash);
}
