//! The agent's NVML code over a stand-in for NVIDIA's library, loaded by path like the real one.

mod faults;
mod machine;
mod stage;
mod xids;
