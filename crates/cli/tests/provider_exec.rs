//! `argosy provider exec` as a process: killed without a word in the middle of a script, and held to the contract afterwards.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
            "{effect}\n            echo \"$key\" >> \"$rack/creates\"\n            say \"{{\\\"state\\\":\\\"done\\\",\\\"host\\\":\\\"$id.rack\\\"}}\" > /dev/null\n            while [[ -e \"$rack/slow\" ]]; do sleep 0.05; done"
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
    let mut provider = site.provider();
    let log = || std::fs::read_to_string(site.dir.path().join("log")).unwrap_or_default();
    let mut sequence = 0;
    let mut accepted = None;
    until(&runtime, "the provider answers", || {
        sequence += 1;
        accepted = runtime.block_on(create(site.port, sequence)).ok();
        assert!(provider.try_wait().expect("a child").is_none(), "{}", log());
        accepted.is_some()
    });
    until(&runtime, "the script runs", || site.creates() == 1);
    provider.kill().expect("SIGKILL");
    provider.wait().expect("reaped");

    let mut provider = site.provider();
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
    provider.kill().expect("SIGKILL");
    provider.wait().expect("reaped");

    // With a book and a rack of its own, it is held to all of the contract, on the command line.
    let fresh = Site::new();
    let mut provider = fresh.provider();
    let mut said = None;
    until(&runtime, "the suite finds it", || {
        let output = fresh.check();
        let found = !output.stdout.is_empty();
        said = Some(output);
        found
    });
    let said = said.expect("it ran");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    provider.kill().expect("SIGKILL");
    provider.wait().expect("reaped");
}
