//! What a simulated cloud has to begin with.

use std::collections::BTreeMap;

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, PROVIDER_KEY, RACK_KEY, REGION_KEY, ZONE_KEY};
use argosy_model::{Bucket, CapacityType, MicroUsd, Ppb, State};
use argosy_shard::{ObservedShape, echo};
use argosy_workload::amounts::Amounts;

/// One machine of a kind, in a place, in a state: what a run begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it shares with others.
    pub shape: ObservedShape,
    /// Speculative, Idle or Configured.
    pub state: State,
    /// Its holder, if it is bound.
    pub cluster: Option<String>,
    /// What its holder's shard once gave the provider to keep.
    pub metadata: Vec<(String, String)>,
}

impl Offer {
    /// A bare-metal host of an instance type in a zone, idle, free of charge.
    pub fn new(instance_type: &str, zone: &str, resources: &Amounts) -> Self {
        let shape = ObservedShape {
            instance_type: Some(instance_type.to_owned()),
            zone: Some(zone.to_owned()),
            capacity_type: CapacityType::BareMetal,
            resources: resources.iter().map(|(dim, amount)| (dim.to_owned(), amount)).collect(),
            labels: vec![
                (INSTANCE_TYPE_KEY.to_owned(), instance_type.to_owned()),
                (ZONE_KEY.to_owned(), zone.to_owned()),
            ],
            ..ObservedShape::default()
        };
        Self { shape, state: State::Idle, cluster: None, metadata: Vec::new() }
    }

    /// In this rack.
    #[must_use]
    pub fn in_rack(mut self, rack: &str) -> Self {
        self.shape.labels.retain(|(key, _)| key != RACK_KEY);
        self.shape.labels.push((RACK_KEY.to_owned(), rack.to_owned()));
        self
    }

    /// In this region, at this provider: one cloud can be several.
    #[must_use]
    pub fn sold_by(mut self, provider: &str, region: &str) -> Self {
        self.shape.labels.push((PROVIDER_KEY.to_owned(), provider.to_owned()));
        self.shape.labels.push((REGION_KEY.to_owned(), region.to_owned()));
        self
    }

    /// Paid for in this way, at this price for an hour, interrupted this often within one.
    #[must_use]
    pub fn priced(mut self, capacity_type: CapacityType, price_microusd: u64, interruption_ppb: u32) -> Self {
        self.shape.capacity_type = capacity_type;
        (self.shape.price, self.shape.interruption) = (MicroUsd(price_microusd), Ppb(interruption_ppb));
        self
    }

    /// Not there yet: a slot.
    #[must_use]
    pub fn speculative(mut self) -> Self {
        self.state = State::Speculative;
        self
    }

    /// Bound to a cluster since before the run, with the terms that were echoed to the provider then.
    #[must_use]
    pub fn configured_for(mut self, cluster: &str, priority: i32, penalties: (Bucket, Bucket)) -> Self {
        let dollars = |bucket: Bucket| match bucket {
            Bucket::PINNED => "+Inf".to_owned(),
            other => other.upper_bound().to_usd().to_string(),
        };
        self.state = State::Configured;
        self.cluster = Some(cluster.to_owned());
        self.metadata = vec![
            (echo::PRIORITY.to_owned(), priority.to_string()),
            (echo::INTERRUPTION.to_owned(), dollars(penalties.0)),
            (echo::RECLAMATION.to_owned(), dollars(penalties.1)),
        ];
        self
    }

    /// Bound for a need of this fingerprint, and for this gang.
    pub fn stamp(&mut self, fingerprint: &str, gang: Option<&str>) {
        self.metadata.push((echo::FINGERPRINT.to_owned(), fingerprint.to_owned()));
        self.metadata.extend(gang.map(|gang| (echo::GROUP.to_owned(), gang.to_owned())));
    }

    /// What a machine of it has, by dimension.
    pub fn resources(&self) -> BTreeMap<&str, u64> {
        self.shape.resources.iter().map(|(dim, amount)| (dim.as_str(), *amount)).collect()
    }
}
