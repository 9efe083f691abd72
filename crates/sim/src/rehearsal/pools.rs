//! The pools of a scenario: as it declares them, or one for each kind of its machines.

use std::collections::{BTreeMap, BTreeSet};

use argosy_pool::specification::{Cooldown, Machine, Steps};
use argosy_pool::{Span, Specification};

use super::layout::{Site, TEMPLATE_LABEL};
use crate::scenario::form::Scenario;

/// The dimension of GPUs.
pub const GPU: &str = "nvidia.com/gpu";

/// The pools of a scenario whose machines are laid out.
pub fn specifications(scenario: &Scenario, sites: &[Site]) -> Vec<Specification> {
    if !scenario.argosy.pools.is_empty() {
        return scenario.argosy.pools.clone();
    }
    let mut kinds: BTreeMap<&str, (u32, &Site)> = BTreeMap::new();
    for site in sites.iter().filter(|site| !site.spare) {
        kinds.entry(&site.template).or_insert((0, site)).0 += 1;
    }
    let mut names = BTreeSet::new();
    kinds.into_iter().map(|(template, (count, site))| pool(name(template, &mut names), template, count, site)).collect()
}

/// A pool that keeps as many machines of a kind as the scenario has.
fn pool(name: String, template: &str, count: u32, site: &Site) -> Specification {
    let machine = Machine {
        labels: BTreeMap::from([(TEMPLATE_LABEL.to_owned(), template.to_owned())]),
        resources: BTreeMap::from([(GPU.to_owned(), site.node.gpu_count.to_string())]),
        ..Machine::default()
    };
    Specification {
        name,
        machine,
        min: count,
        max: count,
        replicas: None,
        headroom: 0,
        autoscaler: None,
        steps: Steps::default(),
        cooldown: Cooldown::default(),
        stale_after: Span::minutes(5),
        priority: 0,
        interruption_usd: 0,
        reclamation_usd: 0,
        user_data: String::new(),
        metrics: argosy_pool::Sources::default(),
        sellers: None,
    }
}

/// A name as pools have it, each once.
fn name(template: &str, taken: &mut BTreeSet<String>) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut name: String = template.chars().map(allowed).take(50).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert(0, 'p');
    }
    let base = name.clone();
    let mut nth = 1;
    while !taken.insert(name.clone()) {
        nth += 1;
        name = format!("{base}-{nth}");
    }
    name
}
