//! An agent that nobody answers yet, as the process that it is.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No condition takes so long unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that ends when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn contains(file: &Path, text: &str) -> bool {
    let bytes = fs::read(file).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn an_agent_that_has_not_joined_yet_journals_what_happens_to_its_machine() {
    let dir = tempfile::tempdir().expect("a directory");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("bound");
    let xid = "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.";
    fs::write(dir.path().join("kern.log"), format!("{xid}\n")).expect("written");
    fs::write(dir.path().join("token"), format!("argosy-join.{}.{}", "0".repeat(20), "0".repeat(64))).expect("written");
    let config = format!(
        "servers: [\"{address}\"]\nagent_id: m-1\nstate_dir: state\nkernel_log: kern.log\ngpus: {{expected: 0}}\n\
         join: {{addresses: [\"{address}\"], token_file: token, ca_fingerprint: \"{}\"}}\n",
        "ab".repeat(32)
    );
    fs::write(dir.path().join("agent.yaml"), config).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_argosy"));
    command.args(["agent", "--config", "agent.yaml"]).current_dir(dir.path()).stderr(Stdio::null());
    let mut agent = Running(command.spawn().expect("the binary runs"));
    let deadline = Instant::now() + LIMIT;
    while !contains(&dir.path().join("state/journal"), xid) {
        assert!(Instant::now() < deadline, "nothing was journalled");
        assert_eq!(agent.0.try_wait().expect("a child"), None, "it goes on trying");
        std::thread::yield_now();
    }
}
