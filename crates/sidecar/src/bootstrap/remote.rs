//! One command on a host: OpenSSH's client as a child process.
//!
//! The host must prove who it is by a key that is known beforehand, and nothing is ever asked of a person. The client reads no
//! configuration of the user's and inherits no environment, so what it does is what stands here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::config::BootstrapConfig;
use super::journal::Log;
use crate::exec::{Group, PATH};

/// How much of the end of standard error is looked at, to tell how a connection failed.
const TAIL_BYTES: usize = 4_096;
/// The status with which the client ends when it is not the command that failed.
const OWN_FAILURE: i32 = 255;

/// How a command went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It ended well.
    Well,
    /// It ended badly, or in time no end was to be seen; why.
    Badly(String),
    /// The host did not answer, or the connection broke; why.
    NoConnection(String),
    /// The host is not who it should be.
    Stranger,
}

/// How to reach one host.
#[derive(Clone, Debug)]
pub(super) struct Remote<'a> {
    pub(super) config: &'a BootstrapConfig,
    pub(super) address: &'a str,
    /// The file of host keys, and the name that the host has in it unless that is its address.
    pub(super) known_hosts: PathBuf,
    pub(super) alias: Option<&'a str>,
}

impl Remote<'_> {
    /// Runs one command, its words going into the log.
    pub(super) async fn run(&self, command: &str, stdin: &[u8], limit: Duration, log: &Arc<Mutex<Log>>) -> Ran {
        let mut ssh = self.client();
        ssh.arg("--").arg(format!("{}@{}", self.config.user, self.address)).arg(command);
        let mut child = match ssh.spawn() {
            Ok(child) => child,
            // Its cause lies on this side, so it says nothing of the host.
            Err(error) => return Ran::Badly(format!("{}: {error}", self.config.ssh)),
        };
        let group = Group::of(&child);
        let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut input) = input {
                let _ = input.write_all(stdin).await;
            }
        };
        let exchange = async {
            let ((), _, said) = tokio::join!(feed, keep(out, log), keep(err, log));
            (child.wait().await, said)
        };
        let finished = timeout(limit, exchange).await;
        drop(group);
        let Ok((status, said)) = finished else {
            let _ = child.wait().await;
            return Ran::Badly(format!("it was ended after {limit:?}"));
        };
        let said = String::from_utf8_lossy(&said);
        match status.map(|status| status.code()) {
            Ok(Some(0)) => Ran::Well,
            Ok(Some(OWN_FAILURE)) if said.contains("Host key verification failed") => Ran::Stranger,
            Ok(Some(OWN_FAILURE)) => Ran::NoConnection(last_line(&said)),
            Ok(code) => Ran::Badly(format!("it ended with {}: {}", crate::exec::ending(code), last_line(&said))),
            Err(error) => Ran::Badly(error.to_string()),
        }
    }

    fn client(&self) -> Command {
        let config = self.config;
        let mut ssh = Command::new(&config.ssh);
        // The key of an account may be in the sidecar's own environment.
        ssh.env_clear().env("PATH", PATH);
        ssh.args(["-F", "none", "-T", "-p", &config.port.to_string()]);
        let fixed = [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
            "UpdateHostKeys=no",
            "IdentitiesOnly=yes",
            "PreferredAuthentications=publickey",
            "ForwardAgent=no",
            "ClearAllForwardings=yes",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
            "LogLevel=ERROR",
        ];
        for option in fixed {
            ssh.args(["-o", option]);
        }
        ssh.args(["-o", &format!("ConnectTimeout={}", config.connect_timeout.0.as_secs().max(1))]);
        // Not `-i`: the client looks for that path both as it is and with its tokens expanded, so no percent sign could be in it.
        ssh.args(["-o", &format!("IdentityFile={}", as_value(&config.identity_file))]);
        ssh.args(["-o", &format!("UserKnownHostsFile={}", as_value(&self.known_hosts))]);
        if let Some(alias) = self.alias {
            ssh.args(["-o", &format!("HostKeyAlias={alias}")]);
        }
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh.process_group(0).kill_on_drop(true);
        ssh
    }
}

/// Whether the client can be started.
pub(super) fn try_client(program: &str) -> Result<(), String> {
    let mut client = std::process::Command::new(program);
    client.arg("-V").env_clear().env("PATH", PATH).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match client.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} -V ended with {}", crate::exec::ending(status.code()))),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// A path as the value of an option: one word, in which nothing is a token. What begins an environment variable cannot be written
/// down so; who makes a `Remote` sees to it that there is none.
fn as_value(path: &Path) -> String {
    let path = path.display().to_string();
    format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%"))
}

/// Reads to the end, writes it into the log, and returns the end of it.
async fn keep(from: Option<impl AsyncRead + Unpin>, log: &Arc<Mutex<Log>>) -> Vec<u8> {
    let mut tail = Vec::new();
    let Some(mut from) = from else { return tail };
    let mut chunk = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        log.lock().unwrap_or_else(PoisonError::into_inner).write(&chunk[..read]);
        tail.extend_from_slice(&chunk[..read]);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    }
    tail
}

fn last_line(said: &str) -> String {
    said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}
