//! Hints of available capacity: for each profile that a cluster asks for, whether more of it could be had.
//!
//! A hint goes out only when it differs from the last one, and at most every five seconds for each cluster and profile.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_model::{MicroUsd, Operator, Profile, ProfileIx, State, Vocabulary};
use argosy_proto::bigfleet::v1alpha1::available_capacity_update::Confidence;
use argosy_proto::bigfleet::v1alpha1::node_selector_requirement::Operator as WireOperator;
use argosy_proto::bigfleet::v1alpha1::{AvailableCapacityUpdate, NodeSelectorRequirement};
use argosy_shard::ShardState;
use tokio::time::Instant;

use super::Hub;

/// Least time between two hints of one profile to one cluster.
const PAUSE: Duration = Duration::from_secs(5);

/// What could be had for a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    confidence: Confidence,
    machines: usize,
    cheapest: MicroUsd,
}

/// The hints that one session has been given.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<ProfileIx, (Offer, Instant)>);

impl Told {
    /// Whether this offer is to be told now; if so, it is noted.
    fn is_news(&mut self, profile: ProfileIx, offer: Offer, now: Instant) -> bool {
        let news = match self.0.get(&profile) {
            Some((told, at)) => *told != offer && now.duration_since(*at) >= PAUSE,
            None => true,
        };
        if news {
            self.0.insert(profile, (offer, now));
        }
        news
    }
}

impl Hub {
    /// Tells every attached cluster what has changed about the capacity that it asks for.
    pub(crate) fn hint(&self) {
        if fires(Failpoint::HintUntold) {
            return;
        }
        let view = self.view();
        let (state, now) = (&view.state, Instant::now());
        let words = &state.fleet().words;
        let mut offers = BTreeMap::new();
        for (cluster, taken) in &mut self.lock().by_cluster {
            let Some(holder) = words.find_cluster(cluster) else { continue };
            for need in state.demand().of_cluster(holder) {
                let profile = need.key.profile;
                let offer = *offers.entry(profile).or_insert_with(|| offer(state, words.profile_of(profile)));
                if taken.hints.is_news(profile, offer, now) {
                    taken.outbox.hint(update(words, words.profile_of(profile), offer));
                }
            }
        }
    }
}

/// Idle machines give high confidence, slots that could be bought a medium one.
fn offer(state: &ShardState, profile: &Profile) -> Offer {
    let fleet = state.fleet();
    for (free, confidence) in [(State::Idle, Confidence::High), (State::Speculative, Confidence::Medium)] {
        let mut offer = Offer { confidence, machines: 0, cheapest: MicroUsd(u64::MAX) };
        for (shape, members) in fleet.classes().of(free, None) {
            let shape = fleet.words.shape_of(shape);
            if profile.admits(shape, &fleet.words) {
                offer.machines += members.len();
                offer.cheapest = offer.cheapest.min(shape.price);
            }
        }
        if offer.machines > 0 {
            return offer;
        }
    }
    Offer { confidence: Confidence::None, machines: 0, cheapest: MicroUsd(0) }
}

fn update(words: &Vocabulary, profile: &Profile, offer: Offer) -> AvailableCapacityUpdate {
    AvailableCapacityUpdate {
        supersedes_key: format!("available:{}", words.fingerprint(profile)),
        requirements: requirements(words, profile),
        resources: None,
        available_count: i32::try_from(offer.machines).unwrap_or(i32::MAX),
        confidence: offer.confidence as i32,
        cost_per_hour: offer.cheapest.to_usd(),
    }
}

/// The conditions of a profile, as the wire has them.
pub(crate) fn requirements(words: &Vocabulary, profile: &Profile) -> Vec<NodeSelectorRequirement> {
    let wire = |operator| match operator {
        Operator::In => WireOperator::In,
        Operator::NotIn => WireOperator::NotIn,
        Operator::Exists => WireOperator::Exists,
        Operator::DoesNotExist => WireOperator::DoesNotExist,
        Operator::Same => WireOperator::Same,
    };
    let conditions = profile.requirements().iter();
    conditions
        .map(|condition| NodeSelectorRequirement {
            key: words.text(condition.key).to_owned(),
            operator: wire(condition.operator) as i32,
            values: condition.values.iter().map(|value| words.text(*value).to_owned()).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer_of(machines: usize) -> Offer {
        Offer { confidence: Confidence::High, machines, cheapest: MicroUsd(1) }
    }

    #[test]
    fn a_hint_is_told_when_it_differs_and_at_most_every_five_seconds() {
        let (mut told, profile) = (Told::default(), ProfileIx::from_index(0));
        let begin = Instant::now();
        assert!(told.is_news(profile, offer_of(1), begin));
        assert!(!told.is_news(profile, offer_of(2), begin + PAUSE / 2));
        assert!(told.is_news(profile, offer_of(2), begin + PAUSE));
        assert!(!told.is_news(profile, offer_of(2), begin + PAUSE * 9));
        assert!(told.is_news(ProfileIx::from_index(1), offer_of(2), begin));
    }
}
