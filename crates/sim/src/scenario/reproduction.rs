//! The reproduction number of a scenario's cascades: how many machines one failure brings down with it, on average.
//!
//! Above 1 a cascade does not die out by itself; only its depth and its share of the scope end it.

use std::collections::BTreeMap;

use super::form::{CascadeScope, Scenario};
use crate::rehearsal::layout;

/// What the cascades of a scenario come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduction {
    /// The reproduction number in the largest scope, in thousandths.
    pub milli: u64,
    /// Which scope that is.
    pub scope: String,
    /// Machines in it.
    pub machines: usize,
    /// Most machines that one cascade hits there, the first not counted.
    pub at_most: usize,
}

impl Reproduction {
    /// Of a scenario, if its failures spread.
    pub fn of(scenario: &Scenario) -> Option<Self> {
        let cascading = scenario.chaos()?.cascading.as_ref().filter(|cascading| cascading.enabled)?;
        let sites = layout::sites(scenario, scenario.seed());
        let mut scopes: BTreeMap<&str, usize> = BTreeMap::new();
        for site in sites.iter().filter(|site| !site.spare) {
            let scope = match cascading.scope {
                CascadeScope::Rack => site.rack.as_str(),
                CascadeScope::Zone => site.node.zone.as_str(),
                CascadeScope::Region => site.node.region.as_str(),
                CascadeScope::Provider => site.node.provider.as_str(),
                CascadeScope::Random => "all machines",
            };
            *scopes.entry(scope).or_default() += 1;
        }
        let (scope, machines) = scopes.into_iter().max_by_key(|(_, machines)| *machines)?;
        let at_most = cascading.most_of(machines - 1);
        // With that chance, evenly from 1 to the most.
        let milli = u64::from(cascading.probability.0) * (1 + at_most as u64) / 2_000;
        Some(Self { milli, scope: scope.to_owned(), machines, at_most })
    }

    /// Whether cascades feed themselves.
    pub fn runs_away(&self) -> bool {
        self.milli > 1_000
    }

    /// The number, as people write it.
    pub fn text(&self) -> String {
        format!("{}.{:02}", self.milli / 1_000, self.milli % 1_000 / 10)
    }
}
