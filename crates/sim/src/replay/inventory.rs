//! Where the nodes of a tiled trace stand: tile by tile, so that a million machines are never all at hand.
//!
//! One tile stands in all zones, as in the replay on a real fleet. Of many tiles each stands in three zones next to one another, and a zone
//! takes in as many tiles as fill it. Racks are left out: no task of a trace asks for one, and each of them would be a shape of its own, which every row
//! of demand is measured against.

use argosy_trace::layout::{Layout, Placed, instance_type};
use argosy_trace::tiles::Tiles;
use argosy_workload::labels;

use crate::cloud::Offer;
use crate::fleet::ShardSetup;

/// Zones of a tile, and of a region.
const ZONES: usize = 3;
/// Nodes of one rack.
const NODES_PER_RACK: usize = 16;

/// The zones of a fleet.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    /// (region, zone).
    zones: Vec<(String, String)>,
    shards: usize,
}

impl Inventory {
    /// Zones of at most `zone_machines` machines or so, and three for every shard.
    pub(super) fn new(tiles: &Tiles, shards: u32, zone_machines: u64) -> Self {
        let shards = shards.max(1) as usize;
        let wanted = usize::try_from(tiles.machines().div_ceil(zone_machines)).unwrap_or(usize::MAX);
        let count = wanted.max(ZONES * shards).next_multiple_of(ZONES * shards);
        let zone = |number: usize| {
            let region = number / ZONES;
            (format!("region-{region}"), format!("region-{region}-{}", ["a", "b", "c"][number % ZONES]))
        };
        Self { zones: (0..count).map(zone).collect(), shards }
    }

    /// The shards; regions are dealt to them in turn.
    pub(super) fn shards(&self) -> Vec<ShardSetup> {
        let is_alone = self.shards == 1;
        let of = |shard: usize| {
            let own = self.zones.iter().enumerate().filter(|(at, _)| at / ZONES % self.shards == shard);
            let zones = if is_alone { Vec::new() } else { own.map(|(_, (_, zone))| zone.clone()).collect() };
            ShardSetup { name: format!("shard-{shard}"), zones }
        };
        (0..self.shards).map(of).collect()
    }

    /// Every machine, tile by tile.
    pub(super) fn machines<'t>(&'t self, tiles: &'t Tiles) -> impl Iterator<Item = (String, Offer)> + 't {
        (0..tiles.len()).flat_map(move |tile| {
            let zones = match tiles.len() {
                1 => self.zones.clone(),
                _ => {
                    let first = tile as usize * ZONES % self.zones.len();
                    self.zones[first..first + ZONES].to_vec()
                }
            };
            let layout = Layout { zones, nodes_per_rack: NODES_PER_RACK, seed: tiles.seed(tile) };
            layout.place(&tiles.nodes(tile)).into_iter().map(move |placed| machine(tile, &placed))
        })
    }

    /// GPUs of all machines, in thousandths.
    pub(super) fn gpu_milli(tiles: &Tiles) -> u64 {
        let of = |tile| tiles.nodes(tile).iter().map(|node| node.shape.gpus * argosy_trace::MILLI_PER_GPU).sum::<u64>();
        let (last, whole) = (tiles.len().saturating_sub(1), of(0));
        if last == 0 { whole } else { whole * u64::from(last) + of(last) }
    }
}

fn machine(tile: u32, placed: &Placed) -> (String, Offer) {
    let kind = instance_type(&placed.node.shape);
    let mut offer = Offer::new(&kind, &placed.zone, &placed.resources());
    offer.shape.labels = placed.labels().into_iter().filter(|(key, _)| key != labels::RACK).collect();
    (Tiles::name(tile, &placed.node.name), offer)
}
