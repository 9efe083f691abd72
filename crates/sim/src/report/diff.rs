//! Two runs compared by their figures: what was asserted, counted and measured, and where it differs.
//!
//! Reports are compared as JSON, key by key, so that an older report can be compared with a newer one: a figure that only one of them has
//! is a difference that says so. Assertions are compared by their text, whatever their order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::FIGURES_FILE;
use crate::error::SimError;

/// Lists of more than so many entries are compared as a whole.
const MOST_ENTRIES: usize = 64;

/// One figure that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Which figure.
    pub figure: String,
    /// What it is in the first run; `None` if that has no such figure.
    pub before: Option<Value>,
    /// What it is in the second.
    pub after: Option<Value>,
    /// By how much it grew, in a hundred, where it is a number that was not zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Figures that were compared.
    pub compared: usize,
    /// Those that differ, by name.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Of two reports.
    pub fn of(before: &Value, after: &Value) -> Self {
        let (before, after) = (flat(before), flat(after));
        let mut figures: Vec<&String> = before.keys().chain(after.keys()).collect();
        figures.sort();
        figures.dedup();
        let differences =
            figures.iter().filter_map(|figure| difference(figure, before.get(*figure), after.get(*figure)));
        Self { differences: differences.collect(), compared: figures.len() }
    }

    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Reads the report of a run directory, or a report.
///
/// # Errors
/// [`SimError::NoReport`] when there is none.
pub fn read(path: &Path) -> Result<Value, SimError> {
    let file = if path.is_dir() { path.join(FIGURES_FILE) } else { path.to_owned() };
    let no_report = |why: String| SimError::NoReport { path: file.clone(), why };
    let text = std::fs::read(&file).map_err(|error| no_report(error.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| no_report(error.to_string()))?;
    if value.get("trace_hash").is_none() {
        return Err(no_report("it has no trace_hash".to_owned()));
    }
    Ok(value)
}

fn difference(figure: &str, before: Option<&Value>, after: Option<&Value>) -> Option<Difference> {
    if before == after {
        return None;
    }
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    let percent = match (number(before), number(after)) {
        (Some(before), Some(after)) if before != 0.0 => Some((after - before) / before * 100.0),
        _ => None,
    };
    Some(Difference { figure: figure.to_owned(), before: before.cloned(), after: after.cloned(), percent })
}

/// Every figure of a report, by the way to it. How long a run took is none.
fn flat(report: &Value) -> BTreeMap<String, Value> {
    let mut figures = BTreeMap::new();
    add(&mut figures, String::new(), report);
    figures.remove("wall_s");
    figures
}

fn add(figures: &mut BTreeMap<String, Value>, way: String, value: &Value) {
    let below = |key: &str| if way.is_empty() { key.to_owned() } else { format!("{way}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| add(figures, below(key), value)),
        Value::Array(checks) if way == "assertions" => {
            for check in checks {
                let text = check["text"].as_str().unwrap_or_default();
                for key in ["expected", "seen", "passed"] {
                    figures.insert(format!("{way}[{text}].{key}"), check[key].clone());
                }
            }
        }
        Value::Array(entries) if entries.len() > MOST_ENTRIES => {
            figures.insert(below("length"), entries.len().into());
            figures.insert(
                way,
                format!("{:016x}", argosy_workload::dice::stable_hash(value.to_string().as_bytes())).into(),
            );
        }
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(at, value)| add(figures, format!("{way}[{at}]"), value));
        }
        plain => drop(figures.insert(way, plain.clone())),
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            None => "-".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        for Difference { figure, before, after, percent } in &self.differences {
            let change = percent.map_or(String::new(), |percent| format!("  ({percent:+.1} %)"));
            writeln!(f, "{figure:<44} {:>18} -> {}{change}", shown(before), shown(after))?;
        }
        match self.differences.len() {
            0 => writeln!(f, "the same in all {} figures", self.compared),
            count => writeln!(f, "{count} of {} figures differ", self.compared),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(failures: u64, passed: bool) -> Value {
        let check = json!({"text": "node-1 is active", "expected": "active", "seen": "active", "passed": passed});
        json!({"trace_hash": "x", "wall_s": failures, "tally": {"failures": failures, "by_xid": {"79": 2}},
               "assertions": [check], "samples": (0..100).collect::<Vec<u64>>()})
    }

    #[test]
    fn a_report_is_the_same_as_itself_however_long_it_took() {
        let mut slower = report(3, true);
        slower["wall_s"] = 99.into();
        let same = Comparison::of(&report(3, true), &slower);
        assert!(same.is_same() && same.compared > 5, "{same}");
    }

    #[test]
    fn what_differs_is_named_with_both_sides_and_by_how_much() {
        let mut after = report(6, false);
        after["tally"]["by_xid"] = json!({"48": 1});
        after["samples"][7] = 0.into();
        let found = Comparison::of(&report(4, true), &after);
        let named: Vec<&str> = found.differences.iter().map(|one| one.figure.as_str()).collect();
        let want =
            ["assertions[node-1 is active].passed", "samples", "tally.by_xid.48", "tally.by_xid.79", "tally.failures"];
        assert_eq!(named, want);
        assert_eq!(found.differences[4].percent, Some(50.0));
        assert_eq!((&found.differences[2].before, &found.differences[3].after), (&None, &None));
        assert!(found.to_string().contains("5 of"), "{found}");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("ARG-1334"));
        let file = folder.path().join("x.json");
        std::fs::write(&file, "{}").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("trace_hash"));
    }
}
