//! The course of a cluster's demand: how it starts, and what happens to it later.

/// What a cluster's demand does over time. Times count from the cluster's own start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The steady demand arrives over this time, evenly.
    pub ramp_ms: u64,
    /// Share of the long-lived pods replaced by others in a minute, in parts per million.
    pub churn_ppm_per_minute: u32,
    /// Demand that comes on top for a while.
    pub bursts: Vec<Burst>,
    /// Changes of the steady demand.
    pub steps: Vec<Step>,
}

/// Extra demand for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// When it starts.
    pub at_ms: u64,
    /// Which archetype it is of.
    pub archetype: String,
    /// At least this many pods more, in each cluster that takes part; gangs come whole.
    pub extra_pods: u64,
    /// How long it stays.
    pub duration_ms: u64,
    /// The share of clusters that take part, in parts per million; which ones follows from their ids.
    pub selectivity_ppm: u32,
}

/// A change of the steady demand. The mix stays: every archetype grows or shrinks by the same share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it happens.
    pub at_ms: u64,
    /// The steady demand from then on, as a share of what was planned, in parts per million.
    pub multiplier_ppm: u32,
}

impl Course {
    /// A short ramp and a gentle churn: what `argosy up` runs.
    pub fn lively() -> Self {
        Self { ramp_ms: 20_000, churn_ppm_per_minute: 20_000, ..Self::default() }
    }
}
