//! Everything that can be run by name, and the goldens of what is scripted.

use std::path::{Path, PathBuf};

use crate::check::Report;
use crate::closed::{cases, random};
use crate::difference;
use crate::error::SimError;
use crate::quality;
use crate::script::stories;
use crate::soak::Soak;
use crate::trace::Trace;

/// What kind of run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Fixed from beginning to end, with a golden trace.
    Scripted,
    /// Pods, schedulers and the engine in a loop.
    ClosedLoop,
    /// Drawn from a seed.
    Random,
    /// Everything at once, for long.
    Soak,
}

impl Family {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scripted => "scripted",
            Self::ClosedLoop => "closed-loop",
            Self::Random => "random",
            Self::Soak => "soak",
        }
    }
}

/// Something that can be run.
pub struct Run {
    /// Its name.
    pub name: String,
    /// What kind of run it is.
    pub family: Family,
    /// What it shows.
    pub about: String,
    /// Whether it takes minutes without optimisation.
    pub heavy: bool,
    play: Box<dyn Fn() -> Played>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was expected and seen.
    pub report: Report,
    /// What happened, step by step; empty where no trace is kept.
    pub trace: Trace,
}

impl Run {
    /// A run.
    pub fn new(name: &str, family: Family, about: &str, play: impl Fn() -> Played + 'static) -> Self {
        Self { name: name.to_owned(), family, about: about.to_owned(), heavy: false, play: Box::new(play) }
    }

    fn heavy_if(mut self, heavy: bool) -> Self {
        self.heavy = heavy;
        self
    }

    /// Runs it.
    pub fn play(&self) -> Played {
        (self.play)()
    }

    /// Whether it has a golden trace.
    pub fn has_golden(&self) -> bool {
        self.family == Family::Scripted
    }

    /// Runs it and writes its golden trace. Returns where.
    ///
    /// # Errors
    /// [`SimError::Golden`] when the file cannot be written.
    pub fn record(&self, folder: &Path) -> Result<PathBuf, SimError> {
        let path = self.golden(folder);
        match std::fs::write(&path, self.play().trace.text()) {
            Ok(()) => Ok(path),
            Err(source) => Err(SimError::Golden { path, source }),
        }
    }

    /// Runs it and compares it with its golden trace. Returns the report, and where they part if they do.
    ///
    /// # Errors
    /// [`SimError::Golden`] when the file cannot be read.
    pub fn verify(&self, folder: &Path) -> Result<(Report, Option<String>), SimError> {
        let path = self.golden(folder);
        let golden = std::fs::read_to_string(&path).map_err(|source| SimError::Golden { path, source })?;
        let played = self.play();
        Ok((played.report, difference::explain(&golden, &played.trace.text())))
    }

    fn golden(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.jsonl", self.name))
    }
}

/// All runs, family by family.
pub fn all() -> Vec<Run> {
    let scripted = stories::all().into_iter();
    let scripted = scripted.map(|script| Run::new(script.name, Family::Scripted, script.about, move || script.play()));
    let closed = cases::all().into_iter();
    let closed = closed.map(|case| {
        let heavy = case.heavy;
        Run::new(case.name, Family::ClosedLoop, case.about, move || untraced(case.play())).heavy_if(heavy)
    });
    scripted.chain(closed).chain(drawn()).chain(soaks()).collect()
}

fn untraced(report: Report) -> Played {
    Played { report, trace: Trace::default() }
}

fn drawn() -> Vec<Run> {
    let best = "three hundred small fleets, held against the best that trying everything finds";
    vec![
        Run::new(
            "random-worlds",
            Family::Random,
            "four hundred drawn worlds under the reference engine: sound, and at rest",
            || untraced(random::campaign("random-worlds", 1, 400)),
        )
        .heavy_if(true),
        Run::new("near-the-best", Family::Random, best, || {
            let checks = quality::tally(1, 300).checks();
            untraced(Report::of_many("near-the-best", checks))
        }),
    ]
}

fn soaks() -> Vec<Run> {
    let short = Soak { cycles: 600, calm: 250, machines: 600, clusters: 8, ..Soak::default() };
    let day = "28 hours of 3,000 machines and 30 clusters: shortage, gangs, spread, losses, failures, new leaders";
    vec![
        Run::new("soak-short", Family::Soak, "the same for two hours of 600 machines", move || {
            untraced(short.run("soak-short"))
        }),
        Run::new("soak", Family::Soak, day, move || untraced(Soak::default().run("soak"))).heavy_if(true),
    ]
}

/// The run of a name.
///
/// # Errors
/// [`SimError::Unknown`], which lists the names there are.
pub fn find(name: &str) -> Result<Run, SimError> {
    let mut runs = all();
    match runs.iter().position(|run| run.name == name) {
        Some(at) => Ok(runs.swap_remove(at)),
        None => {
            let known: Vec<String> = runs.into_iter().map(|run| run.name).collect();
            Err(SimError::Unknown { name: name.to_owned(), known: known.join(", ") })
        }
    }
}
