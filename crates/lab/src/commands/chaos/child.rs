//! Worlds in child processes: a world that aborts takes its process with it and no other world.
//!
//! A child is this program again, as `chaos world`. It reads a campaign and a seed as a line of JSON and answers with the outcome as
//! another, until nothing more comes.

use std::io::{BufRead as _, BufReader, Write as _, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use argosy_chaos::faults::Campaign;
use argosy_chaos::run::{Outcome, Violation, run};
use argosy_chaos::stage::Stage;
use serde::{Deserialize, Serialize};

/// What a child is asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    campaign: Campaign,
    seed: u64,
}

/// Answers as a child, until its parent has heard enough.
pub(super) fn serve() -> anyhow::Result<()> {
    for line in stdin().lock().lines() {
        let asked: Asked = serde_json::from_str(&line?)?;
        let outcome = run(&asked.campaign, asked.seed);
        let mut out = stdout().lock();
        serde_json::to_writer(&mut out, &outcome)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

/// Runs worlds in a child process, and in another one when that has died.
#[derive(Debug, Default)]
pub(super) struct Apart(Option<Running>);

#[derive(Debug)]
struct Running {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Stage for Apart {
    fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome {
        self.asked(&Asked { campaign: campaign.clone(), seed }).unwrap_or_else(|error| {
            let ended = self.0.take().map(Running::ended).unwrap_or_default();
            let detail = format!("{ended}{error:#}");
            let violation = Violation { invariant: "nothing aborts".to_owned(), at: Duration::ZERO, detail };
            Outcome { seed, violations: vec![violation], ..Outcome::default() }
        })
    }
}

impl Apart {
    fn asked(&mut self, asked: &Asked) -> anyhow::Result<Outcome> {
        let running = match &mut self.0 {
            Some(running) => running,
            none => none.insert(Running::start()?),
        };
        let mut line = serde_json::to_string(asked)?;
        line.push('\n');
        running.asks.write_all(line.as_bytes())?;
        line.clear();
        running.answers.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "replay the seed to see why");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Running {
    fn start() -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("ARG-0952: where this program lies is not known")?;
        let mut command = Command::new(program);
        command.args(["chaos", "world"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("ARG-0952: a process for a world could not be started")?;
        let (asks, answers) = (child.stdin.take(), child.stdout.take());
        let asks = asks.context("its standard input is piped")?;
        let answers = BufReader::new(answers.context("its standard output is piped")?);
        Ok(Self { child, asks, answers })
    }

    /// How the process ended.
    fn ended(mut self) -> String {
        drop(self.asks);
        self.child.wait().map(|status| format!("the process of this world ended ({status}); ")).unwrap_or_default()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It ends when it is asked nothing more.
        drop(self.0.take().map(Running::ended));
    }
}
