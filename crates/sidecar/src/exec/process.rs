//! One run of a script: a process group of its own, a limit of time, bounded output.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// What a child process finds in `PATH` when its site says nothing else.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Longest line of its standard error that goes into the log.
const LINE_BYTES: u64 = 2_048;

/// What to run.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) verb: &'static str,
    pub(super) key: String,
    pub(super) argv: Vec<String>,
    pub(super) environment: Arc<BTreeMap<String, String>>,
    pub(super) folder: PathBuf,
    pub(super) stdin: Vec<u8>,
    pub(super) limit: Duration,
    /// Beyond it the run is cut.
    pub(super) output_bytes: usize,
    /// Beyond it standard error is read and dropped.
    pub(super) log_bytes: usize,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing has run.
    NotStarted(String),
    /// It ended by itself: all of its output, and its status unless a signal ended it.
    Out { stdout: Vec<u8>, code: Option<i32> },
    /// It was ended.
    Cut(String),
}

/// Ends a process group, also when the run is dropped half way.
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// That of a child which leads one.
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What a script leaves behind would hold its output open, and is not to outlive it.
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a script to its end, or to its limit.
pub(super) async fn run(order: Order) -> Said {
    let Some((program, arguments)) = order.argv.split_first() else {
        return Said::NotStarted("nothing to run".to_owned());
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).envs(order.environment.iter());
    command.current_dir(&order.folder).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Said::NotStarted(format!("{program}: {error}")),
    };
    let group = Group::of(&child);
    let finished = timeout(order.limit, finish(&mut child, &order)).await;
    drop(group);
    let said = match finished {
        Ok(said) => said,
        Err(_) => Said::Cut(format!("it was ended after {:?}", order.limit)),
    };
    // Reaped here, so that no zombie is left.
    let _ = child.wait().await;
    said
}

async fn finish(child: &mut Child, order: &Order) -> Said {
    let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (stdout, (), ()) = tokio::join!(take(out, order.output_bytes), feed(stdin, &order.stdin), log(err, order));
    let Some(stdout) = stdout else {
        return Said::Cut(format!("it said more than {} bytes", order.output_bytes));
    };
    match child.wait().await {
        Ok(status) => Said::Out { stdout, code: status.code() },
        Err(error) => Said::Cut(error.to_string()),
    }
}

/// A script need not read what it is told.
async fn feed(stdin: Option<ChildStdin>, text: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(text).await;
    }
}

/// All that it says, unless that is too much.
async fn take(from: Option<impl AsyncRead + Unpin>, most: usize) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let most_and_one = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    from?.take(most_and_one).read_to_end(&mut kept).await.ok()?;
    (kept.len() <= most).then_some(kept)
}

/// Its words for people, line by line into the log; beyond the bound they are read and dropped, so that it can go on.
async fn log(from: Option<impl AsyncRead + Unpin>, order: &Order) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from);
    let mut left = order.log_bytes;
    loop {
        let mut line = Vec::new();
        match (&mut lines).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        if left == 0 {
            continue;
        }
        let words = String::from_utf8_lossy(&line[..line.len().min(left)]);
        tracing::info!(verb = order.verb, key = order.key, words = words.trim_end(), "script");
        left = left.saturating_sub(line.len());
        if left == 0 {
            tracing::warn!(verb = order.verb, key = order.key, "script: it says more than is kept");
        }
    }
}
