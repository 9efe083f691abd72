//! Lanes in numbers: what each holds and may take, and where its breaker stands.

use argosy_shard::{BreakerState, ShardState};

use crate::metrics::names;

/// Sets the gauges of every lane of a shard.
pub(super) fn measure(shard: &str, state: &ShardState) {
    for lane in state.look_at_lanes() {
        let labels = [
            ("shard", shard.to_owned()),
            ("provider", lane.name.provider.clone()),
            ("region", lane.name.region.clone()),
            ("type", lane.name.instance_type.clone()),
        ];
        let stands = match lane.breaker() {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen { .. } => 1,
            BreakerState::Open { .. } => 2,
        };
        metrics::gauge!(names::LANE_BREAKER, &labels).set(f64::from(stands));
        for (state, count) in [("held", lane.held), ("free", lane.free), ("held_back", lane.held_back)] {
            let labels: Vec<_> = labels.iter().cloned().chain([("state", state.to_owned())]).collect();
            metrics::gauge!(names::LANE_MACHINES, &labels).set(f64::from(count));
        }
    }
}
