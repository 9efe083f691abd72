//! The pods of one cluster: objects with a number of replicas, some bound and some waiting, and what they report.

use argosy_shard::NeedRow;

use super::shape::PodShape;

/// Replicas of one thing: a deployment, or a gang.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) name: String,
    /// Its shape, by number.
    pub(super) shape: usize,
    /// Pods without a machine.
    pub(super) pending: u64,
    /// Machines of the others, in the order of binding.
    pub(super) bound: Vec<usize>,
    /// Where a gang's pods must be, once the first is bound.
    pub(super) anchor: Option<String>,
    /// When it ends by itself.
    pub(super) ends_ms: Option<u64>,
}

impl Object {
    pub(super) fn live(&self) -> u64 {
        self.pending + self.bound.len() as u64
    }
}

/// What goes into a roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Every pod for as long as it lives: demand is conserved.
    EveryPod,
    /// Only pods that wait. What is bound looks like surplus then; the broken arm of a canary.
    PendingPods,
}

/// The pods of one cluster.
#[derive(Clone, Debug)]
pub(super) struct ClusterPods {
    pub(super) name: String,
    pub(super) objects: Vec<Object>,
}

impl ClusterPods {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), objects: Vec::new() }
    }

    /// Adds an object, all of whose pods wait.
    pub(super) fn add(&mut self, name: String, shape: usize, replicas: u64, ends_ms: Option<u64>) {
        self.objects.push(Object { name, shape, pending: replicas, bound: Vec::new(), anchor: None, ends_ms });
    }

    /// What the operator reports: one row for each gang, one for all other pods of a shape.
    pub(super) fn rows(&self, shapes: &[PodShape], reported: Reported) -> Vec<NeedRow> {
        let count = |object: &Object| match reported {
            Reported::EveryPod => object.live(),
            Reported::PendingPods => object.pending,
        };
        let mut plain = vec![0_u64; shapes.len()];
        let mut rows = Vec::new();
        for object in &self.objects {
            let pods = count(object);
            match shapes[object.shape].gang {
                Some(_) if pods > 0 => rows.push(shapes[object.shape].row(pods, &object.name)),
                Some(_) => {}
                None => plain[object.shape] += pods,
            }
        }
        for (shape, pods) in shapes.iter().zip(plain).filter(|(_, pods)| *pods > 0) {
            rows.push(shape.row(pods, ""));
        }
        rows
    }

    /// (waiting, bound) of all objects.
    pub(super) fn counts(&self) -> (u64, u64) {
        let pending = self.objects.iter().map(|object| object.pending).sum();
        (pending, self.objects.iter().map(|object| object.bound.len() as u64).sum())
    }
}
