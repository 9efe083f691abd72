//! The machines of a scenario, laid out: what each is, where it stands, and when it comes up.
//!
//! Zones and racks are fields, never guessed from names. What is drawn is drawn from the seed alone, machine by machine in the
//! order of their numbers: template, provider, region by weight, then a zone evenly.

use std::collections::BTreeMap;

use argosy_workload::dice::Dice;

use crate::scenario::form::{FleetGen, Node, Scenario, Template};

use super::startup;

/// One machine to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What it is and where.
    pub node: Node,
    /// The template, or for a listed machine its instance type.
    pub template: String,
    /// Its rack.
    pub rack: String,
    /// Whether it is a slot for replacements.
    pub spare: bool,
    /// From the moment at which it is asked for the first time until it is there.
    pub first_start_ms: u64,
}

/// The label that names a machine's template.
pub const TEMPLATE_LABEL: &str = "argosy.dev/template";

/// Lays the machines of a scenario out: those that it lists, those that it generates, then the spare slots.
pub fn sites(scenario: &Scenario, seed: u64) -> Vec<Site> {
    let listed = scenario.fleet.iter().map(|node| site(node.clone(), kind_of(node)));
    let mut sites: Vec<Site> = listed.collect();
    let generator = scenario.stress.as_ref().and_then(|stress| stress.fleet_gen.as_ref());
    if let Some(generator) = generator {
        let first = sites.len();
        sites.extend(generated(generator, seed));
        startup::schedule(&mut sites[first..], &generator.startup, seed);
    }
    add_spares(&mut sites, scenario);
    let per_rack = scenario.argosy.cloud.nodes_per_rack.max(1) as usize;
    put_into_racks(&mut sites, per_rack);
    sites
}

/// A machine of which the file does not say where it is stands where all such stand.
fn site(mut node: Node, template: String) -> Site {
    let usual = [
        (&mut node.provider, "sim"),
        (&mut node.region, "local"),
        (&mut node.zone, "local-a"),
        (&mut node.instance_type, template.as_str()),
    ];
    for (field, usual) in usual {
        if field.is_empty() {
            usual.clone_into(field);
        }
    }
    Site { node, template, rack: String::new(), spare: false, first_start_ms: 0 }
}

/// What listed machines are alike in.
fn kind_of(node: &Node) -> String {
    match node.instance_type.is_empty() {
        true => format!("gpu-{}x", node.gpu_count),
        false => node.instance_type.clone(),
    }
}

fn generated(of: &FleetGen, seed: u64) -> Vec<Site> {
    let mut dice = Dice::new(seed, "fleet");
    let regions: Vec<&String> = of.regions.keys().collect();
    let providers: Vec<&String> = of.providers.keys().collect();
    let mut sites = Vec::with_capacity(of.total_nodes as usize);
    for number in 1..=of.total_nodes {
        let drawn = (|| {
            let template = dice.weighted(of.templates.iter().map(|template| u64::from(template.weight)))?;
            let provider = dice.weighted(of.providers.values().map(|weight| u64::from(*weight)))?;
            let region = dice.weighted(of.regions.values().map(|weight| u64::from(*weight)))?;
            Some((&of.templates[template], providers[provider], regions[region]))
        })();
        let Some((template, provider, region)) = drawn else { break };
        let zones = zones_of(of, region);
        let zone = dice.below(zones.len() as u64);
        let zone = zones[usize::try_from(zone).expect("a place in a list")].clone();
        sites.push(generated_site(number, template, provider, region, zone));
    }
    sites
}

/// The zones of a region.
pub(crate) fn zones_of(of: &FleetGen, region: &str) -> Vec<String> {
    match of.zones.get(region).filter(|zones| !zones.is_empty()) {
        Some(zones) => zones.clone(),
        None => ["a", "b", "c", "d"].map(|letter| format!("{region}-{letter}")).to_vec(),
    }
}

fn generated_site(number: u32, template: &Template, provider: &str, region: &str, zone: String) -> Site {
    let instance_type = match template.instance_type.is_empty() {
        false => template.instance_type.clone(),
        true => usual_type(provider, template.gpu_count),
    };
    let mut labels = template.labels.clone();
    labels.insert("template".to_owned(), template.name.clone());
    labels.insert("generated".to_owned(), "true".to_owned());
    let node = Node {
        id: format!("{provider}-{region}-{}-{number:04}", template.name),
        provider: provider.to_owned(),
        region: region.to_owned(),
        zone,
        instance_type,
        gpu_count: template.gpu_count,
        gpu_type: template.gpu_type.clone(),
        labels,
    };
    site(node, template.name.clone())
}

fn usual_type(provider: &str, gpus: u32) -> String {
    match provider {
        "gcp" => format!("a3-highgpu-{gpus}g"),
        "aws" if gpus >= 8 => "p5.48xlarge".to_owned(),
        "aws" => "p5.4xlarge".to_owned(),
        "lambda" => format!("gpu_{gpus}x_h100_sxm5"),
        other => format!("{other}-gpu-{gpus}x"),
    }
}

fn add_spares(sites: &mut Vec<Site>, scenario: &Scenario) {
    let chaos = scenario.stress.as_ref().and_then(|stress| stress.chaos.as_ref());
    let replaces = chaos.and_then(|chaos| chaos.recovery.as_ref()).is_some_and(|recovery| recovery.replace_fatal);
    let usual = if replaces { crate::scenario::scalar::Share::WHOLE } else { crate::scenario::scalar::Share(0) };
    let fleet = sites.len();
    let spares = scenario.argosy.cloud.spares.unwrap_or(usual).of(fleet);
    for nth in 0..spares {
        // Evenly over the fleet, so that every kind and zone has its share.
        let mut spare = sites[nth * fleet / spares].clone();
        spare.node.id = format!("{}-gen1", spare.node.id);
        (spare.spare, spare.first_start_ms) = (true, 0);
        sites.push(spare);
    }
}

/// Racks hold machines of one kind, provider and zone; a rack that a label names is that one.
fn put_into_racks(sites: &mut [Site], per_rack: usize) {
    let mut filled: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for site in sites {
        let node = &site.node;
        site.rack = match node.labels.get("rack") {
            Some(rack) => rack.clone(),
            None => {
                let group = (node.provider.clone(), node.zone.clone(), site.template.clone());
                let held = filled.entry(group).or_default();
                *held += 1;
                format!("{}/{}/{}/r{:03}", node.zone, node.provider, site.template, (*held - 1) / per_rack)
            }
        };
    }
}
