//! Scenarios applied to the supply: machines come and go, domains are lost. Needs are in `needs.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use argosy_model::fleet::Aside;
use argosy_model::quantity::Rounding;
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, REGION_KEY, ZONE_KEY};
use argosy_model::{CapacityType, Cause, Flags, Machine, MachineIx, MicroUsd, Ppb, Resources, Shape, ShapeIx, State};

use super::Altered;
use super::error::ScenarioError;
use super::scenario::{AddMachines, Domain, FreeState, MAX_TEXT_BYTES, Scenario};

/// The well-known key behind a short name; any other name is a key itself.
pub(super) fn well_known(key: &str) -> &str {
    match key {
        "region" => REGION_KEY,
        "zone" => ZONE_KEY,
        "rack" => RACK_KEY,
        "instance_type" => INSTANCE_TYPE_KEY,
        other => other,
    }
}

/// Refuses a name that could not come from outside either.
pub(super) fn named<'t>(field: &'static str, text: &'t str) -> Result<&'t str, ScenarioError> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES { Err(ScenarioError::Name { field }) } else { Ok(text) }
}

impl Altered {
    /// Makes the changes, list by list. On an error the copy is not to be used.
    pub fn apply(&mut self, scenario: &Scenario) -> Result<(), ScenarioError> {
        scenario.check()?;
        for domain in &scenario.lose {
            self.lose(domain)?;
        }
        for id in &scenario.remove_machines {
            let ix = self.find(id)?;
            self.fleet.remove(ix).expect("it was just found");
        }
        for id in &scenario.uncordon {
            self.uncordon(id)?;
        }
        for add in &scenario.add_machines {
            self.add_machines(add)?;
        }
        for selector in &scenario.withdraw_needs {
            for key in self.select(selector)? {
                self.demand.withdraw(&key, &self.fleet.words);
            }
        }
        for change in &scenario.change_needs {
            self.change_needs(change)?;
        }
        for add in &scenario.add_needs {
            self.add_need(add)?;
        }
        if let Some(consolidate) = &scenario.consolidate {
            self.consolidation = consolidate.allowed();
        }
        scenario.lift_rails.iter().try_for_each(|rail| self.lift(*rail))
    }

    fn find(&self, id: &str) -> Result<MachineIx, ScenarioError> {
        self.fleet.find(id).ok_or_else(|| ScenarioError::UnknownMachine(id.to_owned()))
    }

    /// Every machine of a domain is gone for good, slots too: nothing can be bought there either.
    fn lose(&mut self, domain: &Domain) -> Result<(), ScenarioError> {
        let words = &self.fleet.words;
        let sought = words.find_symbol(well_known(&domain.key)).zip(words.find_symbol(&domain.value));
        let lies_in = |shape: ShapeIx| {
            sought.is_some_and(|(key, value)| words.attribute(words.shape_of(shape), key) == Some(value))
        };
        let lost = self.fleet.classes().iter().filter(|(class, _)| lies_in(class.shape));
        let lost: Vec<MachineIx> = lost.flat_map(|(_, members)| members.iter().copied()).collect();
        if lost.is_empty() {
            return Err(ScenarioError::EmptyDomain { key: domain.key.clone(), value: domain.value.clone() });
        }
        for ix in lost {
            self.fleet.remove(ix).expect("it was just found");
        }
        Ok(())
    }

    fn uncordon(&mut self, id: &str) -> Result<(), ScenarioError> {
        let ix = self.find(id)?;
        let machine = *self.fleet.machine(ix);
        let next = Machine { flags: machine.flags.with(Flags::CORDONED, false), ..machine };
        let aside = self.fleet.aside(ix);
        // A flag may change in any state.
        self.fleet.put(ix, next, aside, Cause::Provider).expect("the record stays sound");
        Ok(())
    }

    fn add_machines(&mut self, add: &AddMachines) -> Result<(), ScenarioError> {
        let shape = self.shape(add)?;
        let shape = self.fleet.words.shape(&shape);
        let state = match add.state {
            FreeState::Idle => State::Idle,
            FreeState::Speculative => State::Speculative,
        };
        let mut number = self.fleet.slots();
        for _ in 0..add.count {
            let id = loop {
                number += 1;
                let id = format!("whatif-{number}");
                if self.fleet.find(&id).is_none() {
                    break id;
                }
            };
            let machine = Machine::new(shape, state, self.now);
            self.fleet.add(&id, machine, Aside::default()).expect("a new machine is sound");
        }
        Ok(())
    }

    fn shape(&mut self, add: &AddMachines) -> Result<Shape, ScenarioError> {
        let like = match &add.like {
            Some(id) => Some(Arc::clone(self.fleet.words.shape_of(self.fleet.machine(self.find(id)?).shape))),
            None if add.resources.is_empty() => return Err(ScenarioError::NoResources),
            None => None,
        };
        let words = &mut self.fleet.words;
        let mut shape = match like {
            Some(like) => Shape::clone(&like),
            None => Shape {
                provider: words.symbol("whatif"),
                instance_type: None,
                zone: None,
                capacity_type: CapacityType::default(),
                price: MicroUsd(0),
                interruption: Ppb(0),
                resources: Resources::none(),
                labels: Vec::new(),
            },
        };
        if let Some(provider) = &add.provider {
            shape.provider = words.symbol(named("provider", provider)?);
        }
        if let Some(instance_type) = &add.instance_type {
            shape.instance_type = Some(words.symbol(named("instance_type", instance_type)?));
        }
        if let Some(zone) = &add.zone {
            shape.zone = Some(words.symbol(named("zone", zone)?));
        }
        shape.capacity_type = add.capacity_type.unwrap_or(shape.capacity_type);
        shape.price = add.price_microusd_per_hour.map_or(shape.price, MicroUsd);
        if !add.resources.is_empty() {
            let pairs = add.resources.iter().map(|(dim, amount)| (dim.as_str(), amount.as_str()));
            shape.resources = words.resources(pairs, Rounding::Down)?;
        }
        let fresh: BTreeSet<&str> = add.labels.keys().map(|key| well_known(key)).collect();
        shape.labels.retain(|(key, _)| !fresh.contains(words.text(*key)));
        for (key, value) in &add.labels {
            shape.labels.push((words.symbol(named("labels", well_known(key))?), words.symbol(named("labels", value)?)));
        }
        shape.labels.sort_unstable();
        Ok(shape)
    }
}
