//! One supervised process: started with its log in a file, stopped by a signal, never left behind.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::error::FleetError;

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

/// Around what a process is started: a command that becomes the process, and what its environment has besides ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// A command and its arguments, which runs what follows in its own stead, such as `ip netns exec NAME`. None if empty.
    pub wrapper: Vec<String>,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
}

impl Launch {
    fn command(&self, program: &Path) -> Command {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(program),
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Process {
    /// Starts `program` with `arguments`, the way `launch` says; both its outputs are appended to `log`.
    pub fn spawn(
        name: &str,
        program: &Path,
        arguments: &[String],
        launch: &Launch,
        log: &Path,
    ) -> Result<Self, FleetError> {
        let spawn_error = |source| FleetError::Spawn { name: name.to_owned(), source };
        let out = append(log)?;
        let err = out.try_clone().map_err(spawn_error)?;
        let child = launch
            .command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // A Ctrl-C at the terminal is for the supervisor, who then stops its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn_error)?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), child })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// An error if the process has ended.
    pub fn check(&mut self) -> Result<(), FleetError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.died(&status.to_string())),
            Err(error) => Err(self.died(&error.to_string())),
        }
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<(), FleetError> {
        self.child.kill().await.map_err(|source| FleetError::Spawn { name: self.name.clone(), source })
    }

    /// Asks it to end; kills it if it has not after `patience`. `None` if it had to be killed.
    pub async fn terminate(&mut self, patience: Duration) -> Result<Option<ExitStatus>, FleetError> {
        self.signal(Signal::TERM);
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => Ok(Some(status)),
            Ok(Err(source)) => Err(FleetError::Spawn { name: self.name.clone(), source }),
            Err(_) => self.kill().await.map(|()| None),
        }
    }

    /// Sends a signal; one that has ended already does not mind.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // The only failure possible for a child of ours is that it is gone, which the wait that follows sees.
            let _gone = kill_process(pid, signal);
        }
    }

    fn died(&self, status: &str) -> FleetError {
        FleetError::Died {
            name: self.name.clone(),
            status: status.to_owned(),
            log: self.log.clone(),
            tail: tail(&self.log, 12),
        }
    }
}

fn append(log: &Path) -> Result<File, FleetError> {
    OpenOptions::new().create(true).append(true).open(log).map_err(|error| FleetError::io("open", log, &error))
}

/// The last lines of a text file; empty if it cannot be read.
fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, dir: &Path) -> Process {
        let arguments = ["-c".to_owned(), script.to_owned()];
        Process::spawn("sh", Path::new("/bin/sh"), &arguments, &Launch::default(), &dir.join("log")).expect("a shell")
    }

    #[tokio::test]
    async fn a_process_that_heeds_the_signal_ends_by_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut process = shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", dir.path());
        while !tail(&dir.path().join("log"), 1).contains("ready") {
            tokio::task::yield_now().await;
        }
        let status = process.terminate(Duration::from_secs(20)).await.expect("waited").expect("not killed");
        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_process_that_ended_is_reported_with_the_end_of_its_log() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut process = shell("echo the reason; exit 7", dir.path());
        process.child.wait().await.expect("waited");
        let error = process.check().expect_err("it ended").to_string();
        assert!(error.contains("the reason") && error.contains('7'), "{error}");
    }

    #[tokio::test]
    async fn a_wrapper_becomes_the_process_and_hands_it_its_environment() {
        let dir = tempfile::tempdir().expect("a directory");
        let launch = Launch {
            wrapper: vec!["/usr/bin/env".to_owned(), "GIVEN=by the wrapper".to_owned()],
            environment: vec![("OURS".to_owned(), "by us".to_owned())],
        };
        let (shell, log) = (Path::new("/bin/sh"), dir.path().join("log"));
        let script = ["-c".to_owned(), "echo $$ $GIVEN $OURS".to_owned()];
        let mut process = Process::spawn("sh", shell, &script, &launch, &log).expect("a shell");
        let pid = process.pid().expect("it runs");
        process.child.wait().await.expect("waited");
        assert_eq!(tail(&log, 1), format!("{pid} by the wrapper by us"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        let (ghost, log) = (Path::new("/nonexistent"), dir.path().join("log"));
        let error = Process::spawn("ghost", ghost, &[], &Launch::default(), &log).expect_err("none");
        assert!(error.to_string().contains("ghost"));
    }
}
