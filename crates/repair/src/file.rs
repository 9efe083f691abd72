//! Policy files. Strict: a key that is not known is an error with its line and column, and every value that makes no sense is
//! told at once.

use crate::policy::{Policy, VERSION};

/// Longest file, in bytes.
pub const MAX_BYTES: usize = 256 * 1_024;

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not in the form of a repair policy.
    #[error("ARG-1020: {file}: {reason}; correct the file, docs/reference/repair.md has every key")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Values in it make no sense.
    #[error("ARG-1021: {file}: {}", faults.join("; "))]
    Values {
        /// What the file is called.
        file: String,
        /// All of them, each with its key.
        faults: Vec<String>,
    },
}

/// Reads a policy; `file` is what messages call it.
///
/// # Errors
/// ARG-1020 with line and column, or ARG-1021 with every value that makes no sense.
pub fn parse(file: &str, text: &str) -> Result<Policy, FileError> {
    let form = |reason: String| FileError::Form { file: file.to_owned(), reason };
    if text.len() > MAX_BYTES {
        return Err(form(format!("it has {} bytes, and {MAX_BYTES} are allowed", text.len())));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let policy: Policy = serde_saphyr::from_str_with_options(text, options).map_err(|error| form(error.to_string()))?;
    if policy.version != VERSION {
        return Err(form(format!("it has version {}, this release reads version {VERSION}", policy.version)));
    }
    let faults: Vec<String> = policy.faults().iter().map(ToString::to_string).collect();
    if faults.is_empty() { Ok(policy) } else { Err(FileError::Values { file: file.to_owned(), faults }) }
}

/// A policy as people write it.
#[must_use]
pub fn to_yaml(policy: &Policy) -> String {
    serde_saphyr::to_string(policy).unwrap_or_else(|error| unreachable!("plain data is written as YAML: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;
    use crate::policy::{Limit, Overdue};

    const GOOD: &str = include_str!("../tests/repair.yaml");

    #[test]
    fn a_file_is_read_and_written_and_read_again() {
        let read = parse("repair.yaml", GOOD).expect("it is sound");
        assert_eq!(parse("again.yaml", &to_yaml(&read)), Ok(read.clone()));
        assert_eq!((read.threshold.reports, read.budgets[0].at_once), (2, Limit::Count(1)));
        assert_eq!((read.act.reboot_host.escalate_to, read.act.reset_gpu.attempts), (Some(Class::Replace), 2));
        assert_eq!(read.act.reset_gpu.when_overdue, Overdue::Force);
    }

    #[test]
    fn what_a_file_does_not_say_is_as_in_a_new_installation() {
        assert_eq!(parse("repair.yaml", "version: 1"), Ok(Policy::default()));
        assert_eq!(parse("again.yaml", &to_yaml(&Policy::default())), Ok(Policy::default()));
        assert_eq!((Policy::default().faults(), Policy::default().warnings()), (vec![], vec![]));
    }

    #[test]
    fn a_policy_reads_back_from_the_log_as_it_was_written() {
        for policy in [Policy::default(), parse("repair.yaml", GOOD).expect("it is sound")] {
            let bytes = postcard::to_stdvec(&policy).expect("plain data");
            assert_eq!(postcard::from_bytes(&bytes), Ok(policy));
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_column() {
        for (right, wrong, place) in [
            ("threshold:", "treshold:", "line 3"),
            ("when_overdue: force", "when_overdu: force", "line 7"),
            ("at_once: 1", "atonce: 1", "line 13"),
        ] {
            assert!(GOOD.contains(right), "{right}");
            let error = parse("repair.yaml", &GOOD.replacen(right, wrong, 1)).expect_err(wrong).to_string();
            let told =
                error.starts_with("ARG-1020: repair.yaml: ") && error.contains(place) && error.contains("column");
            assert!(told, "{error}");
        }
    }

    #[test]
    fn every_value_that_makes_no_sense_is_told_at_once() {
        let wrong = GOOD.replace("reports: 2", "reports: 0").replace("escalate_to: replace", "escalate_to: reset-gpu");
        let error = parse("repair.yaml", &wrong).expect_err("unsound").to_string();
        for told in ["ARG-1021", "`threshold.reports`", "`act.reboot-host.escalate_to`"] {
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn a_day_or_zone_that_is_none_is_a_load_error() {
        for (right, wrong) in [("mon, tue", "mon, tuesady"), ("Europe/Berlin", "Mars/Olympus"), ("30%", "30 machines")]
        {
            assert!(GOOD.contains(right), "{right}");
            let error = parse("repair.yaml", &GOOD.replacen(right, wrong, 1)).expect_err(wrong).to_string();
            assert!(error.starts_with("ARG-1020") && error.contains("line"), "{error}");
        }
    }

    #[test]
    fn a_policy_without_brakes_is_warned_about() {
        let warnings = parse("repair.yaml", "{version: 1, breakers: [], budgets: []}").expect("sound").warnings();
        assert_eq!(warnings.len(), 2);
    }
}
