//! The workload catalogue, and simulated clusters that follow it.
