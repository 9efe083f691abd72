//! One run: which rows are wanted, how long each is measured, and what came out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limit::Limit;
use crate::meter::{Effort, Meter};
use crate::rows::{About, Row, head};

/// Collects the rows of one run.
pub(crate) struct Run {
    only: Vec<String>,
    is_counting: bool,
    suffix: &'static str,
    limits: BTreeMap<usize, Limit>,
    rows: Vec<Row>,
}

impl Run {
    /// All rows, or only some. A run that counts instructions takes one sample of each. Rows whose size does not follow that
    /// of the run bear its `suffix`, so that no name stands for rows of two runs.
    pub(crate) fn new(only: Vec<String>, is_counting: bool, suffix: &'static str) -> Self {
        println!("{}", head());
        Self { only, is_counting, suffix, limits: BTreeMap::new(), rows: Vec::new() }
    }

    /// The name in this run of a row that is always of one size.
    pub(crate) fn name(&self, row: &str) -> String {
        format!("{row}{}", self.suffix)
    }

    /// Whether any of these rows is wanted, and so their world.
    pub(crate) fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(name))
    }

    /// Whether a row is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// A meter for a row that is cheap to repeat, or for one that is not.
    pub(crate) fn meter(&self, is_cheap: bool) -> Meter {
        Meter::new(match (self.is_counting, is_cheap) {
            (true, _) => Effort::ONCE,
            (false, true) => Effort { time: Duration::from_secs(5), least: 20, most: 1_000 },
            (false, false) => Effort { time: Duration::from_secs(8), least: 3, most: 20 },
        })
    }

    /// This machine's limits for a fleet of this size; measured once.
    pub(crate) fn limit(&mut self, machines: usize) -> Limit {
        // Where instructions are counted nobody reads a time.
        let measured = if self.is_counting { 1_000 } else { machines };
        *self.limits.entry(machines).or_insert_with(|| {
            let limit = Limit::measure(measured);
            println!("# {machines} machines: {limit}");
            limit
        })
    }

    /// Adds a finished row.
    pub(crate) fn row(&mut self, name: &str, about: &About, meter: &Meter) {
        let row = Row::new(name, about, meter);
        println!("{row}");
        self.rows.push(row);
    }

    /// Everything that was measured.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}
