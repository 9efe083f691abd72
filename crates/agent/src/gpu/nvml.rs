//! [`Gpus`] over NVIDIA's library, which is loaded when it is first needed and again after it was lost.

use std::path::{Path, PathBuf};

use argosy_proto::argosy::v1::{GpuDriver, GpuDriverState};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Nvml, cuda_driver_version_major, cuda_driver_version_minor};

use super::sample::is_driver_gone;
use super::{Gpus, Look, LostDevice, device, sample};
use crate::host::Host;
use crate::pci::PciAddress;

/// How many GPUs a machine should have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// As many as the PCI bus shows.
    #[default]
    OnBus,
    /// This many; none is a machine without GPUs, whatever is on its bus.
    Count(u32),
}

/// A machine's GPUs, through NVML.
#[derive(Debug)]
pub struct NvmlGpus {
    library: Option<PathBuf>,
    expected: Expected,
    host: Host,
    nvml: Option<Nvml>,
}

impl NvmlGpus {
    /// GPUs behind the library at `library`, or behind the one that the system finds under its usual name.
    #[must_use]
    pub fn new(library: Option<PathBuf>, expected: Expected, host: Host) -> Self {
        Self { library, expected, host, nvml: None }
    }

    /// A driver that cannot be asked: lost where there should be GPUs, absent where not.
    fn without_driver(&self, error: &NvmlError) -> Look {
        let on_bus = self.host.gpus_on_bus();
        let expected = match (self.expected, &on_bus) {
            (Expected::Count(count), _) => count > 0,
            (Expected::OnBus, Some(on_bus)) => !on_bus.is_empty(),
            // A library that is there was put there for something.
            (Expected::OnBus, None) => !matches!(error, NvmlError::LibloadingError(_)),
        };
        if !expected {
            return absent();
        }
        let driver = GpuDriver { state: GpuDriverState::Lost.into(), error: error.to_string(), ..GpuDriver::default() };
        let lost =
            on_bus.unwrap_or_default().into_iter().map(|at| unreachable(at, "the driver cannot be asked")).collect();
        Look { driver, lost, ..Look::default() }
    }

    fn ask(nvml: &Nvml) -> Result<Look, NvmlError> {
        let mut look = Look { driver: driver(nvml)?, ..Look::default() };
        for index in 0..nvml.device_count()? {
            let described = nvml.device_by_index(index).and_then(|found| Ok((device::describe(&found, index)?, found)));
            let (about, found) = match described {
                Ok(described) => described,
                Err(error) => {
                    look.lost.push(LostDevice {
                        index: Some(index),
                        error: error.to_string(),
                        ..LostDevice::default()
                    });
                    continue;
                }
            };
            let (numbers, lost) = sample::sample(&found, index, &about.uuid, about.nvlinks.unwrap_or(0));
            match lost {
                Some(error) => look.lost.push(LostDevice {
                    index: Some(index),
                    pci_bus_id: about.pci_bus_id,
                    uuid: about.uuid,
                    error,
                }),
                None => {
                    look.samples.push(numbers);
                    look.devices.push(about);
                }
            }
        }
        Ok(look)
    }

    /// Adds what the bus, or the site, knows and the driver does not list.
    fn add_missing(&self, look: &mut Look) {
        let listed = |look: &Look, address: &str| {
            look.devices
                .iter()
                .map(|device| &device.pci_bus_id)
                .chain(look.lost.iter().map(|lost| &lost.pci_bus_id))
                .any(|known| known == address)
        };
        // A device without an address of its own may be any of those that are missing.
        let nameless = look.lost.iter().filter(|lost| lost.pci_bus_id.is_empty()).count();
        let missing: Vec<PciAddress> = self
            .host
            .gpus_on_bus()
            .unwrap_or_default()
            .into_iter()
            .filter(|address| !listed(look, &address.to_string()))
            .collect();
        match self.expected {
            Expected::OnBus => {
                look.lost.extend(
                    missing.into_iter().skip(nameless).map(|at| unreachable(at, "the driver does not list it")),
                );
            }
            Expected::Count(count) => {
                let known = u32::try_from(look.devices.len() + look.lost.len()).unwrap_or(u32::MAX);
                for _ in known..count {
                    let error = format!("the site expects {count} GPUs and the driver lists fewer");
                    look.lost.push(LostDevice { error, ..LostDevice::default() });
                }
            }
        }
    }
}

/// A machine without GPUs.
fn absent() -> Look {
    let driver = GpuDriver { state: GpuDriverState::Absent.into(), ..GpuDriver::default() };
    Look { driver, ..Look::default() }
}

fn unreachable(address: PciAddress, why: &str) -> LostDevice {
    LostDevice { pci_bus_id: address.to_string(), error: why.to_owned(), ..LostDevice::default() }
}

/// Loads and initialises the library.
///
/// # Errors
/// What the loader or the driver said.
pub(super) fn load(library: Option<&Path>) -> Result<Nvml, NvmlError> {
    let mut builder = Nvml::builder();
    if let Some(path) = library {
        builder.lib_path(path.as_os_str());
    }
    builder.init()
}

fn driver(nvml: &Nvml) -> Result<GpuDriver, NvmlError> {
    let cuda = nvml.sys_cuda_driver_version().ok();
    Ok(GpuDriver {
        state: GpuDriverState::Working.into(),
        version: nvml.sys_driver_version()?,
        nvml_version: nvml.sys_nvml_version().unwrap_or_default(),
        cuda_version: cuda
            .map(|version| format!("{}.{}", cuda_driver_version_major(version), cuda_driver_version_minor(version)))
            .unwrap_or_default(),
        error: String::new(),
    })
}

impl Gpus for NvmlGpus {
    fn look(&mut self) -> Look {
        if self.expected == Expected::Count(0) {
            return absent();
        }
        let asked = match self.nvml.take() {
            Some(nvml) => Ok(nvml),
            None => load(self.library.as_deref()),
        };
        let answered = asked.and_then(|nvml| match Self::ask(&nvml) {
            Ok(look) => Ok((look, Some(nvml))),
            // The library is let go, so that a driver that was loaded again is found.
            Err(error) if is_driver_gone(&error) => Err(error),
            Err(error) => {
                tracing::debug!(%error, "a look at the GPUs failed");
                self.nvml = Some(nvml);
                Err(error)
            }
        });
        match answered {
            Ok((mut look, nvml)) => {
                self.nvml = nvml;
                self.add_missing(&mut look);
                look
            }
            Err(error) => self.without_driver(&error),
        }
    }
}
