//! What a run leaves behind for people and for other programs.
//!
//! ```text
//!              ┌──> Figures ──> report.json ──> diff
//! RunRecord ───┼──> csv ──────> samples.csv, events.csv, nodes.csv
//!              └──> page ─────> report.html
//! ```
//!
//! Everything is made of the record, and the record of virtual time alone: one file and one seed give the same bytes of every file. How long
//! the run took is not in them. The figures of the page are those of [`Figures`]; nothing is counted twice.

mod csv;
pub mod diff;
mod figures;
mod lives;
mod page;

use std::path::Path;

use serde::Serialize;

use crate::error::SimError;
use crate::rehearsal::record::RunRecord;

pub use self::figures::{Figures, Fleet};
pub use self::page::write as page;

/// The file of a run directory that [`diff`] reads.
pub const FIGURES_FILE: &str = "report.json";

/// The files of a run directory, by name: the scenario as it was given, the record, the figures, the page and the tables.
pub fn files(record: &RunRecord, scenario: Option<&str>) -> Vec<(&'static str, String)> {
    let figures = Figures::of(record);
    let mut files = vec![
        ("record.json", pretty(record)),
        (FIGURES_FILE, pretty(&figures)),
        ("report.html", page::write(record)),
        ("samples.csv", csv::samples(record)),
        ("events.csv", csv::events(record)),
        ("nodes.csv", csv::nodes(record)),
    ];
    files.extend(scenario.map(|text| ("scenario.yaml", text.to_owned())));
    files
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("it is plain data") + "\n"
}

/// Writes a run directory, which is made if it is missing.
///
/// # Errors
/// [`SimError::Unwritable`] names what could not be written.
pub fn write(record: &RunRecord, scenario: Option<&str>, folder: &Path) -> Result<(), SimError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        |source| SimError::Unwritable { path, source }
    };
    std::fs::create_dir_all(folder).map_err(unwritable(folder))?;
    for (name, text) in files(record, scenario) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(unwritable(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
