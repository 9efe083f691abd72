//! A machine with nothing but a token and a fingerprint, and a node, as the processes that they are.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// No condition takes so long unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// More lines than any process of this test says.
const LINES: usize = 100_000;

/// A process that ends when the test does, and what was read so far of what it has said.
struct Running {
    process: Child,
    lines: Receiver<String>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let said = BufReader::new(process.stderr.take().expect("it was asked for"));
        let (tell, lines) = mpsc::sync_channel(LINES);
        // Whether or not anybody looks: a full pipe would stop the process.
        thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { process, lines, said: String::new() }
    }

    /// Its next line; `None` when there will be no more.
    fn line(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.said.push_str(&line);
                self.said.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says no more, and does not end:\n{}", self.said),
        }
    }

    /// Reads on until it says this.
    fn until(&mut self, word: &str) {
        let deadline = Instant::now() + LIMIT;
        while let Some(line) = self.line(deadline) {
            if line.contains(word) {
                return;
            }
        }
        panic!("it did not say {word:?}:\n{}", self.said);
    }

    /// Reads on until it ends by itself.
    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        while self.line(deadline).is_some() {}
        self.process.wait().expect("it is a child")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Site {
    dir: tempfile::TempDir,
    port: u16,
    door: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a directory"), port: free_port(), door: free_port() };
        for words in [
            &["pki", "init", "--dir", "pki"][..],
            &["pki", "agents", "--dir", "pki"],
            &["pki", "issue", "--dir", "pki", "--identity", "node/n1", "--ip", "127.0.0.1"],
            &["pki", "issue", "--dir", "pki", "--identity", "admin"],
        ] {
            let made = site.argosy(words);
            assert!(made.status.success(), "{words:?}: {}", said(&made));
        }
        let (port, door) = (site.port, site.door);
        let config = format!(
            r#"
fleet = "demo"
[node]
id = "n1"
number = 1
region = "eu"
zone = "eu-a"
data_dir = "data"
listen = "127.0.0.1:{port}"
[tls]
cert = "pki/node-n1.crt"
key = "pki/node-n1.key"
ca = "pki/ca.crt"
[join]
authority = "pki/agents-ca.crt"
authority_key = "pki/agents-ca.key"
listen = "127.0.0.1:{door}"
certificate_lifetime = "12s"
[metrics]
enabled = false
[placement]
coordinator_voters = ["n1"]
[[placement.shards]]
id = "s0"
number = 1
home_region = "eu"
voters = ["n1"]
"#
        );
        fs::write(site.path("n1.toml"), config).expect("written");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argosy"));
        command.args(words).current_dir(self.dir.path());
        command
    }

    fn argosy(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the binary runs")
    }

    fn ask(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.env("ARGOSY_SERVER", format!("127.0.0.1:{}", self.port));
        command.env("ARGOSY_CERT", "pki/admin.crt").env("ARGOSY_KEY", "pki/admin.key").env("ARGOSY_CA", "pki/ca.crt");
        command.output().expect("the binary runs")
    }

    /// Starts a process that goes on until the test has done with it.
    fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    /// The configuration of an agent with this token.
    fn machine(&self, id: &str, token: &str, print: &str) -> String {
        let folder = self.path(id);
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("token"), token).expect("written");
        let config = format!(
            "servers: [\"127.0.0.1:{}\"]\nagent_id: {id}\nstate_dir: state\nkernel_log: none\ngpus: {{expected: 0}}\n\
             join: {{addresses: [\"127.0.0.1:{}\"], token_file: token, ca_fingerprint: \"{print}\"}}\n",
            self.port, self.door
        );
        fs::write(folder.join("agent.yaml"), config).expect("written");
        format!("{id}/agent.yaml")
    }

    /// A refusal that ends an agent at once.
    fn refused(&self, id: &str, token: &str, print: &str, code: &str) {
        let config = self.machine(id, token, print);
        let mut agent = self.start(&["agent", "--config", &config]);
        agent.until(code);
        assert!(!agent.ended().success(), "{code}: {}", agent.said);
    }
}

#[test]
fn a_machine_joins_with_a_token_and_a_fingerprint_renews_and_comes_back_without_the_token() {
    let site = Site::new();
    let mut node = site.start(&["server", "--config", "n1.toml"]);
    node.until("node started");
    let words = ["token", "create", "--agents", "m-*", "--uses", "3", "--reason", "test", "--json"];
    // Each waits for a leader for a while.
    let made = (0..30).map(|_| site.ask(&words)).find(|made| made.status.success()).expect("a leader, in the end");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let (token, id, print) = (text(&made["token"]), text(&made["id"]), text(&made["ca_fingerprints"][0]));

    let config = site.machine("m-1", &token, &print);
    let mut agent = site.start(&["agent", "--config", &config]);
    agent.until("joined");
    agent.until("the certificate was renewed");
    let first = agent.said.clone();
    drop(agent);
    fs::remove_file(site.path("m-1/token")).expect("no longer needed");
    let mut agent = site.start(&["agent", "--config", &config]);
    agent.until("the certificate was renewed");
    assert!(!agent.said.contains("joined"), "what lies there is good: {}", agent.said);

    site.refused("m-2", &token, &"ab".repeat(32), "ARG-1124");
    site.refused("n-1", &token, &print, "ARG-0719");
    let revoked = site.ask(&["token", "revoke", &id, "--reason", "test"]);
    assert!(said(&revoked).contains("revoked"), "{}", said(&revoked));
    site.refused("m-3", &token, &print, "ARG-0718");
    let listed = site.ask(&["token", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!((&listed[0]["used"], &listed[0]["state"]), (&1.into(), &"revoked".into()), "{listed}");

    node.until("join refused");
    let secret = token.rsplit('.').next().expect("three parts");
    for lines in [&node.said, &first, &agent.said] {
        assert!(!lines.contains(secret), "a log shows the secret: {lines}");
    }
    assert!(node.said.contains("joined"), "a join is an audit line: {}", node.said);
}
