//! A look-alike looks like the statistics it was drawn from.

use super::*;

fn made(seed: u64) -> (Trace, Marginals, Marginals) {
    let wanted = shipped_marginals().unwrap();
    let trace = trace(&SynthSpec { nodes: 1_523, tasks: 20_000, seed }, &wanted);
    let got = Marginals::measure(&trace, "synthetic");
    (trace, wanted, got)
}

/// Greatest distance between two distributions given by quantiles: by how many quantiles, of 41, a value of one lies
/// away from its rank in the other.
fn distance(wanted: &[u64], got: &[u64]) -> usize {
    assert_eq!(wanted.len(), got.len());
    let apart = got.iter().enumerate().map(|(at, value)| {
        let below = wanted.partition_point(|one| one < value);
        let upto = wanted.partition_point(|one| one <= value);
        if at + 1 < below { below - at - 1 } else { at.saturating_sub(upto) }
    });
    apart.max().unwrap_or(0)
}

#[test]
fn node_shapes_and_task_classes_have_their_shares() {
    let (_, wanted, got) = made(1);
    for want in &wanted.nodes {
        let found = got.nodes.iter().find(|one| {
            (&one.model, one.gpus, one.cpu_milli, one.memory_mib)
                == (&want.model, want.gpus, want.cpu_milli, want.memory_mib)
        });
        assert!(found.unwrap().share_ppm.abs_diff(want.share_ppm) <= 700, "{want:?}: {found:?}");
    }
    for want in &wanted.tasks {
        let found = got.tasks.iter().find(|one| (one.gpus, one.fractional) == (want.gpus, want.fractional)).unwrap();
        assert!(found.share_ppm.abs_diff(want.share_ppm) <= 100, "{want:?}");
    }
}

#[test]
fn sizes_and_classes_of_service_have_their_distributions_in_every_task_class() {
    let (_, wanted, got) = made(1);
    for want in wanted.tasks.iter().filter(|class| class.share_ppm > 50_000) {
        let found = got.tasks.iter().find(|one| (one.gpus, one.fractional) == (want.gpus, want.fractional)).unwrap();
        for (name, want, found) in [
            ("cpu", &want.cpu_milli, &found.cpu_milli),
            ("memory", &want.memory_mib, &found.memory_mib),
            ("gpu", &want.gpu_milli, &found.gpu_milli),
        ] {
            let distance = distance(want, found);
            assert!(distance <= 2, "{name} is {distance} quantiles off:\n{want:?}\n{found:?}");
        }
        for (want, found) in want.qos_ppm.iter().zip(found.qos_ppm) {
            assert!(want.abs_diff(found) < 25_000, "{want} {found}");
        }
    }
}

#[test]
fn lifetimes_have_their_distributions_in_every_class_of_service_that_is_common() {
    let (_, wanted, got) = made(1);
    for qos in [Qos::LatencySensitive, Qos::BestEffort] {
        let of = |marginals: &Marginals| {
            marginals.lifetimes.iter().find(|one| one.qos == qos.label()).unwrap().seconds.clone()
        };
        let distance = distance(&of(&wanted), &of(&got));
        assert!(distance <= 2, "{qos:?} is {distance} quantiles off");
    }
}

#[test]
fn restrictions_to_gpu_models_have_their_shares() {
    let (_, wanted, got) = made(1);
    for want in wanted.gpu_specs.iter().filter(|spec| spec.share_ppm > 5_000) {
        let found = got.gpu_specs.iter().find(|one| one.models == want.models).unwrap();
        assert!(found.share_ppm.abs_diff(want.share_ppm) < 10_000, "{want:?} {found:?}");
    }
}

#[test]
fn arrivals_keep_the_rhythm_of_the_day_the_bursts_and_the_quiet_lead() {
    let (_, wanted, got) = made(1);
    let (wanted, got) = (wanted.arrivals, got.arrivals);
    assert!(got.lead_days.abs_diff(wanted.lead_days) <= 2 && got.busy_days.abs_diff(wanted.busy_days) <= 2);
    assert!(got.lead_ppm.abs_diff(wanted.lead_ppm) < 1_500, "{} {}", got.lead_ppm, wanted.lead_ppm);
    let apart: u64 = wanted.hour_of_day_ppm.iter().zip(&got.hour_of_day_ppm).map(|(a, b)| a.abs_diff(*b)).sum();
    assert!(apart < 250_000, "hours of the day are {apart} ppm apart in sum");
    let busiest = |arrivals: &Arrivals| *arrivals.day_milli.last().unwrap();
    assert!(busiest(&got).abs_diff(busiest(&wanted)) < 600, "{} {}", busiest(&wanted), busiest(&got));
    assert!(distance(&wanted.day_milli, &got.day_milli) <= 6);
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_makes_others() {
    let bytes = |seed| {
        let trace = made(seed).0;
        (super::super::write::nodes_csv(&trace.nodes), super::super::write::tasks_csv(&trace.tasks))
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn a_table_that_cannot_be_drawn_from_is_refused_with_the_reason() {
    let mut table = shipped_marginals().unwrap();
    table.tasks[0].cpu_milli.reverse();
    let error = Marginals::parse("mine.toml", &table.to_toml().unwrap()).unwrap_err().to_string();
    assert!(error.contains("ARG-0914") && error.contains("do not rise"), "{error}");
    let error = Marginals::parse("mine.toml", "source = 3").unwrap_err().to_string();
    assert!(error.contains("line 1"), "{error}");
}
