//! A machine: a `/proc`, a kernel log that is a file, a stand-in for NVIDIA's library, and a state folder that outlives the agent.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_agent::commands::{Processes, Script, Site};
use argosy_agent::gpu::{Expected, NvmlGpus};
use argosy_agent::host::Host;
use argosy_agent::journal::{FileDisk, Journal, fresh_name};
use argosy_agent::kernel_log::LogFile;
use argosy_agent::post::Post;
use argosy_agent::run::{self, Settings};
use argosy_agent::uplink::Dial;
use argosy_agent::watch::Thresholds;
use nvml_standin::{SCRIPT_NAME, built_library};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use crate::leader::LIMIT;

pub(crate) struct Machine {
    folder: TempDir,
    gpus: u32,
}

struct Port(u16);

impl Dial for Port {
    fn channel(&self, _: u64) -> Result<Channel, String> {
        let endpoint =
            Channel::from_shared(format!("http://127.0.0.1:{}", self.0)).map_err(|error| error.to_string())?;
        Ok(endpoint.connect_lazy())
    }
}

impl Machine {
    pub(crate) fn new(gpus: u32) -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder"), gpus };
        let proc = machine.path("proc/sys/kernel/random");
        fs::create_dir_all(&proc).expect("created");
        fs::write(proc.join("boot_id"), "boot-1\n").expect("written");
        fs::write(machine.path("kernel.log"), "").expect("written");
        fs::copy(built_library().expect("cargo builds it"), machine.path("libnvidia-ml.so.1")).expect("copied");
        machine.driver_reports(&json!([]));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The kernel writes a line.
    pub(crate) fn log(&self, sequence: u64, text: &str) {
        let mut file = OpenOptions::new().append(true).open(self.path("kernel.log")).expect("there");
        writeln!(file, "4,{sequence},{sequence}000000,-;{text}").expect("written");
    }

    /// The driver has these events to deliver.
    pub(crate) fn driver_reports(&self, events: &Value) {
        let gpu = |index: u32| {
            let pci = format!("00000000:{:02X}:00.0", 0x3b + index);
            json!({"uuid": format!("GPU-{index}"), "name": "H100", "pci_bus_id": pci, "event_types": 8, "temperature": 30})
        };
        let gpus: Vec<Value> = (0..self.gpus).map(gpu).collect();
        let script = json!({"driver_version": "550.54", "gpus": gpus, "events": events});
        fs::write(self.path("next"), script.to_string()).expect("written");
        fs::rename(self.path("next"), self.path(SCRIPT_NAME)).expect("renamed");
    }

    /// Starts the machine's agent.
    pub(crate) fn run(&self, port: u16) -> JoinHandle<()> {
        let host = Host::at(self.folder.path());
        let library = self.path("libnvidia-ml.so.1");
        let settings = Settings {
            agent_id: "m-1".to_owned(),
            shard: String::new(),
            instance_id: String::new(),
            sample_interval: Duration::from_millis(200),
            driver_limit: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(20),
            thresholds: Thresholds::default(),
            library: Some(library.clone()),
            nvml_xids: true,
        };
        let counted = format!("echo run >> {}", self.path("diagnostics").display());
        let argv = ["/bin/sh".to_owned(), "-c".to_owned(), counted].to_vec();
        let scripts = BTreeMap::from([("run-diagnostics", Script { argv, timeout: LIMIT })]);
        let machine = run::Machine {
            gpus: NvmlGpus::new(Some(library), Expected::OnBus, host.clone()),
            log: Some(Box::new(LogFile::open(&self.path("kernel.log")).expect("readable"))),
            site: Site::new(scripts, Arc::new(Processes)),
            host: host.clone(),
        };
        let journal = Journal::open(Box::new(FileDisk::new(self.path("journal"))), &fresh_name(), 1 << 20);
        let post = Arc::new(Post::new(journal, &host.boot_id()));
        tokio::spawn(run::run(settings, machine, post, Port(port)))
    }

    /// Returns when the log has been read up to this record, on disk.
    pub(crate) async fn waits_for_its_journal(&self, sequence: u64) {
        let reading = async {
            loop {
                let disk = FileDisk::new(self.path("journal-copy"));
                fs::copy(self.path("journal"), self.path("journal-copy")).expect("copied");
                if Journal::open(Box::new(disk), "copy", 1 << 20).marks().kernel_sequence >= sequence {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, reading).await.expect("the log is read");
    }

    pub(crate) fn diagnostics_run(&self) -> usize {
        fs::read_to_string(self.path("diagnostics")).unwrap_or_default().lines().count()
    }
}
