//! Instance types: real sizes and prices, so that packing and cost mean something.

use std::collections::BTreeMap;
use std::ops::Index;

use super::locate::CatalogueError;
use super::parse;
use crate::amounts::Amounts;

/// What a provider sells under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name.
    pub name: String,
    /// What a machine of it offers to pods.
    pub resources: Amounts,
    /// List price on demand.
    pub on_demand_microusd_per_hour: u64,
    /// Typical spot price.
    pub spot_microusd_per_hour: u64,
    /// Hourly probability that spot is taken back, in parts per billion.
    pub spot_interruption_ppb: u32,
    /// Machines of this type in one rack.
    pub machines_per_rack: u64,
    /// Labels that every machine of it carries.
    pub labels: BTreeMap<String, String>,
}

/// Instance types by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceTypes(pub(super) BTreeMap<String, InstanceType>);

impl InstanceTypes {
    /// The types that ship: every one that a shipped catalogue names.
    ///
    /// # Errors
    /// Never for the file that ships; a test reads it.
    pub fn shipped() -> Result<Self, CatalogueError> {
        Self::parse("instance_types.toml", include_str!("../../data/instance_types.toml"))
    }

    /// Reads a file of instance types; `file` is what messages call it.
    ///
    /// # Errors
    /// [`CatalogueError::Invalid`] with every problem found, each with its line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, CatalogueError> {
        parse::instance_types(file, text)
    }

    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.0.values()
    }
}

impl Index<&String> for InstanceTypes {
    type Output = InstanceType;

    /// The type of this name. A catalogue names only types that exist: parsing has checked.
    fn index(&self, name: &String) -> &InstanceType {
        &self.0[name]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spot_is_cheaper_than_on_demand_and_every_type_has_a_size_and_a_rack() {
        for kind in InstanceTypes::shipped().unwrap().iter() {
            assert!(0 < kind.spot_microusd_per_hour, "{}", kind.name);
            assert!(kind.spot_microusd_per_hour < kind.on_demand_microusd_per_hour, "{}", kind.name);
            assert!(kind.resources.get("cpu") >= 1000 && kind.resources.get("memory") >= 1 << 30, "{}", kind.name);
            assert!(kind.machines_per_rack > 0, "{}", kind.name);
        }
    }
}
