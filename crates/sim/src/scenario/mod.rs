//! Scenario files: what is written, what is wrong with it, and what will be done otherwise than its author may think.
//!
//! Every file of Navarch's simulator is a scenario as it is (spec: its schema, key by key, in [`form`]); what only Argosy knows
//! stands under `argosy`. A key that does not exist, a word that means nothing and a value that fits no other are refused with
//! line and column, all at once. What that simulator only pretended to do is done, and said in a warning.

mod check;
mod error;
pub mod expectation;
pub mod form;
mod places;
pub mod reproduction;
pub mod scalar;
mod schema;
pub mod shipped;
mod warn;

pub use self::error::{Fault, ScenarioError};
pub use self::form::Scenario;
use self::places::Places;
pub use self::reproduction::Reproduction;
pub use self::schema::schema;

/// The starter file that `argosy-lab sim new` writes: every section with its usual values and what they mean.
pub const STARTER: &str = include_str!("starter.yaml");

/// The seed of a scenario that names none.
pub const USUAL_SEED: u64 = 1;

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file.
    pub scenario: Scenario,
    /// What is done otherwise than its author may think, each with line and column.
    pub warnings: Vec<String>,
    /// What the cascades of the file come to, if it has any.
    pub reproduction: Option<Reproduction>,
}

/// Reads a scenario; `file` is what messages call it.
///
/// # Errors
/// Everything that is wrong with it, with line and column.
pub fn load(file: &str, text: &str) -> Result<Loaded, ScenarioError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let scenario: Scenario = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ScenarioError::Form { file: file.to_owned(), reason: error.to_string() })?;
    let places = Places::of(text);
    let faults = check::faults(&scenario);
    if !faults.is_empty() {
        let placed = faults.into_iter().map(|(path, what)| {
            let (line, column) = places.find(&path);
            Fault { line, column, path, what }
        });
        let mut faults: Vec<Fault> = placed.collect();
        faults.sort_by_key(|fault| (fault.line, fault.column));
        return Err(ScenarioError::Values { file: file.to_owned(), faults });
    }
    let reproduction = Reproduction::of(&scenario);
    let warnings = warn::warnings(&scenario, reproduction.as_ref());
    let warnings = warnings.into_iter().map(|(path, what)| {
        let (line, column) = places.find(&path);
        // Without the file: where it lies must not show in what a run leaves behind.
        format!("{line}:{column}: {path}: {what}")
    });
    Ok(Loaded { warnings: warnings.collect(), scenario, reproduction })
}

impl Scenario {
    /// The seed that the file names, or the usual one.
    pub fn seed(&self) -> u64 {
        let named = self.stress.as_ref().map_or(0, |stress| stress.seed);
        if named == 0 { USUAL_SEED } else { named.cast_unsigned() }
    }

    /// What goes wrong by itself, if anything does.
    pub fn chaos(&self) -> Option<&form::Chaos> {
        self.stress.as_ref()?.chaos.as_ref().filter(|chaos| chaos.enabled)
    }

    /// Its assertions, and those of our own section, with the path of each.
    pub fn all_assertions(&self) -> impl Iterator<Item = (String, &form::Assertion)> {
        let ours = self.argosy.assertions.iter().enumerate();
        let theirs = self.assertions.iter().enumerate();
        theirs
            .map(|(at, one)| (format!("assertions[{at}]"), one))
            .chain(ours.map(|(at, one)| (format!("argosy.assertions[{at}]"), one)))
    }
}
