//! From a scenario to a fleet: the cloud's inventory, the shard's settings, the pace of its leader.

use argosy_model::vocabulary::REGION_KEY;
use argosy_model::{CapacityType, Duration};
use argosy_workload::amounts::Amounts;

use super::layout::{Site, TEMPLATE_LABEL};
use super::pools::GPU;
use crate::cloud::{Dwell, Dwells, Faults, Offer};
use crate::fleet::{FleetSim, Setup};
use crate::leader::Scrutiny;
use crate::scenario::form::{Scenario, Taken};
use crate::scenario::scalar::{Milli, Span};

/// Fleets up to this size are looked at machine by machine after every cycle.
const CLOSELY: usize = 500;
/// The key of the price of GPUs that have none of their own.
const ANY_GPU: &str = "default";

/// The fleet of a scenario, before anything has happened to it.
pub(super) fn fleet(scenario: &Scenario, sites: &[Site], prices: &[u64], seed: u64) -> FleetSim {
    let mut setup = Setup::new(seed);
    let (pace, cloud) = (&scenario.argosy.control_plane, &scenario.argosy.cloud);
    let policy = &mut setup.settings.policy;
    policy.reclaim_cap_ppm = Some(pace.reclaim_cap.0);
    policy.hold_on_demand = Duration(pace.hold.0);
    let slowest = sites.iter().map(|site| site.first_start_ms).max().unwrap_or(0);
    let limits = &mut setup.settings.limits;
    // A machine that is last in the order of the start-up is not late.
    limits.create = limits.create.max(Duration(slowest.saturating_mul(2)));
    setup.cycle_ms = pace.cycle.0;
    setup.early_cycle_ms = Some(pace.min_gap.0);
    setup.dwells = dwells(scenario);
    setup.scrutiny = Scrutiny { reference: false, every_machine: sites.len() <= CLOSELY };
    let machines = sites.iter().zip(prices).map(|(site, price)| (site.node.id.clone(), offer(site, *price)));
    let mut fleet = FleetSim::new(setup, machines);
    fleet.cloud_mut().set_faults(Faults {
        lost_call_ppm: cloud.lost_calls.0,
        throttle_ppm: cloud.throttled.0,
        failure_ppm: [cloud.failed_creations.0, 0, 0, 0],
        out_of_stock: cloud.out_of_stock.iter().cloned().collect(),
        ..Faults::default()
    });
    for site in sites.iter().filter(|site| !site.spare) {
        fleet.cloud_mut().next_create_takes(&site.node.id, site.first_start_ms);
    }
    fleet.keep_changes(0);
    fleet
}

fn offer(site: &Site, price: u64) -> Offer {
    let node = &site.node;
    let mut resources = Amounts::default();
    resources.set(GPU, u64::from(node.gpu_count));
    let offer = Offer::new(&node.instance_type, &node.zone, &resources).in_rack(&site.rack);
    // Machines that the scenario describes come first, slots for replacements after them.
    let mut offer = offer.priced(CapacityType::OnDemand, price + u64::from(site.spare), 0).speculative();
    let labels = node.labels.iter().filter(|(key, _)| !matches!(key.as_str(), "rack" | "generated"));
    offer.shape.labels.extend(labels.map(|(key, value)| (key.clone(), value.clone())));
    for (key, value) in [(TEMPLATE_LABEL, &site.template), (REGION_KEY, &node.region), ("provider", &node.provider)] {
        offer.shape.labels.retain(|(known, _)| known != key);
        offer.shape.labels.push((key.to_owned(), value.clone()));
    }
    offer
}

/// What an hour of each machine costs, in micro-dollars.
pub(super) fn prices(scenario: &Scenario, sites: &[Site]) -> Vec<u64> {
    let table = &scenario.argosy.cloud.gpu_hour_usd;
    let any = table.get(ANY_GPU).copied().unwrap_or(Milli(4_000));
    let gpu = |site: &Site| table.get(&site.node.gpu_type).copied().unwrap_or(any).0 * 1_000;
    sites.iter().map(|site| gpu(site) * u64::from(site.node.gpu_count)).collect()
}

fn dwells(scenario: &Scenario) -> Dwells {
    let cloud = &scenario.argosy.cloud;
    let even = |taken: Taken| Dwell::Uniform(taken.min.0, taken.max.0);
    Dwells {
        create: creation(scenario),
        configure: even(cloud.configure),
        drain: even(cloud.drain),
        delete: even(cloud.delete),
    }
}

/// How long a creation takes that is not a machine's first.
fn creation(scenario: &Scenario) -> Dwell {
    let recovery = scenario.chaos().and_then(|chaos| chaos.recovery.as_ref());
    if let Some(fixed) = recovery.and_then(|recovery| recovery.replace_cold_start).filter(|span| span.0 > 0) {
        return Dwell::Fixed(fixed.0);
    }
    let startup = scenario.stress.as_ref().and_then(|stress| stress.fleet_gen.as_ref()).map(|of| &of.startup);
    match startup.and_then(|startup| Some((startup.cold_start_min.unwrap_or_default(), startup.cold_start_max?))) {
        Some((min, max)) if max > Span(0) => Dwell::Uniform(min.0.min(max.0), max.0),
        _ => Dwell::Uniform(30_000, 60_000),
    }
}
