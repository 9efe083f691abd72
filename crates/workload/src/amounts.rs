//! Resource amounts by dimension name, for sums over pods and for the quantity strings of the wire.
//!
//! The engine's vectors are interned; these are not, because a workload is made long before any vocabulary exists.
//! Units are the model's: milli for `cpu`, whole units for everything else.

use std::collections::BTreeMap;

use argosy_model::Vocabulary;
use argosy_model::quantity::{self, QuantityError, Rounding};

/// Amounts by dimension name, none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amounts(BTreeMap<String, u64>);

impl Amounts {
    /// Reads one quantity string a dimension, rounding up as demand does.
    ///
    /// # Errors
    /// The first dimension whose quantity cannot be read, with the reason.
    pub fn parse<'a>(
        quantities: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, (String, QuantityError)> {
        let mut amounts = Self::default();
        for (name, text) in quantities {
            let amount = quantity::parse(text, Vocabulary::per_unit(name), Rounding::Up)
                .map_err(|error| (name.to_owned(), error))?;
            amounts.set(name, amount);
        }
        Ok(amounts)
    }

    /// Sets a dimension.
    pub fn set(&mut self, name: &str, amount: u64) {
        if amount == 0 {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), amount);
        }
    }

    /// The amount in a dimension.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The dimensions that are not zero, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// Adds `times` times `other`, saturating.
    pub fn add_times(&mut self, other: &Self, times: u64) {
        if times == 0 {
            return;
        }
        for (name, amount) in &other.0 {
            let more = amount.saturating_mul(times);
            match self.0.get_mut(name) {
                Some(sum) => *sum = sum.saturating_add(more),
                None => {
                    self.0.insert(name.clone(), more);
                }
            }
        }
    }

    /// Takes the larger of both in every dimension.
    pub fn raise_to(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            if *amount > self.get(name) {
                self.set(name, *amount);
            }
        }
    }

    /// How many whole `unit`s fit in these amounts; `u64::MAX` if the unit is nothing.
    pub fn units_of(&self, unit: &Self) -> u64 {
        unit.0.iter().map(|(name, amount)| self.get(name) / amount).min().unwrap_or(u64::MAX)
    }

    /// Whether some dimension is a device: anything but cpu, memory and ephemeral storage.
    pub fn has_device(&self) -> bool {
        self.0.keys().any(|name| !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage"))
    }

    /// As the quantity strings of the wire.
    pub fn to_quantities(&self) -> BTreeMap<String, String> {
        self.iter()
            .map(|(name, amount)| (name.to_owned(), quantity::format(amount, Vocabulary::per_unit(name))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(list: &[(&str, &str)]) -> Amounts {
        Amounts::parse(list.iter().copied()).unwrap()
    }

    #[test]
    fn what_is_written_for_the_wire_reads_back() {
        let pod = amounts(&[("cpu", "2200m"), ("memory", "8500Mi"), ("nvidia.com/gpu", "1")]);
        let written = pod.to_quantities();
        let back = Amounts::parse(written.iter().map(|(k, v)| (k.as_str(), v.as_str()))).unwrap();
        assert_eq!(back, pod);
    }

    #[test]
    fn whole_units_are_counted_by_the_scarcest_dimension() {
        let machine = amounts(&[("cpu", "8"), ("memory", "32Gi")]);
        assert_eq!(machine.units_of(&amounts(&[("cpu", "400m"), ("memory", "500Mi")])), 20);
        assert_eq!(machine.units_of(&amounts(&[("cpu", "1"), ("nvidia.com/gpu", "1")])), 0);
    }

    #[test]
    fn a_quantity_that_cannot_be_read_names_its_dimension() {
        let (name, _) = Amounts::parse([("cpu", "1"), ("memory", "lots")]).unwrap_err();
        assert_eq!(name, "memory");
    }
}
