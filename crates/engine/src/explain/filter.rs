//! Filters: what keeps a machine from a need, in the order in which the engine looks.

use serde::{Deserialize, Serialize};

/// What keeps a machine from a need. Each machine is counted under the first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// It has failed.
    Failed,
    /// It does not meet a condition of the profile; which one is told beside.
    Requirement,
    /// It does not hold the indivisible unit.
    MinUnit,
    /// It has no value for the topology key.
    TopologyKey,
    /// It lies outside the domain that the need is put together in.
    Domain,
    /// It is being given back to its provider.
    Deleting,
    /// It is cordoned.
    Cordoned,
    /// It is unhealthy.
    Unhealthy,
    /// Its provider has announced an interruption.
    InterruptionNotice,
    /// Its provider has just turned it down, and it is left alone for a while.
    Cooling,
    /// Its lane takes no more: the breaker is open, or a quota is reached.
    HeldBack,
    /// It is on its way in or out, and not for this need.
    InTransit,
    /// It serves a cluster that has not reported: nothing is taken from there.
    NotHeard,
    /// A need that this one may not take from holds it.
    Held,
    /// This plan gives it to another need.
    Taken,
    /// It belongs to a gang that this plan takes apart for another need.
    GivingWay,
    /// The need is parked and asks for nothing.
    Parked,
    /// The need's gang retreats and asks for nothing.
    Retreating,
    /// The need's gang is preempted in this plan and asks for nothing.
    Evicted,
    /// It has nothing of what the need still lacks.
    NoUse,
    /// Its domain has as many of the need's machines as the spread allows.
    Spread,
    /// A gang buys what it lacks at once, and a quota or a half-open breaker leaves fewer than that.
    Capped,
    /// A gang takes all that it lacks in one domain or nothing, and this would not have been all.
    AllOrNothing,
}

impl Filter {
    /// Every filter, in order.
    pub const ALL: [Self; 23] = [
        Self::Failed,
        Self::Requirement,
        Self::MinUnit,
        Self::TopologyKey,
        Self::Domain,
        Self::Deleting,
        Self::Cordoned,
        Self::Unhealthy,
        Self::InterruptionNotice,
        Self::Cooling,
        Self::HeldBack,
        Self::InTransit,
        Self::NotHeard,
        Self::Held,
        Self::Taken,
        Self::GivingWay,
        Self::Parked,
        Self::Retreating,
        Self::Evicted,
        Self::NoUse,
        Self::Spread,
        Self::Capped,
        Self::AllOrNothing,
    ];

    /// Its name in traces and APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Requirement => "requirement",
            Self::MinUnit => "min_unit",
            Self::TopologyKey => "topology_key",
            Self::Domain => "domain",
            Self::Deleting => "deleting",
            Self::Cordoned => "cordoned",
            Self::Unhealthy => "unhealthy",
            Self::InterruptionNotice => "interruption_notice",
            Self::Cooling => "cooling",
            Self::HeldBack => "held_back",
            Self::InTransit => "in_transit",
            Self::NotHeard => "not_heard",
            Self::Held => "held",
            Self::Taken => "taken",
            Self::GivingWay => "giving_way",
            Self::Parked => "parked",
            Self::Retreating => "retreating",
            Self::Evicted => "evicted",
            Self::NoUse => "no_use",
            Self::Spread => "spread",
            Self::Capped => "capped",
            Self::AllOrNothing => "all_or_nothing",
        }
    }

    /// What it says of a machine, for people.
    pub fn says(self) -> &'static str {
        match self {
            Self::Failed => "have failed",
            Self::Requirement => "do not meet",
            Self::MinUnit => "do not hold the indivisible unit",
            Self::TopologyKey => "have no value for the topology key",
            Self::Domain => "lie in other domains",
            Self::Deleting => "are being given back",
            Self::Cordoned => "are cordoned",
            Self::Unhealthy => "are unhealthy",
            Self::InterruptionNotice => "are under notice of an interruption",
            Self::Cooling => "were turned down by their provider a moment ago",
            Self::HeldBack => "are of a provider, region and type whose breaker is open or whose quota is reached",
            Self::InTransit => "are on their way in or out for others",
            Self::NotHeard => "serve clusters that have not reported",
            Self::Held => "are held by needs that it may not take from",
            Self::Taken => "go to other needs in this plan",
            Self::GivingWay => "belong to gangs that give way to others in this plan",
            Self::Parked => "would do, but it is parked and asks for nothing",
            Self::Retreating => "would do, but its gang retreats and asks for nothing",
            Self::Evicted => "would do, but its gang is preempted in this plan",
            Self::NoUse => "have nothing of what it lacks",
            Self::Spread => "lie where its spread leaves no room",
            Self::Capped => "are more than a quota or a half-open breaker leaves for a gang that buys all at once",
            Self::AllOrNothing => "would not have been enough in any domain, and a gang takes all or nothing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_called_the_same_everywhere_and_stands_in_order() {
        assert!(Filter::ALL.is_sorted());
        for filter in Filter::ALL {
            assert_eq!(serde_json::to_value(filter).expect("it is a name"), filter.name());
        }
    }
}
