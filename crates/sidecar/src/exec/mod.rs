//! `argosy provider exec`: a site's own scripts as the backend.
//!
//! One command for each verb, run without a shell: JSON on its standard input, JSON from its standard output, words for people on its
//! standard error. Only what a script says on its output is believed. A script that is killed at its limit, that says too much,
//! something else or nothing leaves its transition in doubt, and then `status` is asked.

mod config;
mod process;
mod talk;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use argosy_provider::contract::Kind;
use futures::FutureExt as _;
use futures::future::BoxFuture;

pub use self::config::{ExecConfig, Verb, Verbs};
pub(crate) use self::process::{Group, PATH};
use self::process::{Order, Said, run};
pub(crate) use self::talk::ending;
use self::talk::{Answer, Listed, Request};
use crate::backend::{Backend, Outcome, Row, Task};

/// A site's scripts.
pub struct Scripts {
    verbs: BTreeMap<&'static str, Verb>,
    environment: Arc<BTreeMap<String, String>>,
    folder: PathBuf,
    output_bytes: usize,
    log_bytes: usize,
}

impl Scripts {
    /// The scripts of a configuration.
    #[must_use]
    pub fn new(config: &ExecConfig) -> Self {
        let verbs = &config.verbs;
        let always = [
            ("list", &verbs.list),
            ("create", &verbs.create),
            ("configure", &verbs.configure),
            ("drain", &verbs.drain),
            ("status", &verbs.status),
        ];
        let all = always.into_iter().chain(verbs.delete.as_ref().map(|verb| ("delete", verb)));
        Self {
            verbs: all.map(|(name, verb)| (name, verb.clone())).collect(),
            environment: Arc::new(config.environment.clone()),
            folder: config.folder.clone(),
            output_bytes: config.output_bytes,
            log_bytes: config.log_bytes,
        }
    }

    async fn ask(&self, verb: &'static str, key: &str, stdin: Vec<u8>) -> Said {
        let Some(found) = self.verbs.get(verb) else {
            return Said::NotStarted(format!("there is no command for {verb}"));
        };
        let order = Order {
            verb,
            key: key.to_owned(),
            argv: found.command.clone(),
            environment: Arc::clone(&self.environment),
            folder: self.folder.clone(),
            stdin,
            limit: found.timeout.0,
            output_bytes: self.output_bytes,
            log_bytes: self.log_bytes,
        };
        run(order).await
    }

    async fn tell(&self, verb: &'static str, task: Task) -> Outcome {
        let stdin = Request::of(verb, &task).to_json();
        match self.ask(verb, &task.key, stdin).await {
            // Nothing has run, so nothing has happened.
            Said::NotStarted(reason) if verb != "status" => Outcome::NotBegun { reason, wait: None },
            Said::NotStarted(reason) | Said::Cut(reason) => Outcome::Doubt(reason),
            Said::Out { stdout, code } => Answer::read(&stdout, code).outcome(verb, task.kind),
        }
    }
}

impl Backend for Scripts {
    fn gives_back(&self) -> bool {
        self.verbs.contains_key(Kind::Delete.name())
    }

    fn begin(&self, task: Task) -> BoxFuture<'_, Outcome> {
        self.tell(task.kind.name(), task).boxed()
    }

    fn resolve(&self, task: Task) -> BoxFuture<'_, Outcome> {
        self.tell("status", task).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Row>, String>> {
        async {
            let stdin = Request::inventory().to_json();
            match self.ask("list", "", stdin).await {
                Said::NotStarted(reason) | Said::Cut(reason) => Err(reason),
                Said::Out { stdout, code: Some(0) } => Listed::read(&stdout),
                Said::Out { code, .. } => Err(format!("list ended with {}", ending(code))),
            }
        }
        .boxed()
    }
}
