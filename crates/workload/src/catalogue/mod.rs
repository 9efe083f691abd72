//! The catalogue: which kinds of workload run, and on which instance types.
//!
//! One catalogue serves supply and demand alike, so that a fleet and what runs on it always fit each other. The
//! catalogues that ship are data files of this crate; [`Catalogue::parse`] reads any other of the same form.
//! Source: spec/simulation.md section 4, corrected where its section 8.C says that the model was wrong.

mod archetype;
mod instance;
mod locate;
mod parse;
pub mod sizing;

pub use archetype::{Archetype, Gang, GangScope, Size, SpreadRule};
pub use instance::{InstanceType, InstanceTypes};
pub use locate::{CatalogueError, Problem};

/// A set of archetypes and the instance types that they name.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// What it is called.
    pub name: String,
    /// What a fleet is built for, in file order.
    pub supply: Vec<Archetype>,
    /// What clusters run, in file order. The same list as `supply` unless the file says otherwise.
    pub demand: Vec<Archetype>,
    /// A market in which spot is taken back with this hourly probability in parts per billion, whatever the type says.
    pub spot_interruption_ppb: Option<u32>,
    /// The instance types that may be named.
    pub instance_types: InstanceTypes,
}

impl Catalogue {
    /// Names of the catalogues that ship.
    pub const SHIPPED: [&str; 3] = ["realistic", "realistic-dev", "cost-routing"];

    /// A catalogue that ships, by name.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`], which lists the names there are.
    pub fn shipped(name: &str) -> Result<Self, CatalogueError> {
        let text = match name {
            "realistic" => include_str!("../../data/realistic.toml"),
            "realistic-dev" => include_str!("../../data/realistic-dev.toml"),
            "cost-routing" => include_str!("../../data/cost-routing.toml"),
            _ => return Err(CatalogueError::Unknown { name: name.to_owned(), known: Self::SHIPPED.join(", ") }),
        };
        Self::parse(name, text, InstanceTypes::shipped()?)
    }

    /// Reads a catalogue file; `file` is what messages call it.
    ///
    /// # Errors
    /// [`CatalogueError::Invalid`] with every problem found, each with its line and column.
    pub fn parse(file: &str, text: &str, instance_types: InstanceTypes) -> Result<Self, CatalogueError> {
        parse::catalogue(file, text, instance_types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_catalogue_reads_and_every_size_fits_one_of_its_types() {
        for name in Catalogue::SHIPPED {
            let catalogue = Catalogue::shipped(name).unwrap();
            assert_eq!(catalogue.name, name);
            for archetype in &catalogue.supply {
                let unit = archetype.largest_size();
                let fits = |kind: &String| catalogue.instance_types[kind].resources.units_of(&unit) > 0;
                assert!(archetype.instance_types.iter().any(fits), "{name}: {} fits nothing", archetype.name);
            }
        }
    }

    #[test]
    fn an_unknown_catalogue_is_refused_with_the_names_there_are() {
        let error = Catalogue::shipped("unreal").unwrap_err().to_string();
        assert!(error.contains("ARG-0901") && error.contains("realistic-dev"), "{error}");
    }
}
