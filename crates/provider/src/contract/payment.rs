//! How a machine is paid for, as people write it.

use argosy_proto::bigfleet::v1alpha1::CapacityType;
use serde::{Deserialize, Serialize};

/// How a machine is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payment {
    /// Owned metal.
    BareMetal,
    /// Committed capacity.
    Reserved,
    /// By the hour.
    OnDemand,
    /// By the hour, and may be interrupted.
    Spot,
}

impl Payment {
    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        let capacity_type = match self {
            Self::BareMetal => CapacityType::BareMetal,
            Self::Reserved => CapacityType::Reserved,
            Self::OnDemand => CapacityType::OnDemand,
            Self::Spot => CapacityType::Spot,
        };
        capacity_type as i32
    }
}
