//! What a pod asks for.

use argosy_shard::NeedRow;
use argosy_workload::amounts::Amounts;

use crate::row::Row;

/// Where the pods of one object must be together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In one rack.
    Rack,
    /// In one zone.
    Zone,
}

/// A kind of pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodShape {
    /// Its name.
    pub name: String,
    /// What one pod asks for.
    pub resources: Amounts,
    /// Instance types that it may run on; any, if there are none.
    pub instance_types: Vec<String>,
    /// Zones that it may run in; any, if there are none.
    pub zones: Vec<String>,
    /// Higher first.
    pub priority: i32,
    /// What interrupting it costs, in dollars.
    pub interruption_dollars: u64,
    /// What taking its machine costs, in dollars.
    pub reclamation_dollars: u64,
    /// Set where each object is a gang.
    pub gang: Option<Scope>,
    /// Most that the machines of two zones may differ by; none, if it does not spread.
    pub spread: Option<u32>,
}

impl PodShape {
    /// A shape without conditions, with the amounts in the units of the model.
    pub fn new(name: &str, resources: &[(&str, u64)]) -> Self {
        let mut amounts = Amounts::default();
        resources.iter().for_each(|(dim, amount)| amounts.set(dim, *amount));
        Self {
            name: name.to_owned(),
            resources: amounts,
            instance_types: Vec::new(),
            zones: Vec::new(),
            priority: 1_000,
            interruption_dollars: 0,
            reclamation_dollars: 0,
            gang: None,
            spread: None,
        }
    }

    /// Only on these instance types.
    #[must_use]
    pub fn on(mut self, instance_types: &[&str]) -> Self {
        self.instance_types = instance_types.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Only in these zones.
    #[must_use]
    pub fn in_zones(mut self, zones: &[&str]) -> Self {
        self.zones = zones.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// With this priority and these penalties in dollars.
    #[must_use]
    pub fn terms(mut self, priority: i32, interruption_dollars: u64, reclamation_dollars: u64) -> Self {
        self.priority = priority;
        (self.interruption_dollars, self.reclamation_dollars) = (interruption_dollars, reclamation_dollars);
        self
    }

    /// Each object is a gang.
    #[must_use]
    pub fn gang(mut self, scope: Scope) -> Self {
        self.gang = Some(scope);
        self
    }

    /// Spread over zones.
    #[must_use]
    pub fn spread(mut self, max_skew: u32) -> Self {
        self.spread = Some(max_skew);
        self
    }

    /// The row that so many pods of it are; `object` names the gang.
    pub fn row(&self, pods: u64, object: &str) -> NeedRow {
        let row = Row::new(self.priority, &self.resources, pods)
            .on(&self.instance_types)
            .in_zones(&self.zones)
            .penalties(self.interruption_dollars, self.reclamation_dollars);
        let row = match self.gang {
            Some(Scope::Rack) => row.in_one_rack(object),
            Some(Scope::Zone) => row.in_one_zone(object),
            None => row,
        };
        let row = match self.spread {
            Some(max_skew) => row.spread_over_zones(max_skew),
            None => row,
        };
        row.build()
    }
}
