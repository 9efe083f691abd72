//! Why a scenario cannot be tried.

use thiserror::Error;

use super::scenario::{MAX_ENTRIES, MAX_MACHINES};
use crate::explain::Rail;

/// What is wrong with a scenario. Nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// It says nothing.
    #[error("the scenario changes nothing: add, remove or change something")]
    Empty,
    /// A list is too long.
    #[error("`{list}` has {entries} entries, more than {MAX_ENTRIES}")]
    TooLong {
        /// Which list.
        list: &'static str,
        /// How long it is.
        entries: usize,
    },
    /// Too many machines.
    #[error("the scenario adds {machines} machines, more than {MAX_MACHINES}")]
    TooManyMachines {
        /// How many.
        machines: u64,
    },
    /// No such machine.
    #[error("there is no machine '{0}' in this shard")]
    UnknownMachine(String),
    /// No machine lies in the domain.
    #[error("no machine of this shard lies in {key} {value}")]
    EmptyDomain {
        /// The topology key.
        key: String,
        /// Its value.
        value: String,
    },
    /// No such need.
    #[error("no need of this shard is {0}")]
    UnknownNeed(String),
    /// The need is there already.
    #[error("{0} is a need of this shard already: change it instead of adding it")]
    NeedExists(String),
    /// A machine without resources.
    #[error("machines to add need `like` or `resources`: without either they would hold nothing")]
    NoResources,
    /// An amount that is none.
    #[error("{0}")]
    Quantity(#[from] argosy_model::quantity::QuantityError),
    /// A name that is empty or too long.
    #[error("`{field}` is empty or longer than 512 bytes")]
    Name {
        /// Which field.
        field: &'static str,
    },
    /// More than one `Same`.
    #[error("a need has at most one Same condition")]
    TwoSames,
    /// The rail cannot be lifted.
    #[error("the rail {} cannot be lifted by an administrator", rail.name())]
    RailStays {
        /// Which.
        rail: Rail,
    },
}
