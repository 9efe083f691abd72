//! From machines per archetype to offerings per zone.

use std::collections::BTreeMap;

use argosy_model::CapacityType;

use super::racks::Row;
use super::{FleetSpec, Offering, RegionSpec, share_of};
use crate::catalogue::sizing::apportion;
use crate::catalogue::{Archetype, Catalogue, InstanceType};
use crate::dice::Dice;
use crate::labels;

/// Machines of one type in one zone.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    slots: u64,
    /// Members of the largest gang that runs on them.
    together: u64,
}

/// The offerings of one region, `machines` per archetype of the catalogue's supply.
pub(super) fn offerings(
    catalogue: &Catalogue,
    spec: &FleetSpec,
    region: &RegionSpec,
    machines: &[u64],
) -> Vec<Offering> {
    let mut dice = Dice::new(spec.seed, &format!("supply/{}", region.name));
    // By the zone's place in the spec, and by type.
    let mut blocks: BTreeMap<(usize, &str), Block> = BTreeMap::new();
    for (archetype, machines) in catalogue.supply.iter().zip(machines) {
        let kinds = usable_types(catalogue, archetype);
        // The odd machine of an uneven split should not always fall to the first zone.
        let first = usize::try_from(dice.below(region.zones.len() as u64)).unwrap_or(0);
        let per_zone = apportion(*machines, &vec![1; region.zones.len()]);
        for (turn, machines) in per_zone.into_iter().enumerate() {
            let zone = (first + turn) % region.zones.len();
            for (kind, machines) in split_over_types(archetype, &kinds, zone, machines) {
                let block = blocks.entry((zone, kind)).or_default();
                block.slots += machines;
                let gang = archetype.gang.as_ref().filter(|_| !archetype.burst_only);
                block.together = block.together.max(gang.map_or(0, |gang| gang.max_members));
            }
        }
    }
    let filled = blocks.into_iter().filter(|(_, block)| block.slots > 0);
    filled
        .flat_map(|((zone, kind), block)| {
            let kind = &catalogue.instance_types[&kind.to_owned()];
            by_capacity_type(catalogue, spec, region, &region.zones[zone], kind, block)
        })
        .collect()
}

/// The types of an archetype that hold its largest pod: a roll-up's smallest unit admits no other machine.
pub(super) fn usable_types<'a>(catalogue: &'a Catalogue, archetype: &'a Archetype) -> Vec<&'a InstanceType> {
    let unit = archetype.largest_size();
    let kinds = archetype.instance_types.iter().map(|name| &catalogue.instance_types[name]);
    kinds.filter(|kind| kind.resources.units_of(&unit) > 0).collect()
}

/// Gangs get one type per zone, in turn, so that a block of racks can hold a whole one; the rest get all of them.
fn split_over_types<'a>(
    archetype: &Archetype,
    kinds: &[&'a InstanceType],
    zone: usize,
    machines: u64,
) -> Vec<(&'a str, u64)> {
    match kinds {
        [] => Vec::new(),
        _ if archetype.gang.is_some() => vec![(kinds[zone % kinds.len()].name.as_str(), machines)],
        _ => kinds.iter().map(|kind| kind.name.as_str()).zip(apportion(machines, &vec![1; kinds.len()])).collect(),
    }
}

fn by_capacity_type(
    catalogue: &Catalogue,
    spec: &FleetSpec,
    region: &RegionSpec,
    zone: &str,
    kind: &InstanceType,
    Block { slots, together }: Block,
) -> Vec<Offering> {
    // The largest gang starts on what is there: it could not, were its rack split between capacity types.
    let reserved = share_of(slots, spec.market.reserved_ppm).max(together).min(slots);
    let spot = share_of(slots, spec.market.spot_ppm).min(slots - reserved);
    let spot_ppb = catalogue.spot_interruption_ppb.unwrap_or(kind.spot_interruption_ppb);
    let mut row = Row::new(zone, &kind.name, kind.machines_per_rack);
    let mut labels = kind.labels.clone();
    for (key, value) in
        [(labels::INSTANCE_TYPE, kind.name.as_str()), (labels::REGION, &region.name), (labels::ZONE, zone)]
    {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let tiers = [
        (CapacityType::Reserved, reserved, 0, 0),
        (CapacityType::OnDemand, slots - reserved - spot, kind.on_demand_microusd_per_hour, 0),
        (CapacityType::Spot, spot, kind.spot_microusd_per_hour, spot_ppb),
    ];
    let filled = tiers.into_iter().filter(|(_, slots, _, _)| *slots > 0);
    filled
        .map(|(capacity_type, slots, price_microusd_per_hour, interruption_ppb)| Offering {
            provider: region.provider.clone(),
            region: region.name.clone(),
            zone: zone.to_owned(),
            racks: row.take(slots),
            machines_per_rack: kind.machines_per_rack,
            instance_type: kind.name.clone(),
            capacity_type,
            resources: kind.resources.to_quantities(),
            labels: labels.clone(),
            price_microusd_per_hour,
            interruption_ppb,
            slots,
            idle: if capacity_type == CapacityType::Reserved { slots } else { 0 },
        })
        .collect()
}
