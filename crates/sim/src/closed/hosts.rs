//! All machines of a run as a scheduler sees them: what they have and where they are.

use std::collections::BTreeMap;

use argosy_model::vocabulary::RACK_KEY;

use super::shape::{PodShape, Scope};
use crate::cloud::Offer;

/// One machine. It never changes; whether anybody has it is another matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// Its id.
    pub id: String,
    /// Its instance type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// Its rack.
    pub rack: String,
    /// What it has, in the dimensions of [`Hosts::vector`].
    pub capacity: Vec<u64>,
}

impl HostInfo {
    /// Whether a pod of the shape may run here at all, room apart.
    pub fn admits(&self, shape: &PodShape) -> bool {
        (shape.instance_types.is_empty() || shape.instance_types.contains(&self.instance_type))
            && (shape.zones.is_empty() || shape.zones.contains(&self.zone))
    }

    /// Which domain of a scope it is in.
    pub fn domain(&self, scope: Scope) -> &str {
        match scope {
            Scope::Rack => &self.rack,
            Scope::Zone => &self.zone,
        }
    }
}

/// The machines of a run, by id, with the dimensions that its pods speak of.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    dims: Vec<String>,
    all: Vec<HostInfo>,
    index: BTreeMap<String, usize>,
}

impl Hosts {
    /// The machines, seen in the dimensions of these shapes.
    pub fn new(machines: &[(String, Offer)], shapes: &[PodShape]) -> Self {
        let dims: std::collections::BTreeSet<&str> =
            shapes.iter().flat_map(|shape| shape.resources.iter().map(|(dim, _)| dim)).collect();
        let mut hosts = Self { dims: dims.into_iter().map(str::to_owned).collect(), ..Self::default() };
        let mut sorted: Vec<&(String, Offer)> = machines.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, offer) in sorted {
            let resources = offer.resources();
            let rack = offer.shape.labels.iter().find(|(key, _)| key == RACK_KEY);
            hosts.index.insert(id.clone(), hosts.all.len());
            hosts.all.push(HostInfo {
                id: id.clone(),
                instance_type: offer.shape.instance_type.clone().unwrap_or_default(),
                zone: offer.shape.zone.clone().unwrap_or_default(),
                rack: rack.map(|(_, value)| value.clone()).unwrap_or_default(),
                capacity: hosts.dims.iter().map(|dim| resources.get(dim.as_str()).copied().unwrap_or(0)).collect(),
            });
        }
        hosts
    }

    /// Amounts of a shape in this run's dimensions.
    pub fn vector(&self, shape: &PodShape) -> Vec<u64> {
        self.dims.iter().map(|dim| shape.resources.get(dim)).collect()
    }

    /// A machine by its number, in the order of ids.
    pub fn get(&self, number: usize) -> &HostInfo {
        &self.all[number]
    }

    /// The number of a machine.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
