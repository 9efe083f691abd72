//! `argosy provider exec` as a process: killed without a word in the middle of a script, held to the contract afterwards, and behind a real
//! shard that buys and gives back its machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use argosy_localfleet::{Blueprint, Layout, LocalFleet, Pace, Sizing, Start, Supplier, Tuning, certificates};
use argosy_proto::argosy::v1::{ApplyPoolsRequest, ListMachinesRequest, MachineRow, SetRailsRequest};
use argosy_proto::bigfleet::v1alpha1::MachineState;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

struct Site {
    dir: tempfile::TempDir,
    port: u16,
}

impl Site {
    /// The example's rack, with a create that stops for ever after it took effect, as long as the file `slow` is there.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/provider-exec");
        let script = std::fs::read_to_string(example.join("rack.sh")).expect("the example is there");
        let effect = ": > \"$rack/hosts/$id\"";
        assert!(script.contains(effect));
        let slow = format!(
            "{effect}\n            echo \"$key $id\" >> \"$rack/creates\"\n            say \"{{\\\"state\\\":\\\"done\\\",\\\"host\\\":\\\"$id.rack\\\"}}\" > /dev/null\n            while [[ -e \"$rack/slow\" ]]; do sleep 0.05; done"
        );
        std::fs::write(dir.path().join("rack.sh"), script.replacen(effect, &slow, 1)).expect("written");
        use std::os::unix::fs::PermissionsExt as _;
        let runnable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path().join("rack.sh"), runnable).expect("made runnable");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let config = std::fs::read_to_string(example.join("rack.yaml")).expect("the example is there");
        let here = dir.path().display().to_string();
        let config = config.replace("7770", &port.to_string()).replace("./provider-data", &format!("{here}/book"));
        std::fs::write(dir.path().join("rack.yaml"), config.replace("./rack-data", &here)).expect("written");
        std::fs::write(dir.path().join("slots"), "a m.4 z 4 16Gi\nb m.4 z 4 16Gi\nc m.4 z 4 16Gi\n").expect("written");
        Self { dir, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The machines that the rack has switched on.
    fn hosts(&self) -> usize {
        std::fs::read_dir(self.path("hosts")).map_or(0, Iterator::count)
    }

    /// Makes it the provider of a fleet: these machines in this zone, listening where the fleet looks for it, with its certificate.
    fn serve(&self, machines: &[&str], blueprint: &Blueprint, pki: &Path) {
        let zone = &blueprint.shards[0].zones[0];
        let slots: String = machines.iter().map(|id| format!("{id} m.4 {zone} 4 16Gi\n")).collect();
        std::fs::write(self.path("slots"), slots).expect("written");
        let tls = certificates::of_provider(pki, blueprint).expect("a name");
        let (cert, key, ca) = (tls.cert.display(), tls.key.display(), tls.ca.display());
        let site = &blueprint.provider;
        let config = std::fs::read_to_string(self.path("rack.yaml")).expect("it is there");
        let config = config.replace("provider: rack", &format!("provider: {}", site.name));
        let listen = format!("listen: 127.0.0.1:{}", self.port);
        assert!(config.contains(&listen), "{config}");
        let secured =
            format!("listen: {}\n  tls: {{cert: {cert}, key: {key}, ca: {ca}}}\n  list_every: 1s", site.address);
        std::fs::write(self.path("rack.yaml"), config.replace(&listen, &secured)).expect("written");
    }

    fn provider(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_argosy"));
        command.args(["provider", "exec", "--config"]).arg(self.dir.path().join("rack.yaml"));
        command.stdout(Stdio::null()).stderr(log.expect("a log")).spawn().expect("argosy runs")
    }

    fn check(&self) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argosy"));
        command.args(["provider", "check", &format!("http://127.0.0.1:{}", self.port)]);
        command.args(["--slot", "a", "--slot", "b", "--slot", "c", "--patience", "30s"]).output().expect("argosy runs")
    }

    fn creates(&self) -> usize {
        std::fs::read_to_string(self.dir.path().join("creates")).unwrap_or_default().lines().count()
    }
}

/// Waits for a condition of other processes, which tell nobody: a port that is open, a file that is written.
fn until(runtime: &Runtime, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        // Made inside: a timer belongs to a runtime.
        runtime.block_on(async { tokio::time::sleep(LOOK).await });
    }
}

/// A provider that ends when the test does, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn create(port: u16, sequence: i64) -> Result<argosy_provider::client::Accepted, String> {
    use argosy_provider::client::{Client, Deadlines, Fence, Mutation, Order};
    let endpoint = tonic::transport::Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let fence = Fence::new("s", 1, sequence).expect("positive");
    let order = Order { machine_id: "a".to_owned(), mutation: Mutation::Create, fence, tag: None };
    Client::new(channel, Deadlines::default()).carry_out(order).await.map_err(|refusal| refusal.to_string())
}

#[test]
fn a_provider_that_is_killed_in_the_middle_of_a_script_runs_it_once_and_then_keeps_the_contract() {
    let site = Site::new();
    std::fs::write(site.dir.path().join("slow"), "").expect("written");
    let runtime = Runtime::new().expect("a runtime");
    let mut provider = Running(site.provider());
    let log = || std::fs::read_to_string(site.dir.path().join("log")).unwrap_or_default();
    let mut sequence = 0;
    let mut accepted = None;
    until(&runtime, "the provider answers", || {
        sequence += 1;
        accepted = runtime.block_on(create(site.port, sequence)).ok();
        assert!(provider.0.try_wait().expect("a child").is_none(), "{}", log());
        accepted.is_some()
    });
    until(&runtime, "the script runs", || site.creates() == 1);
    drop(provider);

    let provider = Running(site.provider());
    let mut again = None;
    until(&runtime, "it answers again", || {
        sequence += 1;
        again = runtime.block_on(create(site.port, sequence)).ok();
        again.is_some()
    });
    assert_eq!(again.expect("a repeat").operation_id, accepted.expect("accepted").operation_id);
    std::fs::remove_file(site.dir.path().join("slow")).expect("removed");
    until(&runtime, "the transition is found done", || log().contains("done"));
    assert_eq!(site.creates(), 1);
    drop(provider);

    // With a book and a rack of its own, it is held to all of the contract, on the command line.
    let fresh = Site::new();
    let provider = Running(fresh.provider());
    let mut said = None;
    until(&runtime, "the suite finds it", || {
        let output = fresh.check();
        let found = !output.stdout.is_empty();
        said = Some(output);
        found
    });
    let said = said.expect("it ran");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    drop(provider);
}

/// One node and one shard whose machines are the rack's.
async fn fleet(rack: &Site, machines: &[&str]) -> LocalFleet {
    let sizing = Sizing {
        regions: vec!["eu".to_owned()],
        shards: 1,
        clusters_per_shard: 1,
        zones_per_shard: 1,
        seed: 1,
        pace: Pace::Clock,
    };
    let layout = Layout::new(&rack.path("fleet")).expect("a directory");
    let blueprint = Blueprint::load_or_create(layout.root(), sizing).expect("ports");
    rack.serve(machines, &blueprint, &layout.pki());
    let words =
        ["exec", "--config"].map(str::to_owned).into_iter().chain([rack.path("rack.yaml").display().to_string()]);
    let start = Start {
        program: env!("CARGO_BIN_EXE_argosy").into(),
        supplier: Supplier::Sidecar(words.collect()),
        layout,
        blueprint,
        tuning: Tuning::default(),
        further_clusters: Vec::new(),
        launch: BTreeMap::new(),
    };
    LocalFleet::start(start).await.expect("it comes up")
}

/// Gives the pool `batch` this many machines, where somebody leads and takes it.
async fn resize(fleet: &LocalFleet, size: u32) -> bool {
    let (node, shard) = (&fleet.blueprint().nodes[0].id, fleet.blueprint().shards[0].id.clone());
    let file = format!(
        "version: 1\npools:\n  - name: batch\n    machine: {{resources: {{cpu: \"4\"}}}}\n    min: {size}\n    max: 9\n    \
         replicas: {size}\n    cooldown: {{up: 0s, down: 0s}}\n"
    );
    let reason = "a test".to_owned();
    let ask = ApplyPoolsRequest { shard, file, file_name: "batch".to_owned(), dry_run: false, reason };
    fleet.clients().pools(node).expect("a node").apply_pools(ask).await.is_ok()
}

/// Takes the cap off that lets surplus go a few machines at a time, where somebody leads and takes it.
async fn uncap(fleet: &LocalFleet) -> bool {
    let (node, shard) = (&fleet.blueprint().nodes[0].id, fleet.blueprint().shards[0].id.clone());
    let ask = SetRailsRequest {
        shard,
        reason: "a test".to_owned(),
        reclaim_cap_ppm: Some(1_000_000),
        ..SetRailsRequest::default()
    };
    fleet.clients().admin(node).expect("a node").set_rails(ask).await.is_ok()
}

async fn rows(fleet: &LocalFleet) -> Vec<MachineRow> {
    let (node, shard) = (&fleet.blueprint().nodes[0].id, fleet.blueprint().shards[0].id.clone());
    let ask = ListMachinesRequest { shard, page_size: 100, ..ListMachinesRequest::default() };
    fleet.clients().fleet(node).expect("a node").list_machines(ask).await.expect("an answer").into_inner().machines
}

fn serving(rows: &[MachineRow]) -> usize {
    rows.iter().filter(|row| row.cluster == "pool/batch" && row.state() == MachineState::Configured).count()
}

#[test]
fn a_shard_buys_and_gives_back_a_rack_through_its_scripts_each_machine_once_whatever_becomes_of_the_sidecar() {
    let rack = Site::new();
    let runtime = Runtime::new().expect("a runtime");
    let mut fleet = runtime.block_on(fleet(&rack, &["a", "b", "c", "d"]));
    until(&runtime, "the cap is taken off", || runtime.block_on(uncap(&fleet)));
    until(&runtime, "a pool of two is taken", || runtime.block_on(resize(&fleet, 2)));
    until(&runtime, "two machines serve", || serving(&runtime.block_on(rows(&fleet))) == 2);
    assert_eq!((rack.creates(), rack.hosts()), (2, 2));

    // The scripts of the other two have taken effect and not ended when their sidecar dies.
    std::fs::write(rack.path("slow"), "").expect("written");
    until(&runtime, "a pool of four is taken", || runtime.block_on(resize(&fleet, 4)));
    until(&runtime, "two more are switched on", || rack.creates() == 4);
    runtime.block_on(fleet.kill_provider()).expect("SIGKILL");
    {
        let _inside = runtime.enter();
        fleet.restart_provider().expect("it starts");
    }
    std::fs::remove_file(rack.path("slow")).expect("removed");
    until(&runtime, "four machines serve", || serving(&runtime.block_on(rows(&fleet))) == 4);
    let creates = std::fs::read_to_string(rack.path("creates")).expect("it is there");
    let machines: BTreeSet<&str> = creates.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!((creates.lines().count(), machines), (4, ["a", "b", "c", "d"].into()), "each was switched on once");

    until(&runtime, "a pool of none is taken", || runtime.block_on(resize(&fleet, 0)));
    let free = |row: &MachineRow| {
        row.cluster.is_empty() && [MachineState::Idle, MachineState::Speculative].contains(&row.state())
    };
    until(&runtime, "all are given back", || runtime.block_on(rows(&fleet)).iter().all(free));
    let drains = std::fs::read_to_string(fleet.layout().log(&fleet.blueprint().provider.name)).expect("a log");
    for machine in ["a", "b", "c", "d"] {
        assert_eq!(drains.matches(&format!("drain {machine}")).count(), 1, "{drains}");
    }
    assert_eq!(runtime.block_on(fleet.stop()).expect("it ends"), Vec::<String>::new());
}
