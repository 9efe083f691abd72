//! A report for people on runs under faults: what was promised, what broke, what happened. The frame and the charts are `argosy_page`'s.
//!
//! ```text
//!   worlds: Report ──┐
//!                    ├──> Page ──> render ──> text
//!   hosts: plays  ───┘
//! ```
//!
//! A page is neutral: it knows runs, spreads and timelines, neither worlds nor processes. With scripts turned off all is there but the
//! filter of the table.

mod sections;
mod timeline;

use std::collections::BTreeMap;

pub use argosy_page::{Spread, Tile, Tone, seconds};

use crate::timeline::Timeline;

/// What a page shows.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What it is called.
    pub title: String,
    /// What was run, in a sentence.
    pub about: String,
    /// The figures at its head.
    pub tiles: Vec<Tile>,
    /// What must not be.
    pub findings: Vec<Finding>,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<String, u64>,
    /// Distributions.
    pub spreads: Vec<Spread>,
    /// How often each failpoint fired; one that never did is shown as such. Without any the section is left out.
    pub failpoints: BTreeMap<String, u64>,
    /// The figures that every run has, by name.
    pub columns: Vec<String>,
    /// The runs.
    pub runs: Vec<Run>,
}

/// A broken promise.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// The promise.
    pub promise: String,
    /// In which run, and when.
    pub place: String,
    /// How.
    pub detail: String,
    /// What shows it again.
    pub command: String,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// What it is called: a seed, or a play.
    pub name: String,
    /// How many promises were broken in it.
    pub broken: usize,
    /// Its figures, in the order of the columns.
    pub figures: Vec<String>,
    /// What shows it again.
    pub command: String,
    /// What happened in it; not every run of many has one.
    pub timeline: Option<Timeline>,
    /// Moments that are marked in it: broken promises.
    pub marks: Vec<Mark>,
}

/// A moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// When, in seconds.
    pub at_s: f64,
    /// What it is called.
    pub label: String,
    /// More about it.
    pub detail: String,
}

/// The page as text.
#[must_use]
pub fn render(page: &Page) -> String {
    let mut html = String::with_capacity(64 * 1024);
    sections::write(&mut html, page);
    html
}

#[cfg(test)]
mod tests;
