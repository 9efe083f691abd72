//! A machine as a provider reports it, checked at the edge: what breaks the rules of the contract does not get in.

use std::collections::BTreeMap;

use argosy_model::quantity::{self, Rounding};
use argosy_model::shape::CapacityType;
use argosy_model::{MicroUsd, Ppb, State};
use argosy_proto::bigfleet::v1alpha1 as api;
use thiserror::Error;

/// The finest unit in which a quantity is read only to see that it is one.
const MILLI: u32 = 1000;

/// The real host behind a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRef {
    /// Name of the provider.
    pub provider: String,
    /// The provider's name for the host.
    pub reference: String,
}

/// A machine as its provider reports it. Numbers have been checked; strings are as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedMachine {
    /// Stable from slot to host and back.
    pub id: String,
    /// Where it is in its life.
    pub state: State,
    /// The host, if there is one.
    pub host: Option<HostRef>,
    /// May be empty.
    pub instance_type: String,
    /// May be empty, for a slot that has no zone yet.
    pub zone: String,
    /// How it is paid for.
    pub capacity_type: CapacityType,
    /// Price per hour.
    pub price_per_hour: MicroUsd,
    /// Chance of losing it within an hour.
    pub interruption: Ppb,
    /// Kubernetes quantities by resource name, each of them well formed: `allocatable`, or `resources` where that is not sent.
    pub allocatable: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Not empty in state `Failed`.
    pub last_error: String,
    /// Whose it is: not empty in state `Configured`, and empty unless it is bound.
    pub cluster: String,
    /// What the shard asked to be kept beside the binding.
    pub shard_metadata: BTreeMap<String, String>,
}

/// How a reported machine breaks the contract. The names are the `reason` labels of the metric `shard_machines_rejected_total`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidMachine {
    /// The price is no price.
    #[error("price per hour {0} is not a finite number of at least 0")]
    Price(String),
    /// The probability is none.
    #[error("interruption probability {0} does not lie in [0, 1]")]
    InterruptionProbability(String),
    /// Fields that contradict each other or are missing.
    #[error("{0}")]
    Structural(String),
}

impl InvalidMachine {
    /// As a metric label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Price(_) => "price",
            Self::InterruptionProbability(_) => "interruption_probability",
            Self::Structural(_) => "structural",
        }
    }
}

impl ObservedMachine {
    /// Checks and takes over a machine of the wire.
    pub fn from_wire(wire: api::Machine) -> Result<Self, InvalidMachine> {
        let structural = |what: String| Err(InvalidMachine::Structural(what));
        if wire.id.is_empty() {
            return structural("a machine without an id".to_owned());
        }
        let Some(state) = State::from_number(wire.state) else {
            return structural(format!("state {} is not one of the protocol", wire.state));
        };
        let Some(capacity_type) = CapacityType::from_number(wire.capacity_type) else {
            return structural(format!("capacity type {} is not one of the protocol", wire.capacity_type));
        };
        if state == State::Configured && wire.cluster.is_empty() {
            return structural("a configured machine that names no cluster".to_owned());
        }
        let price_per_hour = MicroUsd::from_wire_usd(wire.price_per_hour)
            .ok_or_else(|| InvalidMachine::Price(wire.price_per_hour.to_string()))?;
        let interruption = Ppb::from_wire(wire.interruption_probability)
            .ok_or_else(|| InvalidMachine::InterruptionProbability(wire.interruption_probability.to_string()))?;
        let size = wire.allocatable.or(wire.resources).unwrap_or_default().resources;
        for (name, amount) in &size {
            if let Err(error) = quantity::parse(amount, MILLI, Rounding::Down) {
                return structural(format!("resource {name}: {error}"));
            }
        }
        let failed_without_reason = state == State::Failed && wire.last_error.is_empty();
        let last_error =
            if failed_without_reason { "the provider names no reason".to_owned() } else { wire.last_error };
        Ok(Self {
            id: wire.id,
            state,
            host: wire.host.map(|host| HostRef { provider: host.provider, reference: host.r#ref }),
            instance_type: wire.instance_type,
            zone: wire.zone,
            capacity_type,
            price_per_hour,
            interruption,
            allocatable: size,
            labels: wire.labels,
            last_error,
            // Stock providers clear it with the binding; one that forgets must not make a free machine look taken.
            cluster: if state.is_bound() { wire.cluster } else { String::new() },
            shard_metadata: wire.shard_metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> api::Machine {
        api::Machine { id: "m".to_owned(), state: 5, cluster: "c".to_owned(), ..api::Machine::default() }
    }

    #[test]
    fn prices_and_probabilities_that_are_none_are_named_and_refused() {
        for (price, reason) in [(f64::NAN, "price"), (-0.5, "price"), (f64::INFINITY, "price")] {
            let error = ObservedMachine::from_wire(api::Machine { price_per_hour: price, ..wire() }).unwrap_err();
            assert_eq!(error.reason(), reason);
        }
        let risky = api::Machine { interruption_probability: 1.5, ..wire() };
        assert_eq!(ObservedMachine::from_wire(risky).unwrap_err().reason(), "interruption_probability");
        let fine = api::Machine { price_per_hour: 1.5, interruption_probability: 0.25, ..wire() };
        let fine = ObservedMachine::from_wire(fine).expect("valid");
        assert_eq!((fine.price_per_hour, fine.interruption), (MicroUsd(1_500_000), Ppb(250_000_000)));
    }

    #[test]
    fn contradictions_are_structural() {
        let nameless = api::Machine { id: String::new(), ..wire() };
        let stateless = api::Machine { state: 0, ..wire() };
        let homeless = api::Machine { cluster: String::new(), ..wire() };
        let cpu = BTreeMap::from([("cpu".to_owned(), "many".to_owned())]);
        let shapeless = api::Machine { resources: Some(api::Resources { resources: cpu }), ..wire() };
        for machine in [nameless, stateless, homeless, shapeless] {
            assert_eq!(ObservedMachine::from_wire(machine).unwrap_err().reason(), "structural");
        }
    }

    #[test]
    fn allocatable_wins_over_the_legacy_resources() {
        let size = |cpu: &str| api::Resources { resources: BTreeMap::from([("cpu".to_owned(), cpu.to_owned())]) };
        let both = api::Machine { resources: Some(size("1")), allocatable: Some(size("64")), ..wire() };
        assert_eq!(ObservedMachine::from_wire(both).expect("valid").allocatable["cpu"], "64");
        let legacy = api::Machine { resources: Some(size("1")), ..wire() };
        assert_eq!(ObservedMachine::from_wire(legacy).expect("valid").allocatable["cpu"], "1");
    }
}
