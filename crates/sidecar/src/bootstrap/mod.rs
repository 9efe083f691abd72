//! Bootstrap over SSH: commands that make a host ready, around any backend.
//!
//! A new host counts as one only when all commands ended well; until then its Create is under way. When one fails, the host is given back
//! first and the Create fails then: no host that is half ready stays behind and costs. After a crash the commands are run again
//! from the first, so they must bear that.
//!
//! Trust on first use is deliberately absent: a host whose key nobody knows is not spoken to.

mod config;
mod journal;
mod remote;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_provider::contract::Kind;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use self::config::Step;
pub use self::config::{BootstrapConfig, Stdin, StepConfig};
pub use self::journal::read_log;
use self::journal::{Journal, Log};
use self::remote::{Ran, Remote};
use crate::backend::{Backend, Host, Outcome, Row, Task};
use crate::config::Faults;
use crate::error::SidecarError;
use crate::private;

/// Between two attempts to reach a host.
const KNOCK: Duration = Duration::from_secs(2);

/// A backend whose hosts are made ready over SSH.
pub struct Bootstrapped {
    inner: Arc<dyn Backend>,
    provider: String,
    config: BootstrapConfig,
    after_create: Vec<Step>,
    configure: Vec<Step>,
    drain: Vec<Step>,
    journal: Journal,
    /// Hosts that boot for minutes wait here, and hold up nobody but each other.
    gate: Semaphore,
    /// Where the keys that sites give are written down for the client.
    keys: PathBuf,
}

impl Bootstrapped {
    /// Around a backend.
    ///
    /// # Errors
    /// ARG-0518 when the backend cannot give back what fails to get ready, when the key or OpenSSH's client cannot be used, or when there is
    /// no place for logs and host keys.
    pub fn new(
        inner: Arc<dyn Backend>,
        config: BootstrapConfig,
        provider: &str,
        data_dir: &Path,
    ) -> Result<Self, SidecarError> {
        let unfit = |what: String| SidecarError::Values { file: "bootstrap".to_owned(), faults: vec![what] };
        if !config.after_create.is_empty() && !inner.gives_back() {
            return Err(unfit("`after_create`: a host that does not get ready could not be given back".to_owned()));
        }
        let mut faults = Faults::default();
        config.check_here(data_dir, &mut faults);
        faults.done(Path::new("bootstrap"))?;
        let keys = data_dir.join("host-keys");
        private::make_folder(&keys).map_err(|error| unfit(format!("{}: {error}", keys.display())))?;
        Ok(Self {
            inner,
            provider: provider.to_owned(),
            after_create: config.steps(&config.after_create).map_err(unfit)?,
            configure: config.steps(&config.configure).map_err(unfit)?,
            drain: config.steps(&config.drain).map_err(unfit)?,
            journal: Journal::new(data_dir, config.log_bytes, config.logs_kept),
            gate: Semaphore::new(config.concurrency),
            config,
            keys,
        })
    }

    fn steps(&self, kind: Kind) -> &[Step] {
        match kind {
            Kind::Create => &self.after_create,
            Kind::Configure => &self.configure,
            Kind::Drain => &self.drain,
            Kind::Delete => &[],
        }
    }

    /// What the backend is told: user data is the commands' when there are any.
    fn passed_on(&self, task: &Task) -> Task {
        let mut task = task.clone();
        if task.kind == Kind::Configure && !self.configure.is_empty() {
            task.user_data.clear();
        }
        task
    }

    /// What an answer of the site means for a host that has been given up; any other is passed on.
    async fn judge(&self, task: &Task, outcome: Outcome) -> Outcome {
        match (outcome, self.journal.given_up(&task.machine, &task.key)) {
            // The site has nothing left of it, which is what giving up was to lead to.
            (Outcome::Failed(_) | Outcome::NotBegun { .. }, Some(why)) => Outcome::Failed(why),
            (Outcome::Done(host), Some(why)) => self.give_back(task, host, why).await,
            (outcome, _) => outcome,
        }
    }

    /// After the site is done, the commands.
    async fn run_commands(&self, task: &Task, outcome: Outcome) -> Outcome {
        let steps = self.steps(task.kind);
        let Outcome::Done(host) = outcome else { return outcome };
        if steps.is_empty() {
            return Outcome::Done(host);
        }
        let Ok(_permit) = self.gate.acquire().await else { return Outcome::Doubt("it is to stop".to_owned()) };
        let on = host.as_ref().or(task.host.as_ref());
        let Err(why) = self.make_ready(task, on, steps).await else { return Outcome::Done(host) };
        if task.kind != Kind::Create {
            return Outcome::Failed(why);
        }
        match self.journal.give_up(&task.machine, &task.key, &why) {
            Ok(()) => Outcome::Pending(format!("{why}; it is given back")),
            Err(error) => Outcome::Doubt(format!("{why}; and that cannot be written down: {error}")),
        }
    }

    /// A host that does not get ready goes; the Create has failed when it is gone.
    async fn give_back(&self, task: &Task, host: Option<Host>, why: String) -> Outcome {
        let undo = Task { key: format!("undo-{}", task.key), kind: Kind::Delete, host, ..task.clone() };
        let outcome = match self.inner.resolve(undo.clone()).await {
            Outcome::NotBegun { .. } | Outcome::Failed(_) => self.inner.begin(undo).await,
            outcome => outcome,
        };
        match outcome {
            Outcome::Done(_) => Outcome::Failed(why),
            Outcome::Doubt(text) => Outcome::Doubt(format!("{why}; giving it back: {text}")),
            Outcome::Pending(text)
            | Outcome::Shown(text)
            | Outcome::Failed(text)
            | Outcome::NotBegun { reason: text, .. } => Outcome::Pending(format!("{why}; giving it back: {text}")),
        }
    }

    /// Runs the commands in turn.
    async fn make_ready(&self, task: &Task, host: Option<&Host>, steps: &[Step]) -> Result<(), String> {
        let log = self.journal.open(&task.machine, &task.key).map_err(|error| format!("its log: {error}"))?;
        let log = Arc::new(Mutex::new(log));
        let outcome = self.run_all(task, host, steps, &log).await;
        if let Err(why) = &outcome {
            note(&log, &format!("failed: {why}\n"));
        }
        outcome
    }

    async fn run_all(
        &self,
        task: &Task,
        host: Option<&Host>,
        steps: &[Step],
        log: &Arc<Mutex<Log>>,
    ) -> Result<(), String> {
        let host = host.ok_or("there is no host to speak to")?;
        let address = host.address.as_deref().ok_or("its site gives no address of the host")?;
        if address.starts_with('-') || address.contains(char::is_whitespace) {
            return Err(format!("{address:?} is no address"));
        }
        let remote = self.remote(task, host, address)?;
        let names = [
            ("provider", self.provider.as_str()),
            ("machine", &task.machine),
            ("instance_type", &task.offer.instance_type),
            ("zone", &task.offer.zone),
            ("host", &host.reference),
            ("address", address),
            ("cluster", task.cluster.as_deref().unwrap_or_default()),
            ("key", &task.key),
        ];
        for (n, step) in (1..).zip(steps) {
            let command = step.run.fill(&names, &self.config.values);
            let stdin = match step.stdin {
                Stdin::Nothing => &[][..],
                Stdin::UserData => &task.user_data[..],
            };
            tracing::info!(machine = task.machine, key = task.key, step = n, of = steps.len(), "bootstrap");
            note(log, &format!("[{n}/{}] {command}\n", steps.len()));
            let outcome = self.try_step(&remote, &command, stdin, step.limit, log).await;
            outcome.map_err(|why| format!("bootstrap, command {n} of {}: {why}", steps.len()))?;
            note(log, &format!("[{n}/{}] done\n", steps.len()));
        }
        Ok(())
    }

    /// One command; while the host cannot be reached it is tried again.
    async fn try_step(
        &self,
        remote: &Remote<'_>,
        command: &str,
        stdin: &[u8],
        limit: Duration,
        log: &Arc<Mutex<Log>>,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            match remote.run(command, stdin, limit, log).await {
                Ran::Well => return Ok(()),
                Ran::Badly(why) => return Err(why),
                Ran::Stranger => return Err("the host does not have the key that it should have".to_owned()),
                Ran::NoConnection(why) if began.elapsed() > self.config.reachable_within.0 => {
                    return Err(format!("it cannot be reached: {why}"));
                }
                Ran::NoConnection(_) => sleep(KNOCK.min(self.config.reachable_within.0)).await,
            }
        }
    }

    /// How to reach the host, and by which key it is known.
    fn remote<'a>(&'a self, task: &'a Task, host: &Host, address: &'a str) -> Result<Remote<'a>, String> {
        if let Some(known_hosts) = &self.config.known_hosts {
            return Ok(Remote { config: &self.config, address, known_hosts: known_hosts.clone(), alias: None });
        }
        if host.host_keys.is_empty() {
            return Err("no key of the host is known: set `known_hosts`, or have its site give `host_keys`".to_owned());
        }
        if host.host_keys.iter().any(|key| key.contains(['\n', '\r'])) {
            return Err("a host key is one line".to_owned());
        }
        let known_hosts = self.keys.join(journal::file_name(&task.machine));
        let lines: String = host.host_keys.iter().map(|key| format!("host {key}\n")).collect();
        std::fs::write(&known_hosts, lines).map_err(|error| format!("{}: {error}", known_hosts.display()))?;
        Ok(Remote { config: &self.config, address, known_hosts, alias: Some("host") })
    }
}

fn note(log: &Arc<Mutex<Log>>, line: &str) {
    log.lock().unwrap_or_else(PoisonError::into_inner).write(line.as_bytes());
}

impl Backend for Bootstrapped {
    fn gives_back(&self) -> bool {
        self.inner.gives_back()
    }

    fn begin(&self, task: Task) -> BoxFuture<'_, Outcome> {
        async move {
            let outcome = self.inner.begin(self.passed_on(&task)).await;
            self.judge(&task, outcome).await
        }
        .boxed()
    }

    fn resolve(&self, task: Task) -> BoxFuture<'_, Outcome> {
        async move {
            let outcome = self.inner.resolve(self.passed_on(&task)).await;
            self.judge(&task, outcome).await
        }
        .boxed()
    }

    fn follow(&self, task: Task, outcome: Outcome) -> BoxFuture<'_, Outcome> {
        async move { self.run_commands(&task, outcome).await }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Row>, String>> {
        self.inner.list()
    }
}
