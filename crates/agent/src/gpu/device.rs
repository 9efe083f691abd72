//! What a device is: the part that does not change from second to second.

use argosy_proto::argosy::v1::GpuDevice;
use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::error::NvmlError;

use super::ask::Answers;
use crate::pci::PciAddress;

/// No device has more.
const MOST_LINKS: u32 = 18;

/// Describes a device.
///
/// # Errors
/// When it cannot say who it is: without a UUID nothing that it says could be told of anybody.
pub(super) fn describe(device: &Device<'_>, index: u32) -> Result<GpuDevice, NvmlError> {
    let uuid = device.uuid()?;
    let mut answers = Answers::default();
    let pci = answers.take("pci", device.pci_info());
    let ecc = answers.take("ecc_mode", device.is_ecc_enabled());
    let mig = answers.take("mig_mode", device.mig_mode());
    let links = links(device);
    Ok(GpuDevice {
        index,
        uuid,
        name: answers.take("name", device.name()).unwrap_or_default(),
        pci_bus_id: pci.map(|pci| spelled(&pci.bus_id)).unwrap_or_default(),
        memory_bytes: answers.take("memory", device.memory_info()).map(|memory| memory.total),
        serial: answers.take("serial", device.serial()),
        vbios: answers.take("vbios", device.vbios_version()),
        power_limit_milliwatts: answers.take("power_limit", device.enforced_power_limit()),
        pcie_generation_max: answers.take("pcie_generation_max", device.max_pcie_link_gen()),
        pcie_width_max: answers.take("pcie_width_max", device.max_pcie_link_width()),
        ecc_enabled: ecc.map(|mode| mode.currently_enabled),
        mig_enabled: mig.map(|mode| mode.current == 1),
        architecture: answers.take("architecture", device.architecture()).map(|name| name.to_string()),
        nvlinks: (links > 0).then_some(links),
        nvlink_domain: None,
    })
}

/// One spelling for addresses, and the driver's own where it is not one that we know.
fn spelled(bus_id: &str) -> String {
    PciAddress::parse(bus_id).map_or_else(|| bus_id.to_lowercase(), |address| address.to_string())
}

/// How many NVLinks the device has, up or down.
pub(super) fn links(device: &Device<'_>) -> u32 {
    let exists = |link: &u32| device.link_wrapper_for(*link).is_active().is_ok();
    u32::try_from((0..MOST_LINKS).take_while(exists).count()).unwrap_or(0)
}

/// The names of the reasons in `bits`, sorted: why the clocks are held down.
#[must_use]
pub fn throttle_names(bits: u64) -> Vec<String> {
    let known = [
        (ThrottleReasons::GPU_IDLE, "idle"),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, "applications_clocks"),
        (ThrottleReasons::SW_POWER_CAP, "sw_power_cap"),
        (ThrottleReasons::HW_SLOWDOWN, "hw_slowdown"),
        (ThrottleReasons::SYNC_BOOST, "sync_boost"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "sw_thermal_slowdown"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "hw_thermal_slowdown"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "hw_power_brake"),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, "display_clocks"),
    ];
    let mut names: Vec<String> =
        known.iter().filter(|(reason, _)| bits & reason.bits() != 0).map(|(_, name)| (*name).to_owned()).collect();
    names.sort_unstable();
    names
}
