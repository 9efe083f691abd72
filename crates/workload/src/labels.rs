//! Label keys that requirements and offerings speak of.

/// The provider's name for a machine's shape.
pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// The region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// The zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// The rack: the innermost failure domain, and for GPU hosts the block under one leaf fabric.
pub const RACK: &str = "topology.bigfleet/rack";
/// The model of a machine's GPUs.
pub const GPU_MODEL: &str = "argosy.dev/gpu-model";
/// Thousandths of a GPU, the dimension of fractional demand (ADR 0030).
pub const GPU_MILLI: &str = "argosy.dev/gpu-milli";
