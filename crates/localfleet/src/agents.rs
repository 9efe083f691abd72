//! The node agents of a local fleet: one real `argosy agent` process for each machine with a host, over mutual TLS.
//!
//! What is not real is below the agent: its kernel's log is a file, and its GPUs are those of the stand-in for NVIDIA's library, which
//! follows a script. Without the library its machines have no GPUs, and what befalls them stands in the kernel's log alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use argosy_proto::authz::Role;
use argosy_server::join::JoinToken;
use argosy_server::pki::write_private;
use serde_json::{Value, json};

use crate::blueprint::Blueprint;
use crate::certificates;
use crate::error::FleetError;
use crate::files::{Layout, put};
use crate::process::{Launch, Process};

/// GPUs of a machine.
const GPUS: usize = 8;
/// The file under which an agent finds NVIDIA's library, and beside it the stand-in's script.
const LIBRARY: &str = "libnvidia-ml.so.1";
const SCRIPT: &str = "nvml.json";
const KERNEL_LOG: &str = "kernel.log";
/// How long an agent may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// The agents that run.
#[derive(Debug)]
pub struct Agents {
    program: PathBuf,
    library: Option<PathBuf>,
    layout: Layout,
    blueprint: Blueprint,
    token: Option<JoinToken>,
    hosts: BTreeMap<String, Host>,
}

/// A machine's host and the agent on it.
#[derive(Debug)]
struct Host {
    reference: String,
    folder: PathBuf,
    agent: Process,
}

impl Agents {
    /// None yet. `library` is the stand-in for NVIDIA's library, where there is one.
    pub fn new(program: PathBuf, library: Option<PathBuf>, layout: &Layout, blueprint: &Blueprint) -> Self {
        let (layout, blueprint) = (layout.clone(), blueprint.clone());
        Self { program, library, layout, blueprint, token: None, hosts: BTreeMap::new() }
    }

    /// The same, and every agent makes its own key and joins with this token.
    #[must_use]
    pub fn joining_with(mut self, token: JoinToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Whether their machines have GPUs.
    pub fn have_gpus(&self) -> bool {
        self.library.is_some()
    }

    /// Every machine has an agent while it has a host, as its image would see to: starts and ends processes. `machines` are those of
    /// `shard` with their hosts; those without one are not named.
    pub async fn follow(&mut self, shard: &str, machines: &BTreeMap<String, String>) -> Result<(), FleetError> {
        let is_gone = |machine: &String, host: &Host| machines.get(machine) != Some(&host.reference);
        let gone: Vec<String> =
            self.hosts.iter().filter(|(id, host)| is_gone(id, host)).map(|(id, _)| id.clone()).collect();
        for machine in gone {
            if let Some(mut host) = self.hosts.remove(&machine) {
                // A host that is given back does not end its programs in order.
                host.agent.kill().await?;
            }
        }
        for (machine, reference) in machines {
            if !self.hosts.contains_key(machine) {
                let host = self.boot(shard, machine, reference)?;
                self.hosts.insert(machine.clone(), host);
            }
        }
        Ok(())
    }

    /// An error if an agent has ended by itself.
    pub fn check(&mut self) -> Result<(), FleetError> {
        self.hosts.values_mut().try_for_each(|host| host.agent.check())
    }

    /// A GPU falls off the bus: the kernel says so, the driver delivers XID 79, and the device answers no longer.
    pub fn break_gpu(&self, machine: &str, gpu: usize) -> Result<(), FleetError> {
        let no_such = || FleetError::Unreachable { name: machine.to_owned(), what: "it has no agent".to_owned() };
        let host = self.hosts.get(machine).ok_or_else(no_such)?;
        let log = host.folder.join(KERNEL_LOG);
        let line = format!(
            "3,1,1000000,-;NVRM: Xid (PCI:0000:{:02x}:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n",
            bus(gpu)
        );
        let mut file =
            fs::OpenOptions::new().append(true).open(&log).map_err(|error| FleetError::io("open", &log, &error))?;
        file.write_all(line.as_bytes()).map_err(|error| FleetError::io("write", &log, &error))?;
        play(&host.folder, Some(gpu))
    }

    /// Ends them all.
    pub async fn stop(self) -> Result<(), FleetError> {
        let mut agents: Vec<Process> = self.hosts.into_values().map(|host| host.agent).collect();
        for agent in &agents {
            agent.signal(rustix::process::Signal::TERM);
        }
        for agent in &mut agents {
            agent.terminate(STOP_PATIENCE).await?;
        }
        Ok(())
    }

    fn boot(&self, shard: &str, machine: &str, reference: &str) -> Result<Host, FleetError> {
        // One folder for each host: the next one in the same slot has a disk of its own.
        let folder = self.layout.root().join("hosts").join(file_name(&format!("{machine}@{reference}")));
        fs::create_dir_all(&folder).map_err(|error| FleetError::io("create", &folder, &error))?;
        let log = folder.join(KERNEL_LOG);
        if !log.exists() {
            put(&log, "")?;
            play(&folder, None)?;
        }
        if let Some(library) = &self.library {
            let copy = folder.join(LIBRARY);
            fs::copy(library, &copy).map_err(|error| FleetError::io("copy", library, &error))?;
        }
        let config = folder.join("agent.yaml");
        put(&config, &self.config(shard, machine, reference, &folder)?)?;
        let arguments = ["agent".to_owned(), "--config".to_owned(), config.display().to_string()];
        let name = format!("agent-{}", file_name(machine));
        let agent = Process::spawn(&name, &self.program, &arguments, &Launch::default(), &self.layout.log(&name))?;
        Ok(Host { reference: reference.to_owned(), folder, agent })
    }

    fn config(&self, shard: &str, machine: &str, reference: &str, folder: &Path) -> Result<String, FleetError> {
        let servers: Vec<String> = self.blueprint.nodes.iter().map(|node| node.address.to_string()).collect();
        let gpus = match &self.library {
            Some(_) => json!({"library": folder.join(LIBRARY), "expected": GPUS}),
            None => json!({"expected": 0}),
        };
        // JSON is YAML, and quotes what needs it.
        let mut config = json!({
            "servers": servers, "agent_id": machine, "shard": shard, "instance_id": reference,
            "state_dir": "state", "kernel_log": KERNEL_LOG, "gpus": gpus,
            "sample_interval": "1s", "heartbeat_interval": "2s",
        });
        let (key, identity) = self.identity(machine, folder)?;
        config[key] = identity;
        Ok(format!("{config:#}\n"))
    }

    /// How an agent gets its identity: with a token, or from files that were issued for it.
    fn identity(&self, machine: &str, folder: &Path) -> Result<(&'static str, Value), FleetError> {
        let Some(token) = &self.token else {
            let holder = certificates::holder(Role::Agent, machine)?;
            certificates::issue(&self.layout.pki(), &holder)?;
            let tls = certificates::files(&self.layout.pki(), &holder);
            return Ok(("tls", json!({"cert": tls.cert, "key": tls.key, "ca": tls.ca})));
        };
        let file = folder.join("join-token");
        write_private(&file, &token.reveal()).map_err(|error| FleetError::Certificates(error.to_string()))?;
        let doors: Vec<String> =
            self.blueprint.nodes.iter().filter_map(|node| node.door).map(|door| door.to_string()).collect();
        Ok(("join", json!({"addresses": doors, "token_file": file, "ca": self.layout.pki().join("ca.crt")})))
    }
}

/// Writes the stand-in's script, all at once: eight GPUs, one of them lost.
fn play(folder: &Path, lost: Option<usize>) -> Result<(), FleetError> {
    let events: Vec<Value> = lost.iter().map(|gpu| json!({"gpu": gpu, "xid": 79})).collect();
    let gpus: Vec<Value> = (0..GPUS).map(|index| gpu(index, lost == Some(index))).collect();
    let script = json!({
        "driver_version": "550.54.15", "nvml_version": "12.550.54.15", "cuda_version": 12_040, "gpus": gpus, "events": events,
    });
    let (next, path) = (folder.join("next.json"), folder.join(SCRIPT));
    put(&next, &script.to_string())?;
    fs::rename(&next, &path).map_err(|error| FleetError::io("write", &path, &error))
}

fn gpu(index: usize, lost: bool) -> Value {
    json!({
        "index": index, "uuid": format!("GPU-{index}"), "name": "NVIDIA H100 80GB HBM3",
        "pci_bus_id": format!("00000000:{:02X}:00.0", bus(index)), "event_types": 31, "lost": lost,
        "temperature": 34, "power_usage": 71_500, "utilization": [7, 3], "throttle_reasons": 1,
        "ecc_mode": [1, 1], "ecc_volatile": [0, 0], "pcie_generation": 5, "pcie_width": 16, "pcie_replays": 0,
    })
}

/// The number of a GPU's bus.
fn bus(gpu: usize) -> usize {
    0x3b + gpu
}

fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' }).collect()
}
