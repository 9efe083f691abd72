//! A folder with a copy of the stand-in, its script, and a machine's `/sys`.

use std::fs;
use std::path::{Path, PathBuf};

use argosy_agent::gpu::{Expected, NvmlGpus};
use argosy_agent::host::Host;
use nvml_standin::{SCRIPT_NAME, built_library};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    /// A machine with this script and these GPUs on its bus.
    pub(crate) fn new(script: &Value, on_bus: &[&str]) -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder") };
        let built = built_library().expect("cargo builds the stand-in for this test");
        fs::copy(built, stage.library()).expect("copied");
        stage.play(script);
        for address in on_bus {
            let device = stage.root().join("sys/bus/pci/devices").join(address);
            fs::create_dir_all(&device).expect("created");
            fs::write(device.join("vendor"), "0x10de\n").expect("written");
            fs::write(device.join("class"), "0x030200\n").expect("written");
        }
        stage
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.root().join("libnvidia-ml.so.1")
    }

    pub(crate) fn host(&self) -> Host {
        Host::at(self.root())
    }

    pub(crate) fn gpus(&self, expected: Expected) -> NvmlGpus {
        NvmlGpus::new(Some(self.library()), expected, self.host())
    }

    /// Changes the script, all at once.
    pub(crate) fn play(&self, script: &Value) {
        let next = self.root().join("next.json");
        fs::write(&next, script.to_string()).expect("written");
        fs::rename(next, self.root().join(SCRIPT_NAME)).expect("renamed");
    }

    /// The GPUs leave the bus.
    pub(crate) fn clear_bus(&self) {
        fs::remove_dir_all(self.root().join("sys/bus/pci/devices")).expect("removed");
        fs::create_dir_all(self.root().join("sys/bus/pci/devices")).expect("created");
    }
}

/// A driver with these devices.
pub(crate) fn driver(gpus: &[Value]) -> Value {
    json!({"driver_version": "550.54.15", "nvml_version": "12.550.54.15", "cuda_version": 12040, "gpus": gpus})
}

/// A data-centre GPU that answers nearly everything.
pub(crate) fn gpu(index: u32) -> Value {
    json!({
        "index": index,
        "uuid": format!("GPU-{index}"),
        "name": "NVIDIA H100 80GB HBM3",
        "serial": "165",
        "vbios": "96.00.74.00.01",
        "pci_bus_id": format!("00000000:{:02X}:00.0", 0x3b + index),
        "architecture": 9,
        "memory": [85_899_345_920_u64, 500_000_000, 80_000_000_000_u64, 5_399_345_920_u64],
        "temperature": 34, "power_usage": 71_500, "power_limit": 700_000, "energy": 12_345_678,
        "utilization": [7, 3], "clock_sm": 345, "clock_memory": 2619, "performance_state": 0,
        "throttle_reasons": 1, "event_types": 31,
        "ecc_mode": [1, 1], "mig_mode": [0, 0], "ecc_volatile": [2, 0], "ecc_aggregate": [9, 1],
        "pcie_generation": 5, "pcie_generation_max": 5, "pcie_width": 16, "pcie_width_max": 16, "pcie_replays": 0,
        "nvlinks": [{"active": true, "errors": [1, 0, 0, 0]}, {"active": false, "errors": [0, 0, 0, 0]}],
        "fields": {"82": 41, "142": 3, "143": 1, "144": 0, "145": 0, "230": 0},
    })
}

/// The bus addresses of [`gpu`], as sysfs writes them.
pub(crate) fn bus(gpus: u32) -> Vec<String> {
    (0..gpus).map(|index| format!("0000:{:02x}:00.0", 0x3b + index)).collect()
}

/// A stage with `gpus` healthy ones.
pub(crate) fn healthy(gpus: u32) -> Stage {
    let devices: Vec<_> = (0..gpus).map(gpu).collect();
    let bus = bus(gpus);
    Stage::new(&driver(&devices), &bus.iter().map(String::as_str).collect::<Vec<_>>())
}
