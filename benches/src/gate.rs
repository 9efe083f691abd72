//! The gate: instructions of every row, as callgrind counted them, against the baselines that are stored in the repository.
//!
//! Instructions do not depend on who else uses the machine, so two per cent mean something. They depend on the compiler, so
//! baselines name theirs and are compared with no other's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::rows::{self, Row};

/// How far a row may move, up or down, in parts per thousand.
const TOLERANCE_PER_MILLE: u64 = 20;
/// What no row is blamed for: an idle cycle is so short that an aligned copy more or less would be two per cent of it.
const TOLERANCE_INSTRUCTIONS: u64 = 64;

/// What a gate is told.
#[derive(clap::Args)]
pub(crate) struct Gate {
    /// The rows that were counted.
    #[arg(long)]
    counted: PathBuf,
    /// Where callgrind's outputs lie; each is named after its row.
    #[arg(long)]
    dumps: PathBuf,
    /// The rows of the timed run, to which the counts are added.
    #[arg(long)]
    timed: Option<PathBuf>,
    /// The stored baselines.
    #[arg(long)]
    baselines: PathBuf,
    /// The compiler, as it names itself.
    #[arg(long)]
    toolchain: String,
    /// Store what was counted as the new baselines.
    #[arg(long)]
    store: bool,
}

/// Instructions by row, and the compiler that they are true for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Baselines {
    toolchain: String,
    instructions: BTreeMap<String, u64>,
}

impl Gate {
    /// Compares, or stores.
    ///
    /// # Errors
    /// Names every row that has moved too far, has no baseline, or was not counted.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let counted = rows::read(&self.counted)?;
        let instructions = counted.iter().map(|row| Ok((row.name.clone(), count(&self.dumps, &row.name)?)));
        let instructions: BTreeMap<String, u64> = instructions.collect::<anyhow::Result<_>>()?;
        if let Some(path) = &self.timed {
            let mut timed = rows::read(path)?;
            timed.iter_mut().for_each(|row: &mut Row| row.instructions = instructions.get(&row.name).copied());
            rows::write(path, &timed)?;
        }
        let now = Baselines { toolchain: self.toolchain.clone(), instructions };
        if self.store {
            let text = serde_json::to_string_pretty(&now).context("baselines are plain data")?;
            let stored = std::fs::write(&self.baselines, text + "\n");
            return stored.with_context(|| format!("cannot write {}", self.baselines.display()));
        }
        let text =
            std::fs::read_to_string(&self.baselines).context("there are no baselines: run make bench-baselines")?;
        let stored: Baselines = serde_json::from_str(&text).context("the baselines cannot be read")?;
        let moved = compare(&stored, &now)?;
        anyhow::ensure!(moved.is_empty(), "instructions moved beyond 2 %:\n  {}", moved.join("\n  "));
        println!("# instructions of {} rows are within 2 % of their baselines", now.instructions.len());
        Ok(())
    }
}

/// One line for each row that is not what its baseline says.
fn compare(stored: &Baselines, now: &Baselines) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        stored.toolchain == now.toolchain,
        "the baselines are of {}, this is {}: use that compiler, or store new ones with make bench-baselines",
        stored.toolchain,
        now.toolchain
    );
    let names = stored.instructions.keys().chain(now.instructions.keys()).collect::<std::collections::BTreeSet<_>>();
    let line = |name: &String| match (stored.instructions.get(name), now.instructions.get(name)) {
        (Some(before), Some(after)) => {
            let moved = before.abs_diff(*after);
            let per_mille = moved * 1_000 / (*before).max(1);
            let sign = if after > before { '+' } else { '-' };
            let text = format!("{name}: {before} -> {after} ({sign}{}.{} %)", per_mille / 10, per_mille % 10);
            println!("# {text}");
            (per_mille > TOLERANCE_PER_MILLE && moved > TOLERANCE_INSTRUCTIONS).then_some(text)
        }
        (Some(_), None) => Some(format!("{name}: has a baseline and was not counted")),
        (None, _) => Some(format!("{name}: has no baseline")),
    };
    Ok(names.into_iter().filter_map(line).collect())
}

/// The instructions of one row.
fn count(dumps: &Path, row: &str) -> anyhow::Result<u64> {
    let path = dumps.join(row);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind writes its totals")?;
    let count: u64 = total.trim().parse().with_context(|| format!("{} has no count", path.display()))?;
    anyhow::ensure!(count > 0, "{row}: nothing was counted; is the measured function still called meter::counted?");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baselines(toolchain: &str, rows: &[(&str, u64)]) -> Baselines {
        let instructions = rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baselines { toolchain: toolchain.to_owned(), instructions }
    }

    #[test]
    fn a_row_beyond_two_per_cent_is_named_whichever_way_it_moved() {
        let stored = baselines("1.95", &[("a", 10_000), ("b", 10_000), ("c", 10_000), ("d", 100)]);
        let now = baselines("1.95", &[("a", 10_200), ("b", 10_210), ("c", 9_790), ("d", 110)]);
        let moved = compare(&stored, &now).expect("one compiler");
        assert_eq!(moved, ["b: 10000 -> 10210 (+2.1 %)", "c: 10000 -> 9790 (-2.1 %)"]);
    }

    #[test]
    fn a_row_that_comes_or_goes_is_named() {
        let moved = compare(&baselines("1.95", &[("old", 1)]), &baselines("1.95", &[("new", 1)]));
        let moved = moved.expect("one compiler");
        assert_eq!(moved, ["new: has no baseline", "old: has a baseline and was not counted"]);
    }

    #[test]
    fn another_compiler_s_baselines_are_not_compared() {
        assert!(compare(&baselines("1.95", &[]), &baselines("1.96", &[])).is_err());
    }
}
