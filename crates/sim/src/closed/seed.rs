//! What a run begins with: pools of machines for a shape, in three tiers, laid over zones and racks.

use argosy_model::{Bucket, CapacityType, MicroUsd};
use argosy_workload::amounts::Amounts;

use super::shape::PodShape;
use crate::cloud::Offer;

/// One dollar.
const DOLLAR: u64 = 1_000_000;
/// Price and hourly interruption of the elastic tiers: the steady one and the risky one.
const STEADY: (u64, u32) = (DOLLAR, 50_000_000);
const RISKY: (u64, u32) = (300_000, 300_000_000);

/// Machines for a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The shape, by number.
    pub shape: usize,
    /// Instance type of its machines; the first of the shape, if it is not said.
    pub instance_type: Option<String>,
    /// Pods that one machine holds.
    pub density: u64,
    /// What a machine has, where that is not density times a pod.
    pub resources: Option<Amounts>,
    /// Zones that its machines stand in.
    pub zones: Vec<String>,
    /// Racks that are counted through in each zone.
    pub racks_per_zone: u64,
    /// So many machines in a row stand in one rack; one after the other goes to the next, if there is none.
    pub block: Option<u64>,
    /// Machines that are bound to each cluster from the start.
    pub configured_per_cluster: u64,
    /// Idle machines of the shard.
    pub idle: u64,
    /// Whether those are elastic, and so are given back after their hold.
    pub idle_is_elastic: bool,
    /// Slots.
    pub speculative: u64,
    /// Slots that are cheap and often interrupted.
    pub interruptible: u64,
}

impl Pool {
    /// Machines of `density` pods each; so many for each cluster, idle, and to be had.
    pub fn new(shape: usize, density: u64, (configured_per_cluster, idle, speculative): (u64, u64, u64)) -> Self {
        Self {
            shape,
            instance_type: None,
            density,
            resources: None,
            zones: ["zone-a", "zone-b", "zone-c"].map(str::to_owned).to_vec(),
            racks_per_zone: 4,
            block: None,
            configured_per_cluster,
            idle,
            idle_is_elastic: false,
            speculative,
            interruptible: 0,
        }
    }

    /// In blocks of so many, over so many racks in each zone.
    #[must_use]
    pub fn racks(mut self, block: Option<u64>, racks_per_zone: u64) -> Self {
        (self.block, self.racks_per_zone) = (block, racks_per_zone);
        self
    }

    /// Machines of this instance type.
    #[must_use]
    pub fn of_type(mut self, instance_type: &str) -> Self {
        self.instance_type = Some(instance_type.to_owned());
        self
    }

    /// The machines, by id: one counter runs through all tiers and clusters.
    ///
    /// Slot, zone and rack follow from it as the predecessor's do, aliases included (distinct racks are the least common
    /// multiple of zones and racks, not their product), because its figures were taken there. What is real lies in
    /// [`argosy_workload::fleet`], whose racks have a capacity.
    pub(super) fn machines(&self, shapes: &[PodShape], clusters: &[String]) -> Vec<(String, Offer)> {
        let shape = &shapes[self.shape];
        let resources = self.resources.clone().unwrap_or_else(|| {
            let mut all = Amounts::default();
            all.add_times(&shape.resources, self.density);
            all
        });
        let named = self.instance_type.as_deref().or(shape.instance_types.first().map(String::as_str));
        let instance_type = named.unwrap_or("m6i.large");
        let mut counter = 0;
        let mut machines = Vec::new();
        let mut add = |tier: &str, count: u64, finish: &dyn Fn(Offer) -> Offer| {
            for number in 0..count {
                let (zone, rack) = self.place(counter);
                counter += 1;
                let offer = Offer::new(instance_type, zone, &resources).in_rack(&rack);
                machines.push((format!("clp-{}-{tier}-{number:05}", shape.name), finish(offer)));
            }
        };
        let bucket = |dollars| if dollars == 0 { Bucket::ZERO } else { Bucket::covering(MicroUsd::from_usd(dollars)) };
        let penalties = (bucket(shape.interruption_dollars), bucket(shape.reclamation_dollars));
        for cluster in clusters {
            let bind = |offer: Offer| offer.configured_for(cluster, shape.priority, penalties);
            add(&format!("cfg-{cluster}"), self.configured_per_cluster, &bind);
        }
        let elastic = |(price, ppb)| move |offer: Offer| offer.priced(CapacityType::OnDemand, price, ppb);
        match self.idle_is_elastic {
            true => add("idle", self.idle, &elastic(STEADY)),
            false => add("idle", self.idle, &|offer| offer),
        }
        add("spec", self.speculative, &|offer| elastic(STEADY)(offer).speculative());
        add("intr", self.interruptible, &|offer| elastic(RISKY)(offer).speculative());
        machines
    }

    fn place(&self, counter: u64) -> (&str, String) {
        let slot = self.block.map_or(counter, |block| counter / block);
        let zones = self.zones.len() as u64;
        let zone = &self.zones[usize::try_from(slot % zones).expect("few zones")];
        (zone, format!("{zone}-rack-{}", slot % self.racks_per_zone))
    }
}
