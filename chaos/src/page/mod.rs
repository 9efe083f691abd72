//! A report for people: one HTML file that needs no network, no fonts and no scripts of others, and opens from disk.
//!
//! ```text
//!   worlds: Report ──┐
//!                    ├──> Page ──> render ──> text
//!   hosts: plays  ───┘
//! ```
//!
//! A page is neutral: it knows runs, spreads and timelines, neither worlds nor processes. Everything that it is given is escaped. With
//! scripts turned off all is there but the filter of the table.

mod bars;
mod escape;
mod histogram;
mod sections;
mod timeline;

use std::collections::BTreeMap;

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

/// One figure at the head of a page.
#[derive(Clone, Debug, Default)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: String,
    /// How to take it.
    pub tone: Tone,
}

/// How a figure is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// It says what it says.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
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

/// Times of one kind.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    /// What they are.
    pub title: String,
    /// In seconds.
    pub seconds: Vec<f64>,
    /// What they should stay below, if anything was promised.
    pub aim_s: Option<f64>,
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

/// A time as people read it.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 600.0 => format!("{s:.1} s"),
        s if s < 36_000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

#[cfg(test)]
mod tests;
