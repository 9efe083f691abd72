//! Shapes: what machines have in common. Machines of one shape are counted, not scanned.

use serde::{Deserialize, Serialize};

use crate::ids::Sym;
use crate::money::{MicroUsd, Ppb};
use crate::resources::Resources;

/// How a machine is paid for; decides how long it is kept idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CapacityType {
    /// Not stated: treated as owned, kept for ever.
    #[default]
    Unspecified,
    /// Owned metal.
    BareMetal,
    /// Committed capacity.
    Reserved,
    /// Elastic, by the hour.
    OnDemand,
    /// Elastic, may be interrupted by its provider.
    Spot,
}

impl CapacityType {
    /// The capacity type with this wire number.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Unspecified, Self::BareMetal, Self::Reserved, Self::OnDemand, Self::Spot]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    /// Whether giving a machine back saves money; what is not elastic is never deleted.
    pub fn is_elastic(self) -> bool {
        matches!(self, Self::OnDemand | Self::Spot)
    }

    /// As a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unspecified => "Unspecified",
            Self::BareMetal => "BareMetal",
            Self::Reserved => "Reserved",
            Self::OnDemand => "OnDemand",
            Self::Spot => "Spot",
        }
    }
}

/// Everything about a machine that others share with it: offering, domain and price. Interned; a machine whose price
/// or labels change moves to another shape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// The provider that has it.
    pub provider: Sym,
    /// Instance type; `None` if the provider names none.
    pub instance_type: Option<Sym>,
    /// Zone; `None` for a slot that has none yet.
    pub zone: Option<Sym>,
    /// How it is paid for.
    pub capacity_type: CapacityType,
    /// Price per hour.
    pub price: MicroUsd,
    /// Hourly probability of interruption, as its provider declares it.
    pub interruption: Ppb,
    /// What a workload can have of it: the allocatable vector, or the nominal one where the provider gives no other.
    pub resources: Resources,
    /// Labels, sorted by key. The host name is not among them: it is the machine's id.
    pub labels: Vec<(Sym, Sym)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_type_keeps_its_number_and_its_word() {
        let types = [
            (CapacityType::Unspecified, "Unspecified"),
            (CapacityType::BareMetal, "BareMetal"),
            (CapacityType::Reserved, "Reserved"),
            (CapacityType::OnDemand, "OnDemand"),
            (CapacityType::Spot, "Spot"),
        ];
        for (number, (capacity, word)) in (0..).zip(types) {
            assert_eq!((CapacityType::from_number(number), capacity.label()), (Some(capacity), word));
        }
        assert_eq!([-1, 5].map(CapacityType::from_number), [None, None]);
        let elastic: Vec<&str> = types.iter().filter(|(of, _)| of.is_elastic()).map(|(_, word)| *word).collect();
        assert_eq!(elastic, ["OnDemand", "Spot"], "what is given back saves money");
    }
}
