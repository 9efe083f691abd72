//! What holds of any tiling: tile 0 is the trace, the others are copies out of step, and the order is total.

use std::collections::BTreeMap;

use super::*;
use crate::synth::{self, SynthSpec};

fn trace() -> Trace {
    synth::trace(&SynthSpec { nodes: 40, tasks: 120, seed: 4 }, &synth::shipped_marginals().unwrap())
}

fn tiles(machines: Option<u64>, jitter_ms: u64) -> Tiles {
    Tiles::new(trace(), Tiling { machines, jitter_ms, seed: 7 }).unwrap()
}

fn all(tiles: &Tiles, step_ms: u64) -> Vec<Happening> {
    let (mut moments, mut all) = (tiles.moments(step_ms), Vec::new());
    while let Some(at_ms) = moments.next_ms(tiles) {
        while let Some(next) = moments.next_at(tiles, at_ms) {
            all.push(next);
        }
    }
    all
}

#[test]
fn one_tile_is_the_trace_itself() {
    let tiles = tiles(None, 3_600_000);
    assert_eq!((tiles.len(), tiles.machines(), tiles.tasks()), (1, 40, 120));
    assert_eq!(tiles.nodes(0), tiles.trace().nodes);
    let arrivals: BTreeMap<u32, u64> =
        all(&tiles, 60_000).iter().filter(|next| next.arrives).map(|next| (next.task, next.arrival_ms)).collect();
    let asked: Vec<u64> = tiles.trace().tasks.iter().map(|task| task.arrival_ms).collect();
    assert_eq!(arrivals.into_values().collect::<Vec<_>>(), asked);
}

#[test]
fn things_happen_in_order_once_and_never_before_their_time() {
    let tiles = tiles(Some(410), 7_200_000);
    let all = all(&tiles, 60_000);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
    let arrivals = all.iter().filter(|next| next.arrives);
    assert_eq!(arrivals.clone().count() as u64, tiles.tasks());
    assert!(arrivals.clone().all(|next| next.at_ms >= next.arrival_ms && next.at_ms < next.arrival_ms + 60_000));
    let began: BTreeMap<(u32, u32), u64> = arrivals.map(|next| ((next.task, next.tile), next.at_ms)).collect();
    for gone in all.iter().filter(|next| !next.arrives) {
        let task = &tiles.trace().tasks[gone.task as usize];
        assert!(gone.at_ms > began[&(gone.task, gone.tile)]);
        assert!(gone.at_ms >= gone.arrival_ms + task.lifetime_ms.unwrap());
    }
}

#[test]
fn copies_are_out_of_step_within_the_jitter_and_the_seed_says_how() {
    let shifts = |tiles: &Tiles| (0..120).flat_map(|task| tiles.shifts(task).collect::<Vec<_>>()).collect::<Vec<_>>();
    let (one, again) = (shifts(&tiles(Some(400), 90_000)), shifts(&tiles(Some(400), 90_000)));
    assert_eq!(one, again);
    assert!(one.iter().all(|(tile, shift)| *shift <= 90_000 && (*tile > 0 || *shift == 0)));
    assert!(one.iter().filter(|(tile, shift)| *tile > 0 && *shift > 0).count() > 1_000);
    assert!(shifts(&tiles(Some(400), 0)).iter().all(|(_, shift)| *shift == 0));
}

#[test]
fn a_part_of_a_tile_has_its_share_of_nodes_and_tasks() {
    let tiles = tiles(Some(90), 0);
    assert_eq!((tiles.len(), tiles.machines(), tiles.tasks()), (3, 90, 270));
    assert_eq!(tiles.nodes(2).len(), 10);
    assert_eq!(all(&tiles, 1).iter().filter(|next| next.arrives && next.tile == 2).count(), 30);
    assert_eq!((Tiles::name(0, "n"), Tiles::name(2, "n")), ("n".to_owned(), "n~2".to_owned()));
}
