//! Running an executable of the site: a seam, and the processes behind it in production.

use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

/// How long what is left of an output is waited for once all of its group has ended: a process that has left the group may hold it open for
/// as long as it lives.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    let (said, warned) = (Tail::new(order.output), Tail::new(order.output));
    let reading = tokio::spawn({
        let (said, warned) = (said.clone(), warned.clone());
        async move { tokio::join!(said.read(out), warned.read(err)) }
    });
    let waited = timeout(order.limit, child.wait()).await;
    if let Some(group) = group {
        // Also after an orderly end: what it left behind would hold its output open, and is not to outlive it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let abort = reading.abort_handle();
    if timeout(LAST_WORDS, reading).await.is_err() {
        abort.abort();
    }
    let both = [said.kept(), warned.kept()].concat();
    let output = String::from_utf8_lossy(&both[both.len().saturating_sub(order.output)..]).into_owned();
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

/// The last bytes of a stream, as far as it has been read.
#[derive(Clone)]
struct Tail {
    most: usize,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Tail {
    fn new(most: usize) -> Self {
        Self { most, kept: Arc::default() }
    }

    /// Reads to the end.
    async fn read(&self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut chunk = [0; 1_024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&chunk[..read]);
            if kept.len() > 2 * self.most {
                let over = kept.len() - self.most;
                kept.drain(..over);
            }
        }
    }

    fn kept(&self) -> Vec<u8> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept[kept.len().saturating_sub(self.most)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_leaves_the_group_and_holds_the_output_keeps_no_command_from_ending() {
        let dir = tempfile::tempdir().expect("a directory");
        // It has left the group before the command ends.
        let script = "setsid sh -c 'echo $$ > \"$0/pid\"; exec sleep 600' \"$0\" & until [ -s \"$0/pid\" ]; do :; done; echo ended";
        let argv = ["sh", "-c", script, &dir.path().display().to_string()].map(str::to_owned).into();
        let order = Order { argv, environment: Vec::new(), limit: Duration::from_secs(30), output: 4_096 };
        let ended = timeout(Duration::from_secs(60), Processes.execute(order)).await.expect("it ends");
        assert_eq!(ended, Outcome::Exited { code: 0, output: "ended\n".to_owned() });
        let stray = std::fs::read_to_string(dir.path().join("pid")).expect("it said who it is");
        let stray = stray.trim().parse().ok().and_then(Pid::from_raw).expect("a process");
        rustix::process::kill_process(stray, Signal::KILL).expect("it lives on: it is what held the output");
    }
}
