//! Production traces of a GPU cluster: read, transformed, measured, imitated.
//!
//! The form is that of the openb trace (Alibaba, "Beware of Fragmentation", USENIX ATC 2023): one file of nodes, one of
//! tasks. The data allows research only and is not part of this project; [`synth`] makes look-alikes from aggregate
//! statistics. A [`Trace`] is plain data: whoever replays it turns tasks into demand by [`demand`] and nodes into
//! machines by [`layout`]; [`family`] finds the variants of a trace in a folder, [`tiles`] lays copies of it side by side.
//!
//! Pure but for reading and writing files. Nothing here decides where demand goes, and nothing here knows a shard.

pub mod demand;
pub mod family;
pub mod layout;
pub mod marginals;
pub mod openb;
pub mod problems;
pub mod stats;
pub mod synth;
mod tables;
pub mod tiles;
pub mod transform;
pub mod utilisation;
pub mod write;

/// A thousandth of a GPU is the unit of GPU demand; this many are one GPU.
pub const MILLI_PER_GPU: u64 = 1_000;

/// Nodes and the tasks that ran on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The inventory, in file order.
    pub nodes: Vec<Node>,
    /// The tasks, by arrival and then by name.
    pub tasks: Vec<Task>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Its name, unique in the trace.
    pub name: String,
    /// What it is made of.
    pub shape: NodeShape,
}

/// What nodes have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeShape {
    /// Model of its GPUs; empty without any.
    pub model: String,
    /// How many GPUs.
    pub gpus: u64,
    /// CPU in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name, unique in the trace.
    pub name: String,
    /// CPU in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// GPUs it runs on; 0 for a task without any.
    pub gpus: u64,
    /// The share of each GPU that it takes, in thousandths; 1000 unless it shares a single GPU.
    pub gpu_milli: u64,
    /// GPU models it may run on, sorted; empty for any.
    pub models: Vec<String>,
    /// Its class of service.
    pub qos: Qos,
    /// How it ended.
    pub phase: Phase,
    /// When it arrived, from the beginning of the trace.
    pub arrival_ms: u64,
    /// How long it asked for capacity; `None` when the trace ends first.
    pub lifetime_ms: Option<u64>,
}

impl Task {
    /// All the GPU that it takes, in thousandths of a GPU.
    pub fn total_gpu_milli(&self) -> u64 {
        self.gpus * self.gpu_milli
    }

    /// When it ceases to ask, if it does within the trace.
    pub fn departure_ms(&self) -> Option<u64> {
        self.lifetime_ms.map(|lifetime_ms| self.arrival_ms.saturating_add(lifetime_ms))
    }

    /// Whether a node of this shape can hold it.
    pub fn fits(&self, shape: &NodeShape) -> bool {
        // Tasks without a GPU stay off GPU hosts, as taints make them do where GPUs are scarce.
        let kind = if self.gpus == 0 { shape.gpus == 0 } else { shape.gpus >= self.gpus };
        let model = self.models.is_empty() || self.models.contains(&shape.model);
        kind && model && shape.cpu_milli >= self.cpu_milli && shape.memory_mib >= self.memory_mib
    }
}

/// A class of service, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// BE: whatever is left over.
    BestEffort,
    /// Burstable.
    Burstable,
    /// Guaranteed.
    Guaranteed,
    /// LS: serves requests.
    LatencySensitive,
}

impl Qos {
    /// All of them, lowest first.
    pub const ALL: [Self; 4] = [Self::BestEffort, Self::Burstable, Self::Guaranteed, Self::LatencySensitive];

    /// As the trace spells it.
    pub fn label(self) -> &'static str {
        match self {
            Self::BestEffort => "BE",
            Self::Burstable => "Burstable",
            Self::Guaranteed => "Guaranteed",
            Self::LatencySensitive => "LS",
        }
    }
}

/// How a task stood when the trace was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Never scheduled. It asked for capacity all the same.
    Pending,
    /// Still running.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Not known.
    Unknown,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Unknown];

    /// As the trace spells it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}
