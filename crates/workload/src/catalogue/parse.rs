//! From TOML to catalogue: strict, and every problem at once.
//!
//! The raw structs below are the file's form; fields that can be wrong in meaning keep their place in the text. What
//! TOML or the form itself forbids (an unknown key, a wrong type) ends the reading at that place; everything else is
//! collected.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::Catalogue;
use super::archetype::{Archetype, Gang, GangScope, Size, SpreadRule};
use super::instance::{InstanceType, InstanceTypes};
use super::locate::{CatalogueError, Problem};
use crate::amounts::Amounts;
use crate::dice::PPM;

/// Priority of an archetype that names none.
const DEFAULT_PRIORITY: i32 = 1000;
/// One part in a billion of a whole.
const PPB: u32 = 1_000_000_000;

type RawResources = Spanned<BTreeMap<String, String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    name: String,
    spot_interruption_ppb: Option<Spanned<u32>>,
    #[serde(default)]
    archetype: Vec<Spanned<RawArchetype>>,
    #[serde(default)]
    supply_archetype: Vec<Spanned<RawArchetype>>,
    #[serde(default)]
    demand_archetype: Vec<Spanned<RawArchetype>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArchetype {
    name: Spanned<String>,
    weight: u64,
    pods_per_machine: Option<Spanned<u64>>,
    instance_types: Spanned<Vec<Spanned<String>>>,
    sizes: Spanned<Vec<RawSize>>,
    #[serde(default)]
    priority_classes: Vec<i32>,
    interruption_penalty_dollars: u64,
    reclamation_penalty_dollars: u64,
    mean_lifetime_s: Option<Spanned<u64>>,
    #[serde(default)]
    stateful: bool,
    #[serde(default)]
    burst_only: bool,
    gang: Option<RawGang>,
    spread: Option<RawSpread>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSize {
    weight: Spanned<u64>,
    resources: RawResources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGang {
    scope: RawScope,
    size: Spanned<(u64, u64)>,
    #[serde(default)]
    allow_partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawScope {
    Rack,
    Zone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpread {
    probability_ppm: Spanned<u32>,
    topology_key: String,
    max_skew: Spanned<u32>,
    when_unsatisfiable: RawUnsatisfiable,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawUnsatisfiable {
    DoNotSchedule,
    ScheduleAnyway,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstanceTypes {
    #[serde(default)]
    instance_type: Vec<RawInstanceType>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstanceType {
    name: Spanned<String>,
    resources: RawResources,
    on_demand_microusd_per_hour: u64,
    spot_microusd_per_hour: u64,
    spot_interruption_ppb: Spanned<u32>,
    machines_per_rack: Spanned<u64>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

pub(super) fn catalogue(file: &str, text: &str, instance_types: InstanceTypes) -> Result<Catalogue, CatalogueError> {
    let mut check = Check::new(file, text);
    let raw: RawCatalogue = check.read()?;
    if let Some(ppb) = &raw.spot_interruption_ppb {
        check.probability(ppb, PPB);
    }
    let common = check.archetypes(raw.archetype, &instance_types);
    let supply = check.archetypes(raw.supply_archetype, &instance_types);
    let demand = check.archetypes(raw.demand_archetype, &instance_types);
    let or_common = |list: Vec<Archetype>| if list.is_empty() { common.clone() } else { list };
    let catalogue = Catalogue {
        name: raw.name,
        supply: or_common(supply),
        demand: or_common(demand),
        spot_interruption_ppb: raw.spot_interruption_ppb.map(Spanned::into_inner),
        instance_types,
    };
    if catalogue.supply.is_empty() || catalogue.demand.is_empty() {
        check.report(
            &(0..0),
            "no archetype: write [[archetype]], or both [[supply_archetype]] and [[demand_archetype]]",
        );
    }
    check.finish(catalogue)
}

pub(super) fn instance_types(file: &str, text: &str) -> Result<InstanceTypes, CatalogueError> {
    let mut check = Check::new(file, text);
    let raw: RawInstanceTypes = check.read()?;
    let mut types = BTreeMap::new();
    for raw in raw.instance_type {
        check.probability(&raw.spot_interruption_ppb, PPB);
        check.positive(&raw.machines_per_rack);
        let span = raw.name.span();
        let kind = InstanceType {
            resources: check.resources(&raw.resources),
            name: raw.name.into_inner(),
            on_demand_microusd_per_hour: raw.on_demand_microusd_per_hour,
            spot_microusd_per_hour: raw.spot_microusd_per_hour,
            spot_interruption_ppb: raw.spot_interruption_ppb.into_inner(),
            machines_per_rack: raw.machines_per_rack.into_inner(),
            labels: raw.labels,
        };
        if let Some(earlier) = types.insert(kind.name.clone(), kind) {
            check.report(&span, format!("'{}' stands here twice; names are unique", earlier.name));
        }
    }
    check.finish(InstanceTypes(types))
}

/// Collects what is wrong with one file.
struct Check<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, problems: Vec::new() }
    }

    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, CatalogueError> {
        toml::from_str(self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            self.invalid(vec![Problem::at(self.text, &span, error.message().to_owned())])
        })
    }

    fn finish<T>(mut self, value: T) -> Result<T, CatalogueError> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        self.problems.sort();
        Err(self.invalid(self.problems.clone()))
    }

    fn invalid(&self, problems: Vec<Problem>) -> CatalogueError {
        CatalogueError::Invalid { file: self.file.to_owned(), problems }
    }

    fn report(&mut self, span: &std::ops::Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem::at(self.text, span, message.into()));
    }

    fn positive(&mut self, value: &Spanned<u64>) {
        if *value.get_ref() == 0 {
            self.report(&value.span(), "must be at least 1");
        }
    }

    fn probability(&mut self, value: &Spanned<u32>, whole: u32) {
        if *value.get_ref() > whole {
            self.report(&value.span(), format!("is a probability out of {whole}: it cannot be larger"));
        }
    }

    fn resources(&mut self, raw: &RawResources) -> Amounts {
        match Amounts::parse(raw.get_ref().iter().map(|(name, text)| (name.as_str(), text.as_str()))) {
            Ok(amounts) if amounts.iter().next().is_none() => {
                self.report(&raw.span(), "asks for nothing: name at least one resource above zero");
                amounts
            }
            Ok(amounts) => amounts,
            Err((name, error)) => {
                self.report(&raw.span(), format!("{name}: {error}"));
                Amounts::default()
            }
        }
    }

    fn archetypes(&mut self, raw: Vec<Spanned<RawArchetype>>, types: &InstanceTypes) -> Vec<Archetype> {
        let mut names = BTreeSet::new();
        raw.into_iter()
            .map(|raw| {
                let name = &raw.get_ref().name;
                if !names.insert(name.get_ref().clone()) {
                    self.report(&name.span(), format!("'{}' stands here twice; names are unique", name.get_ref()));
                }
                self.archetype(raw.into_inner(), types)
            })
            .collect()
    }

    fn archetype(&mut self, raw: RawArchetype, types: &InstanceTypes) -> Archetype {
        if raw.instance_types.get_ref().is_empty() {
            self.report(&raw.instance_types.span(), "name at least one instance type");
        }
        for kind in raw.instance_types.get_ref() {
            if types.get(kind.get_ref()).is_none() {
                self.report(&kind.span(), format!("there is no instance type '{}'", kind.get_ref()));
            }
        }
        for count in raw.pods_per_machine.iter().chain(&raw.mean_lifetime_s) {
            self.positive(count);
        }
        if raw.sizes.get_ref().is_empty() {
            self.report(&raw.sizes.span(), "give at least one size");
        }
        let priorities = raw.priority_classes;
        Archetype {
            name: raw.name.into_inner(),
            // A weight of nothing still draws: only burst_only keeps an archetype out of the mix.
            weight: raw.weight.max(1),
            pods_per_machine: raw.pods_per_machine.map(Spanned::into_inner),
            instance_types: raw.instance_types.into_inner().into_iter().map(Spanned::into_inner).collect(),
            sizes: raw.sizes.into_inner().into_iter().map(|size| self.size(&size)).collect(),
            priority_classes: if priorities.is_empty() { vec![DEFAULT_PRIORITY] } else { priorities },
            interruption_penalty_dollars: raw.interruption_penalty_dollars,
            reclamation_penalty_dollars: raw.reclamation_penalty_dollars,
            mean_lifetime_s: raw.mean_lifetime_s.map(Spanned::into_inner),
            stateful: raw.stateful,
            burst_only: raw.burst_only,
            gang: raw.gang.map(|gang| self.gang(&gang)),
            spread: raw.spread.map(|spread| self.spread(spread)),
        }
    }

    fn size(&mut self, raw: &RawSize) -> Size {
        self.positive(&raw.weight);
        Size { weight: *raw.weight.get_ref(), resources: self.resources(&raw.resources) }
    }

    fn gang(&mut self, raw: &RawGang) -> Gang {
        let (min_members, max_members) = *raw.size.get_ref();
        if min_members == 0 || min_members > max_members {
            self.report(&raw.size.span(), "is [fewest, most] members: fewest at least 1 and not above most");
        }
        let scope = match raw.scope {
            RawScope::Rack => GangScope::Rack,
            RawScope::Zone => GangScope::Zone,
        };
        Gang { scope, min_members, max_members, allow_partial: raw.allow_partial }
    }

    fn spread(&mut self, raw: RawSpread) -> SpreadRule {
        self.probability(&raw.probability_ppm, PPM);
        if *raw.max_skew.get_ref() == 0 {
            self.report(&raw.max_skew.span(), "must be at least 1");
        }
        SpreadRule {
            probability_ppm: raw.probability_ppm.into_inner(),
            topology_key: raw.topology_key,
            max_skew: raw.max_skew.into_inner(),
            binding: matches!(raw.when_unsatisfiable, RawUnsatisfiable::DoNotSchedule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<Problem> {
        match catalogue("test.toml", text, InstanceTypes::shipped().unwrap()) {
            Err(CatalogueError::Invalid { problems, .. }) => problems,
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn every_problem_is_reported_at_once_each_where_it_stands() {
        let text = r#"name = "bad"
spot_interruption_ppb = 1_000_000_001
[[archetype]]
name = "a"
weight = 1
instance_types = ["m6i.large", "m7i.huge"]
sizes = [{ weight = 0, resources = { cpu = "lots" } }]
interruption_penalty_dollars = 1
reclamation_penalty_dollars = 1
gang = { scope = "rack", size = [5, 3] }
"#;
        let places: Vec<(usize, usize)> = problems(text).iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(2, 25), (6, 32), (7, 21), (7, 36), (10, 33)]);
    }

    #[test]
    fn an_unknown_key_is_refused_where_it_stands() {
        let found = problems("name = \"bad\"\narchetypes = []\n");
        assert_eq!((found[0].line, found[0].column), (2, 1));
        assert!(found[0].message.contains("archetypes"), "{}", found[0].message);
    }

    #[test]
    fn an_empty_catalogue_and_a_name_given_twice_are_refused() {
        assert_eq!(problems("name = \"empty\"").len(), 1);
        let one = "[[archetype]]\nname = \"a\"\nweight = 1\ninstance_types = [\"m6i.large\"]\nsizes = [{ weight = 1, \
                   resources = { cpu = \"1\" } }]\ninterruption_penalty_dollars = 1\nreclamation_penalty_dollars = 1\n";
        let twice = problems(&format!("name = \"twice\"\n{one}{one}"));
        assert_eq!((twice.len(), twice[0].line), (1, 10));
    }
}
