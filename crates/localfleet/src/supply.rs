//! What the provider of a local fleet offers: the supply of a workload plan, in the provider's own words.

use std::collections::BTreeMap;

use argosy_model::CapacityType;
use argosy_model::money::Ppb;
use argosy_provider::sim::{Catalogue, Latencies, Offering, Payment};
use argosy_workload::fleet as workload;

/// The catalogue of a provider that has exactly `offerings`.
pub fn catalogue(provider: &str, offerings: &[workload::Offering], latency: Latencies) -> Catalogue {
    let mut regions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for offering in offerings {
        let zones = regions.entry(offering.region.clone()).or_default();
        if !zones.contains(&offering.zone) {
            zones.push(offering.zone.clone());
        }
    }
    let offerings = offerings.iter().filter(|offering| offering.slots > 0).map(convert).collect();
    Catalogue { provider: provider.to_owned(), regions, latency, offerings }
}

fn convert(offering: &workload::Offering) -> Offering {
    let capacity_type = payment(offering.capacity_type);
    let label = offering.capacity_type.label().to_lowercase();
    let largest_rack = offering.racks.iter().map(|rack| rack.slots).max().unwrap_or(1);
    Offering {
        name: format!("{}-{label}-{}", offering.instance_type, offering.zone),
        instance_type: offering.instance_type.clone(),
        zones: vec![offering.zone.clone()],
        capacity_type,
        price_per_hour: argosy_model::MicroUsd(offering.price_microusd_per_hour).to_usd(),
        interruption_probability: f64::from(offering.interruption_ppb) / f64::from(Ppb::ONE.0),
        slots: offering.slots,
        idle_percent: offering.idle * 100 / offering.slots,
        machines_per_rack: u32::try_from(largest_rack.max(1)).unwrap_or(u32::MAX),
        resources: offering.resources.clone(),
        labels: offering.labels.clone(),
        ids: Vec::new(),
    }
}

fn payment(capacity_type: CapacityType) -> Payment {
    match capacity_type {
        CapacityType::BareMetal | CapacityType::Unspecified => Payment::BareMetal,
        CapacityType::Reserved => Payment::Reserved,
        CapacityType::OnDemand => Payment::OnDemand,
        CapacityType::Spot => Payment::Spot,
    }
}
