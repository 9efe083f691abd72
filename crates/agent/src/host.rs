//! The machine under the agent: what `/proc` and `/sys` say. A seam: tests and simulated worlds give folders of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::pci::PciAddress;

/// NVIDIA's number as a maker of PCI devices.
const NVIDIA: &str = "0x10de";
/// PCI classes of a GPU: VGA controller and 3D controller.
const GPU_CLASSES: [&str; 2] = ["0x0300", "0x0302"];
/// A device with this driver belongs to a virtual machine.
const PASSED_THROUGH: &str = "vfio-pci";

/// Where the kernel shows itself.
#[derive(Clone, Debug)]
pub struct Host {
    proc: PathBuf,
    sys: PathBuf,
}

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since boot.
    pub boottime_ms: u64,
    /// The wall clock.
    pub unix_ms: i64,
}

/// Processor time since boot, in the kernel's ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTicks {
    /// Of all CPUs together.
    pub total: u64,
    /// Not idle, and not waiting for a disk.
    pub busy: u64,
}

/// Memory of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Installed, less what the kernel keeps for itself.
    pub total_bytes: u64,
    /// What a new program could have.
    pub available_bytes: u64,
}

impl Default for Host {
    fn default() -> Self {
        Self::at(Path::new("/"))
    }
}

impl Host {
    /// The machine whose `proc` and `sys` lie under `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { proc: root.join("proc"), sys: root.join("sys") }
    }

    fn read(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn kernel(&self, name: &str) -> Option<String> {
        Self::read(&self.proc.join("sys/kernel").join(name))
    }

    /// Of the running kernel; empty where the kernel does not say, which makes every start a new boot.
    #[must_use]
    pub fn boot_id(&self) -> String {
        self.kernel("random/boot_id").unwrap_or_default()
    }

    /// The machine's name.
    #[must_use]
    pub fn hostname(&self) -> String {
        self.kernel("hostname").unwrap_or_default()
    }

    /// The kernel's release.
    #[must_use]
    pub fn release(&self) -> String {
        self.kernel("osrelease").unwrap_or_default()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        let uptime = Self::read(&self.proc.join("uptime"));
        let seconds = uptime.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let boottime_ms = (seconds * 1_000.0).max(0.0) as u64;
        Moment { boottime_ms, unix_ms: i64::try_from(wall).unwrap_or(i64::MAX) }
    }

    /// Processor time so far.
    #[must_use]
    pub fn cpu(&self) -> Option<CpuTicks> {
        let stat = Self::read(&self.proc.join("stat"))?;
        let first = stat.lines().next()?.strip_prefix("cpu ")?;
        // user nice system idle iowait irq softirq steal; guest time is within user.
        let ticks: Vec<u64> = first.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
        let waiting: u64 = ticks.get(3)? + ticks.get(4).copied().unwrap_or(0);
        let total: u64 = ticks.iter().sum();
        Some(CpuTicks { total, busy: total - waiting })
    }

    /// How many CPUs the kernel uses.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        let stat = Self::read(&self.proc.join("stat")).unwrap_or_default();
        let of_one =
            |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        u32::try_from(stat.lines().filter(of_one).count()).unwrap_or(u32::MAX)
    }

    /// Memory.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let text = Self::read(&self.proc.join("meminfo"))?;
        let kilobytes = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let bytes = |key| kilobytes(key).map(|kb| kb.saturating_mul(1024));
        Some(Memory { total_bytes: bytes("MemTotal")?, available_bytes: bytes("MemAvailable")? })
    }

    /// One minute's load average.
    #[must_use]
    pub fn load(&self) -> Option<f64> {
        Self::read(&self.proc.join("loadavg"))?.split_whitespace().next()?.parse().ok()
    }

    /// The host's reference at its provider, where the firmware carries it: as EC2 puts it into the board's asset tag.
    #[must_use]
    pub fn instance_id(&self) -> Option<String> {
        let tag = Self::read(&self.sys.join("class/dmi/id/board_asset_tag"))?;
        let shaped =
            tag.strip_prefix("i-").is_some_and(|id| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        shaped.then_some(tag)
    }

    /// The NVIDIA GPUs on the PCI bus that this kernel has not handed to a virtual machine, whatever their driver says; `None` when
    /// the bus cannot be seen.
    #[must_use]
    pub fn gpus_on_bus(&self) -> Option<Vec<PciAddress>> {
        let devices = fs::read_dir(self.sys.join("bus/pci/devices")).ok()?;
        let mut found: Vec<PciAddress> = devices.filter_map(|entry| gpu_at(&entry.ok()?.path())).collect();
        found.sort_unstable();
        Some(found)
    }
}

fn gpu_at(device: &Path) -> Option<PciAddress> {
    let says = |name: &str| Host::read(&device.join(name)).unwrap_or_default();
    let is_gpu = says("vendor") == NVIDIA && GPU_CLASSES.iter().any(|class| says("class").starts_with(class));
    let driver = fs::read_link(device.join("driver")).ok();
    let passed_through = driver.is_some_and(|link| link.ends_with(PASSED_THROUGH));
    (is_gpu && !passed_through).then(|| PciAddress::parse(device.file_name()?.to_str()?)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("created");
            fs::write(path, text).expect("written");
        }
        let host = Host::at(root.path());
        (root, host)
    }

    #[test]
    fn processor_memory_and_load_are_read() {
        let (_root, host) = machine(&[
            (
                "proc/stat",
                "cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 50 0 25 400 25 0 0 0 0 0\ncpu1 50 0 25 400 25 0 0 0 0 0\nintr 1\n",
            ),
            ("proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    600 kB\n"),
            ("proc/loadavg", "1.50 1.00 0.50 1/2 3\n"),
            ("proc/uptime", "12.34 20.00\n"),
            ("proc/sys/kernel/random/boot_id", "b-1\n"),
        ]);
        assert_eq!(host.cpu(), Some(CpuTicks { total: 1_000, busy: 150 }));
        assert_eq!(host.cpus(), 2);
        assert_eq!(host.memory(), Some(Memory { total_bytes: 1_024_000, available_bytes: 614_400 }));
        assert_eq!(host.load(), Some(1.5));
        assert_eq!((host.now().boottime_ms, host.boot_id()), (12_340, "b-1".to_owned()));
    }

    #[test]
    fn a_machine_that_says_nothing_is_unknown_and_not_zero() {
        let (_root, host) = machine(&[("proc/stat", "cpu x\n"), ("proc/meminfo", "MemTotal: 5 kB\n")]);
        assert_eq!((host.cpu(), host.memory(), host.load(), host.instance_id()), (None, None, None, None));
        assert_eq!(host.gpus_on_bus(), None);
    }

    #[test]
    fn gpus_are_found_on_the_bus_without_their_driver_and_only_if_they_are_ours() {
        let at = |address: &str, name: &str| format!("sys/bus/pci/devices/{address}/{name}");
        let mut files = Vec::new();
        for (address, vendor, class) in [
            ("0000:3b:00.0", "0x10de\n", "0x030200\n"),
            ("0000:86:00.0", "0x10de\n", "0x030000\n"),
            ("0000:87:00.0", "0x10de\n", "0x030200\n"),
            ("0000:3b:00.1", "0x10de\n", "0x040300\n"),
            ("0000:05:00.0", "0x10de\n", "0x068000\n"),
            ("0000:00:02.0", "0x8086\n", "0x030000\n"),
        ] {
            files.push((at(address, "vendor"), vendor));
            files.push((at(address, "class"), class));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (root, host) = machine(&files);
        let passed = root.path().join(at("0000:87:00.0", "driver"));
        std::os::unix::fs::symlink("../../bus/pci/drivers/vfio-pci", passed).expect("linked");
        let found: Vec<_> = host.gpus_on_bus().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["00000000:3b:00.0", "00000000:86:00.0"]);
    }
}
