//! Running an executable of the site: a seam, and the processes behind it in production.

use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// What to run.
#[derive(Clone, Debug)]
pub struct Order {
    /// The executable and its arguments.
    pub argv: Vec<String>,
    /// Added to the agent's own environment, which is what a site has to set up its commands by. No secret of the agent's is in it: tokens
    /// and keys are files.
    pub environment: Vec<(String, String)>,
    /// For how long at most.
    pub limit: Duration,
    /// How much of the end of its output is kept, bytes.
    pub output: usize,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself; 128 and the signal if by one.
    Exited {
        /// Its exit status.
        code: i32,
        /// The end of what it wrote.
        output: String,
    },
    /// By us, at its limit.
    Ended {
        /// The end of what it wrote.
        output: String,
    },
    /// It could not be started.
    NotStarted {
        /// Why.
        reason: String,
    },
}

/// Runs orders.
pub trait Execute: Send + Sync {
    /// Runs one to its end.
    fn execute(&self, order: Order) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
}

/// Processes of this machine, each in a group of its own, so that its end is the end of all that it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processes;

impl Execute for Processes {
    fn execute(&self, order: Order) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        Box::pin(run(order))
    }
}

async fn run(order: Order) -> Outcome {
    let Some((program, arguments)) = order.argv.split_first() else {
        return Outcome::NotStarted { reason: "nothing to run".to_owned() };
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(order.environment).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::NotStarted { reason: format!("{program}: {error}") },
    };
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let reading = tokio::spawn(async move {
        let (out, err) = tokio::join!(tail(out, order.output), tail(err, order.output));
        let mut both = out;
        both.extend(err);
        String::from_utf8_lossy(&both[both.len().saturating_sub(order.output)..]).into_owned()
    });
    let waited = tokio::time::timeout(order.limit, child.wait()).await;
    if let Some(group) = group {
        // Also after an orderly end: what it left behind would hold its output open, and is not to outlive it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let output = reading.await.unwrap_or_default();
    match waited {
        Ok(Ok(status)) => {
            use std::os::unix::process::ExitStatusExt as _;
            let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
            Outcome::Exited { code, output }
        }
        Ok(Err(error)) => Outcome::NotStarted { reason: error.to_string() },
        Err(_) => {
            // Reaped here, so that no zombie is left.
            let _ = child.wait().await;
            Outcome::Ended { output }
        }
    }
}

/// Reads to the end, and keeps the last `most` bytes.
async fn tail(from: Option<impl AsyncRead + Unpin>, most: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut chunk = [0; 1_024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * most {
            kept.drain(..kept.len() - most);
        }
    }
    kept.drain(..kept.len().saturating_sub(most));
    kept
}
