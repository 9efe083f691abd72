//! What the simulated provider has to offer: regions, zones, offerings, and how long things take.

use std::collections::BTreeMap;

use argosy_model::quantity::{self, Rounding};
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, REGION_KEY, ZONE_KEY};
use argosy_model::{MicroUsd, Ppb};
use serde::{Deserialize, Serialize};

use super::error::SimError;
use super::latency::Latencies;
use crate::contract::Payment;

/// The catalogue used when none is given.
const BUILTIN: &str = include_str!("catalogue.toml");
/// A slot's index is 32 bits wide, and a provider of this size is already ten times the largest that was tried.
const MAX_MACHINES: u64 = 20_000_000;

/// Machines of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offering {
    /// Unique; the ids of its machines begin with it.
    pub name: String,
    /// Instance type.
    pub instance_type: String,
    /// Where it is offered; every zone when empty.
    #[serde(default)]
    pub zones: Vec<String>,
    /// How it is paid for.
    pub capacity_type: Payment,
    /// US dollars.
    pub price_per_hour: f64,
    /// Chance of losing a host within an hour, [0,1]; above 0 for spot.
    #[serde(default)]
    pub interruption_probability: f64,
    /// Slots in each zone.
    #[serde(default)]
    pub slots: u64,
    /// How many in 100 slots begin as idle hosts.
    #[serde(default)]
    pub idle_percent: u64,
    /// Consecutive slots that share a rack.
    pub machines_per_rack: u32,
    /// Kubernetes quantities by resource name: what a machine can give to pods.
    pub resources: BTreeMap<String, String>,
    /// Further labels of its machines.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The very ids of its machines, instead of `slots`; then `zones` must name one zone.
    #[serde(default)]
    pub ids: Vec<String>,
}

/// What a provider has to offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Name of the provider, as its host references carry it.
    pub provider: String,
    /// Zones by region.
    pub regions: BTreeMap<String, Vec<String>>,
    /// How long transitions take.
    #[serde(default)]
    pub latency: Latencies,
    /// The offerings.
    #[serde(rename = "offering")]
    pub offerings: Vec<Offering>,
}

impl Catalogue {
    /// Six zones in three regions, CPU and GPU machines of every capacity type.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).expect("the built-in catalogue is checked by a test")
    }

    /// Reads and checks a catalogue; the error says where and what.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let catalogue: Self = toml::from_str(text).map_err(|error| SimError::Catalogue(error.to_string()))?;
        catalogue.check()?;
        Ok(catalogue)
    }

    /// As text that [`Catalogue::parse`] reads back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a catalogue has nothing that TOML lacks")
    }

    /// How many machines there are.
    #[must_use]
    pub fn machines(&self) -> u64 {
        let of = |offering: &Offering| self.zones_of(offering).len() as u64 * self.per_zone(offering);
        self.offerings.iter().map(of).sum()
    }

    /// The same mix with about so many machines; offerings that name their machines stay as they are.
    #[must_use]
    pub fn scaled_to(mut self, machines: u64) -> Self {
        let before = self.machines().max(1);
        for offering in self.offerings.iter_mut().filter(|offering| offering.ids.is_empty()) {
            let wanted = u128::from(offering.slots) * u128::from(machines) / u128::from(before);
            offering.slots = u64::try_from(wanted).unwrap_or(u64::MAX).max(1);
        }
        self
    }

    fn per_zone(&self, offering: &Offering) -> u64 {
        if offering.ids.is_empty() { offering.slots } else { offering.ids.len() as u64 }
    }

    fn zones_of<'a>(&'a self, offering: &'a Offering) -> Vec<(&'a str, &'a str)> {
        let all = self.regions.iter().flat_map(|(region, zones)| zones.iter().map(move |zone| (region, zone)));
        let here = all.filter(|(_, zone)| offering.zones.is_empty() || offering.zones.contains(zone));
        here.map(|(region, zone)| (region.as_str(), zone.as_str())).collect()
    }

    /// Every problem at once, because a catalogue is written by hand and read at start.
    fn check(&self) -> Result<(), SimError> {
        let mut problems = Vec::new();
        for (name, latency) in [
            ("create", self.latency.create),
            ("configure", self.latency.configure),
            ("drain", self.latency.drain),
            ("delete", self.latency.delete),
        ] {
            if !latency.is_ordered() {
                problems.push(format!("latency.{name}: percentiles must not fall"));
            }
        }
        let zones: Vec<_> = self.regions.values().flatten().collect();
        let mut names = std::collections::BTreeSet::new();
        let mut ids = std::collections::BTreeSet::new();
        for offering in &self.offerings {
            let mut problem = |what: String| problems.push(format!("offering {}: {what}", offering.name));
            if !names.insert(&offering.name) {
                problem("the name is used twice".to_owned());
            }
            for zone in offering.zones.iter().filter(|zone| !zones.contains(zone)) {
                problem(format!("zone {zone} is in no region"));
            }
            for id in offering.ids.iter().filter(|id| id.is_empty() || !ids.insert(*id)) {
                problem(format!("machine id {id:?} is empty or used twice"));
            }
            offering.check(&mut problem);
        }
        if self.machines() > MAX_MACHINES {
            problems.push(format!("{} machines; at most {MAX_MACHINES} fit", self.machines()));
        }
        if problems.is_empty() { Ok(()) } else { Err(SimError::Catalogue(problems.join("; "))) }
    }

    /// Where machines are: each offering in each of its zones.
    pub(super) fn places(&self) -> Vec<Place> {
        let of = |offering| self.zones_of(offering).into_iter().map(move |zone| Place::new(offering, zone));
        self.offerings.iter().flat_map(of).collect()
    }
}

impl Offering {
    /// Machines that are owned and there from the start, each under its own id, in one zone.
    #[must_use]
    pub fn owned(name: String, instance_type: &str, zone: &str, ids: Vec<String>) -> Self {
        Self {
            name,
            instance_type: instance_type.to_owned(),
            zones: vec![zone.to_owned()],
            capacity_type: Payment::BareMetal,
            price_per_hour: 0.0,
            interruption_probability: 0.0,
            slots: 0,
            idle_percent: 100,
            machines_per_rack: 1,
            resources: BTreeMap::new(),
            labels: BTreeMap::new(),
            ids,
        }
    }

    fn check(&self, problem: &mut impl FnMut(String)) {
        if self.name.is_empty() || self.instance_type.is_empty() {
            problem("name and instance_type must not be empty".to_owned());
        }
        if MicroUsd::from_wire_usd(self.price_per_hour).is_none() {
            problem(format!("price_per_hour {} is not a price", self.price_per_hour));
        }
        match Ppb::from_wire(self.interruption_probability) {
            None => problem(format!("interruption_probability {} is not in [0, 1]", self.interruption_probability)),
            Some(Ppb(0)) if self.capacity_type == Payment::Spot => {
                problem("spot needs an interruption_probability above 0".to_owned());
            }
            Some(_) => {}
        }
        if self.machines_per_rack == 0 || self.idle_percent > 100 {
            problem("machines_per_rack must be at least 1 and idle_percent at most 100".to_owned());
        }
        if !self.ids.is_empty() && (self.slots > 0 || self.zones.len() != 1) {
            problem("ids takes the place of slots and needs exactly one zone".to_owned());
        }
        if self.resources.is_empty() {
            problem("resources must name at least one resource".to_owned());
        }
        for (name, amount) in &self.resources {
            if let Err(error) = quantity::parse(amount, 1000, Rounding::Down) {
                problem(format!("resources.{name}: {error}"));
            }
        }
    }
}

/// An offering in one zone: what its machines share.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) offering: Offering,
    pub(super) region: String,
    pub(super) zone: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Of losing a host within an hour, parts per billion.
    pub(super) interruption_ppb: u64,
}

impl Place {
    fn new(offering: &Offering, (region, zone): (&str, &str)) -> Self {
        let mut labels = offering.labels.clone();
        for (key, value) in
            [(INSTANCE_TYPE_KEY, offering.instance_type.as_str()), (REGION_KEY, region), (ZONE_KEY, zone)]
        {
            labels.insert(key.to_owned(), value.to_owned());
        }
        let interruption = Ppb::from_wire(offering.interruption_probability).unwrap_or_default();
        Self {
            offering: Offering { ids: Vec::new(), ..offering.clone() },
            region: region.to_owned(),
            zone: zone.to_owned(),
            labels,
            interruption_ppb: u64::from(interruption.0),
        }
    }

    /// The name of a rack, unique over the catalogue.
    pub(super) fn rack_name(&self, rack: u32) -> String {
        format!("{}-{}-r{rack}", self.zone, self.offering.name)
    }
}
