//! GPUs, as their driver tells of them through NVML.
//!
//! [`Gpus`] is the seam: production asks NVIDIA's library ([`NvmlGpus`]), tests of the same code load a stand-in for it, and simulated
//! worlds bring machines of their own. What a device does not support is absent; what fails is named; a driver that cannot be asked is
//! told as lost. Nobody here makes up a device.

mod ask;
mod device;
mod nvml;
mod sample;
mod thread;
mod xids;

use argosy_proto::argosy::v1::{GpuDevice, GpuDriver, GpuSample};

pub use device::throttle_names;
pub use nvml::{Expected, NvmlGpus};
pub use thread::{GpuThread, Stuck};
pub use xids::{NvmlXid, Registered, XidThread, registered};

/// What one look at a machine's GPUs finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// State of the driver.
    pub driver: GpuDriver,
    /// The devices that answer, in NVML's order.
    pub devices: Vec<GpuDevice>,
    /// Their numbers, in the same order.
    pub samples: Vec<GpuSample>,
    /// The devices that are there and do not answer.
    pub lost: Vec<LostDevice>,
}

/// A device that the driver or the bus knows, and that cannot be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostDevice {
    /// NVML's index, where it is by NVML that we know of it.
    pub index: Option<u32>,
    /// In the form of [`crate::pci::PciAddress`]; empty when not known.
    pub pci_bus_id: String,
    /// Empty when not known.
    pub uuid: String,
    /// What the driver said.
    pub error: String,
}

/// A machine's GPUs. A look may take long and may hang: see [`GpuThread`].
pub trait Gpus: Send + 'static {
    /// Looks at all of them.
    fn look(&mut self) -> Look;
}
