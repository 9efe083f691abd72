//! Where worlds are run: each in a process of its own, so that it is the first of its process.
//!
//! A process makes some things once: tables, parsers, counters of libraries. The first world that asks for them pays for it with draws of its
//! own entropy, and a later one in the same process finds them made: it would be another world than the same seed alone. A world that aborts
//! takes its process with it besides, and no other world.
//!
//! A child is asked for its world by a line of JSON on its standard input, and answers with the outcome as another on its standard output.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::faults::Campaign;
use crate::run::{Outcome, Violation, run};

/// Runs worlds, one at a time.
pub trait Stage {
    /// Runs a campaign with a seed.
    fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome;
}

/// A child process for every world.
#[derive(Clone, Debug)]
pub struct Apart {
    program: PathBuf,
    arguments: Vec<OsString>,
    traced: bool,
}

/// What a child is asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    campaign: Campaign,
    seed: u64,
    /// Whether the lines of the trace are wanted as well.
    traced: bool,
}

impl Apart {
    /// Children of this program with these arguments; it calls [`serve`].
    #[must_use]
    pub fn of(program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self { program: program.to_owned(), arguments, traced: false }
    }

    /// The same, whose outcomes have their traces.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }

    fn ask(&self, child: &mut Child, asked: &Asked) -> io::Result<Outcome> {
        let (asks, answers) = (child.stdin.take(), child.stdout.take());
        let (mut asks, answers) = asks.zip(answers).ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = serde_json::to_string(asked)?;
        line.push('\n');
        asks.write_all(line.as_bytes())?;
        line.clear();
        BufReader::new(answers).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("it gave no outcome; replay the seed to see why"));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Stage for Apart {
    fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome {
        let asked = Asked { campaign: campaign.clone(), seed, traced: self.traced };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let lost = |detail: String| {
            let violation = Violation { invariant: "nothing aborts".to_owned(), at: Duration::ZERO, detail };
            Outcome { seed, violations: vec![violation], ..Outcome::default() }
        };
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return lost(format!("ARG-0952: a process for this world could not be started: {error}")),
        };
        let answer = self.ask(&mut child, &asked);
        let ended = child.wait().map(|status| status.to_string());
        let ended = ended.unwrap_or_else(|error| error.to_string());
        answer.unwrap_or_else(|error| lost(format!("the process of this world ended ({ended}): {error}")))
    }
}

/// Answers as a child: runs the one world that standard input asks for.
///
/// # Errors
/// When what is asked cannot be read, or nobody reads the answer.
pub fn serve() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let asked: Asked = serde_json::from_str(&line)?;
    let mut outcome = run(&asked.campaign, asked.seed);
    if !asked.traced {
        outcome.trace.clear();
    }
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &outcome)?;
    writeln!(out)?;
    out.flush()
}
