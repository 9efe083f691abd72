//! The agent's own code against the real GPUs of this machine: `make test-gpu`.
//!
//! `gpu_check` runs the checks, one line each, and fails if one does, or if there is no GPU. `gpu_check once` prints a snapshot as
//! JSON. `gpu_check log` reads the kernel's log to its end. It needs no server, no CUDA and no configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use argosy_agent::gpu::{Expected, Gpus as _, Look, NvmlGpus, registered};
use argosy_agent::host::Host;
use argosy_agent::kernel_log::{DEVICE, KernelLog as _, KmsgDevice};
use argosy_agent::pci::PciAddress;
use argosy_agent::snapshot;
use argosy_proto::argosy::v1::{GpuDevice, GpuDriverState, GpuSample};

/// Long enough for the kernel to count processor time.
const BETWEEN: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => check(),
        Some("once") => once(),
        Some("log") => log(),
        Some(other) => {
            eprintln!("gpu_check: '{other}' is neither 'once' nor 'log'");
            ExitCode::from(2)
        }
    }
}

fn look() -> Look {
    NvmlGpus::new(None, Expected::OnBus, Host::default()).look()
}

fn once() -> ExitCode {
    let host = Host::default();
    let begun = host.cpu();
    std::thread::sleep(BETWEEN);
    let look = look();
    let inventory = snapshot::inventory(&host, "", &look);
    let (sample, _) = snapshot::sample(&host, begun, &look);
    let faults = KmsgDevice::open(Path::new(DEVICE)).and_then(|mut log| snapshot::faults(&mut log, &look));
    println!("{:#}", snapshot::to_json(&inventory, &sample, &look, faults));
    ExitCode::SUCCESS
}

fn log() -> ExitCode {
    let begun = Instant::now();
    let mut log = match KmsgDevice::open(Path::new(DEVICE)) {
        Ok(log) => log,
        Err(error) => {
            println!("{DEVICE} cannot be opened: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut records = 0;
    let end = loop {
        match log.next() {
            Ok(Some(entry)) => {
                records += 1;
                if entry.text.contains("NVRM") || entry.text.contains("nvidia") {
                    println!("{} {} {}", entry.sequence, entry.boottime_ms, entry.text);
                }
            }
            Ok(None) => break "its end".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    println!("{records} records of the kernel read to {end}, {} lost, in {:?}", log.lost(), begun.elapsed());
    ExitCode::SUCCESS
}

/// The checks that have been made.
#[derive(Default)]
struct Checks {
    failed: u32,
}

impl Checks {
    fn that(&mut self, holds: bool, what: &str, found: impl std::fmt::Display) {
        self.failed += u32::from(!holds);
        println!("{} {what}: {found}", if holds { "ok    " } else { "FAILED" });
    }
}

fn check() -> ExitCode {
    let mut gpus = NvmlGpus::new(None, Expected::OnBus, Host::default());
    let mut checks = Checks::default();
    let look = gpus.look();
    if look.driver.state() == GpuDriverState::Absent {
        println!("FAILED this machine has no NVIDIA GPU: nothing on its PCI bus, and no driver");
        return ExitCode::FAILURE;
    }
    checks.that(look.driver.state() == GpuDriverState::Working, "the driver works", &look.driver.error);
    checks.that(!look.driver.version.is_empty(), "the driver says its version", &look.driver.version);
    checks.that(!look.driver.cuda_version.is_empty(), "and the newest CUDA that it runs", &look.driver.cuda_version);
    checks.that(!look.devices.is_empty(), "there are GPUs", look.devices.len());
    checks.that(look.lost.is_empty(), "none is lost", format!("{:?}", look.lost));
    for (device, sample) in look.devices.iter().zip(&look.samples) {
        check_device(&mut checks, device, sample);
    }
    match registered(None) {
        Ok(events) => {
            let all = events.devices.len() == look.devices.len();
            checks.that(all, "every GPU delivers its XIDs", format!("{events:?}"));
        }
        Err(error) => checks.that(false, "events can be registered", error),
    }
    compare(&mut checks, &look);
    let again = gpus.look();
    checks.that(again.devices == look.devices, "a second look sees the same devices", again.devices.len());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    checks.that(maps.contains("libnvidia-ml"), "NVIDIA's management library is loaded", "libnvidia-ml");
    checks.that(!maps.contains("libcuda"), "CUDA is not", "no libcuda");
    println!(
        "{}",
        if checks.failed == 0 { "all checks passed".to_owned() } else { format!("{} checks failed", checks.failed) }
    );
    if checks.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check_device(checks: &mut Checks, device: &GpuDevice, sample: &GpuSample) {
    let who = |what: &str| format!("GPU {}: {what}", device.index);
    checks.that(device.uuid.starts_with("GPU-"), &who("has a UUID"), &device.uuid);
    checks.that(!device.name.is_empty(), &who("has a name"), &device.name);
    checks.that(PciAddress::parse(&device.pci_bus_id).is_some(), &who("has an address"), &device.pci_bus_id);
    checks.that(
        device.memory_bytes.is_some_and(|bytes| bytes > 1 << 30),
        &who("has memory"),
        format!("{:?}", device.memory_bytes),
    );
    let range = |value: Option<u32>, low: u32, high: u32| value.is_some_and(|value| (low..=high).contains(&value));
    checks.that(
        range(sample.temperature_celsius, 5, 110),
        &who("temperature"),
        format!("{:?}", sample.temperature_celsius),
    );
    checks.that(
        range(sample.power_milliwatts, 1_000, 2_000_000),
        &who("power"),
        format!("{:?}", sample.power_milliwatts),
    );
    checks.that(
        range(sample.utilization_percent, 0, 100),
        &who("utilization"),
        format!("{:?}", sample.utilization_percent),
    );
    let fits = sample.memory_used_bytes <= device.memory_bytes && sample.memory_used_bytes.is_some();
    checks.that(fits, &who("memory in use"), format!("{:?}", sample.memory_used_bytes));
    checks.that(sample.failed_queries.is_empty(), &who("no query failed"), format!("{:?}", sample.failed_queries));
}

/// Against `nvidia-smi`, where there is one.
fn compare(checks: &mut Checks, look: &Look) {
    let fields = "uuid,driver_version,temperature.gpu,memory.total,pcie.link.width.current,vbios_version";
    let asked =
        Command::new("nvidia-smi").arg(format!("--query-gpu={fields}")).arg("--format=csv,noheader,nounits").output();
    let Ok(output) = asked else {
        println!("-      there is no nvidia-smi to compare with");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: BTreeMap<&str, Vec<&str>> = text
        .lines()
        .map(|line| line.split(',').map(str::trim).collect::<Vec<_>>())
        .filter_map(|cells| Some((*cells.first()?, cells)))
        .collect();
    checks.that(rows.len() == look.devices.len(), "nvidia-smi lists as many", rows.len());
    for (device, sample) in look.devices.iter().zip(&look.samples) {
        let cell = |at: usize| rows.get(device.uuid.as_str()).and_then(|cells| cells.get(at)).copied().unwrap_or("");
        let number = |at: usize| cell(at).parse::<u64>().ok();
        let who = |what: &str| format!("GPU {}: nvidia-smi agrees on its {what}", device.index);
        checks.that(cell(1) == look.driver.version, &who("driver"), cell(1));
        let apart = number(2).zip(sample.temperature_celsius).map(|(theirs, ours)| theirs.abs_diff(u64::from(ours)));
        checks.that(apart.is_some_and(|degrees| degrees <= 5), &who("temperature"), cell(2));
        let mebibytes = device.memory_bytes.map(|bytes| bytes >> 20);
        let near = number(3).zip(mebibytes).is_some_and(|(theirs, ours)| theirs.abs_diff(ours) <= ours / 50);
        checks.that(near, &who("memory"), format!("{} and {mebibytes:?} MiB", cell(3)));
        checks.that(number(4) == sample.pcie_width.map(u64::from), &who("PCIe lanes"), cell(4));
        checks.that(device.vbios.as_deref().is_none_or(|vbios| vbios == cell(5)), &who("VBIOS"), cell(5));
    }
}
