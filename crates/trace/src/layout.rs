//! Where the nodes of a trace stand: the trace does not say, so a seed does.
//!
//! Nodes of one shape are dealt evenly over all zones, and within a zone fill racks of one shape each, as machines of a
//! kind are installed together. Every node becomes one machine that exists from the start and costs nothing.

use std::collections::BTreeMap;

use argosy_workload::amounts::Amounts;
use argosy_workload::labels;

use super::transform::lot;
use super::{MILLI_PER_GPU, Node, NodeShape};

/// Zones, and how large racks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// (region, zone) pairs; at least one.
    pub zones: Vec<(String, String)>,
    /// Nodes of one rack.
    pub nodes_per_rack: usize,
    /// Decides who stands where.
    pub seed: u64,
}

/// A node with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node.
    pub node: Node,
    /// Its region.
    pub region: String,
    /// Its zone.
    pub zone: String,
    /// Its rack, unique over all zones.
    pub rack: String,
}

impl Layout {
    /// Gives every node a place, in the order of zones, racks and names.
    ///
    /// # Panics
    /// When there is no zone or racks hold nothing.
    pub fn place(&self, nodes: &[Node]) -> Vec<Placed> {
        assert!(!self.zones.is_empty() && self.nodes_per_rack > 0, "nodes need a zone and a rack to stand in");
        let mut by_shape: BTreeMap<&NodeShape, Vec<&Node>> = BTreeMap::new();
        for node in nodes {
            by_shape.entry(&node.shape).or_default().push(node);
        }
        let mut placed = Vec::with_capacity(nodes.len());
        let mut turn = 0;
        for (shape, mut nodes) in by_shape {
            nodes.sort_by_key(|node| (lot(self.seed, &node.name), &node.name));
            let mut in_zone = vec![0; self.zones.len()];
            for node in nodes {
                let at = turn % self.zones.len();
                turn += 1;
                let (region, zone) = &self.zones[at];
                let rack = format!("{zone}-{}-rack-{}", instance_type(shape), in_zone[at] / self.nodes_per_rack);
                in_zone[at] += 1;
                placed.push(Placed { node: node.clone(), region: region.clone(), zone: zone.clone(), rack });
            }
        }
        placed.sort_by(|a, b| (&a.zone, &a.rack, &a.node.name).cmp(&(&b.zone, &b.rack, &b.node.name)));
        placed
    }
}

impl Placed {
    /// The labels of the machine.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let shape = &self.node.shape;
        let mut labels = BTreeMap::from([
            (labels::INSTANCE_TYPE.to_owned(), instance_type(shape)),
            (labels::REGION.to_owned(), self.region.clone()),
            (labels::ZONE.to_owned(), self.zone.clone()),
            (labels::RACK.to_owned(), self.rack.clone()),
        ]);
        if shape.gpus > 0 {
            labels.insert(labels::GPU_MODEL.to_owned(), shape.model.clone());
        }
        labels
    }

    /// What the machine offers.
    pub fn resources(&self) -> Amounts {
        resources(self.node.shape.cpu_milli, self.node.shape.memory_mib, self.node.shape.gpus * MILLI_PER_GPU)
    }
}

/// The name of a shape, such as `openb-G2x8-96c-384g` or `openb-32c-256g`; no two shapes share one.
pub fn instance_type(shape: &NodeShape) -> String {
    let gpus = if shape.gpus == 0 { String::new() } else { format!("{}x{}-", shape.model, shape.gpus) };
    let exact = |amount: u64, large: u64, names: [&str; 2]| match amount % large {
        0 => format!("{}{}", amount / large, names[1]),
        _ => format!("{amount}{}", names[0]),
    };
    let (cpu, memory) = (exact(shape.cpu_milli, 1_000, ["m", "c"]), exact(shape.memory_mib, 1_024, ["mi", "g"]));
    format!("openb-{gpus}{cpu}-{memory}")
}

/// Amounts in the dimensions of a trace (ADR 0030).
pub(super) fn resources(cpu_milli: u64, memory_mib: u64, gpu_milli: u64) -> Amounts {
    let mut amounts = Amounts::default();
    amounts.set("cpu", cpu_milli);
    amounts.set("memory", memory_mib << 20);
    amounts.set(labels::GPU_MILLI, gpu_milli);
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{self, SynthSpec};

    fn layout(seed: u64) -> Layout {
        let zones = ["eu", "us", "ap"].iter().flat_map(|r| ["a", "b"].map(|z| ((*r).to_owned(), format!("{r}-{z}"))));
        Layout { zones: zones.collect(), nodes_per_rack: 16, seed }
    }

    fn nodes() -> Vec<Node> {
        synth::trace(&SynthSpec { nodes: 900, tasks: 1, seed: 2 }, &synth::shipped_marginals().unwrap()).nodes
    }

    #[test]
    fn every_node_stands_somewhere_once_zones_are_even_and_racks_hold_one_shape_within_their_capacity() {
        let placed = layout(1).place(&nodes());
        let mut names: Vec<&str> = placed.iter().map(|one| one.node.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 900);
        let mut racks: BTreeMap<&str, Vec<&NodeShape>> = BTreeMap::new();
        for one in &placed {
            racks.entry(&one.rack).or_default().push(&one.node.shape);
        }
        assert!(racks.values().all(|shapes| shapes.len() <= 16 && shapes.iter().all(|shape| shape == &shapes[0])));
        for (_, zone) in layout(1).zones {
            assert_eq!(placed.iter().filter(|one| one.zone == zone).count(), 150);
        }
    }

    #[test]
    fn the_places_follow_the_seed_and_not_the_order_of_the_nodes() {
        let mut turned = nodes();
        turned.reverse();
        assert_eq!(layout(1).place(&nodes()), layout(1).place(&turned));
        assert_ne!(layout(1).place(&nodes()), layout(2).place(&nodes()));
    }
}
