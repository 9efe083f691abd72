//! Reads the openb trace: nodes, and any of the family of task files, by the names of their columns.
//!
//! All bad rows are found before anything is refused. A bad row is left out of the result; whether the rest may be used
//! is the caller's decision.

use std::collections::BTreeSet;
use std::path::Path;

use super::problems::{BadRows, TraceError};
use super::tables::{Column, Row, Table};
use super::{MILLI_PER_GPU, Node, NodeShape, Phase, Qos, Task, Trace};

/// What was read: the good rows and the bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<T> {
    /// What the good rows say.
    pub value: T,
    /// The others.
    pub bad: BadRows,
}

impl<T> Read<T> {
    /// The value and the number of rows left out; refuses bad rows unless they may be skipped.
    ///
    /// # Errors
    /// [`TraceError::BadRows`] when there are any and `skip_bad_rows` is false.
    pub fn accept(self, skip_bad_rows: bool) -> Result<(T, u64), TraceError> {
        if skip_bad_rows || self.bad.is_empty() {
            Ok((self.value, self.bad.rows))
        } else {
            Err(TraceError::BadRows(self.bad))
        }
    }
}

const NODE_COLUMNS: &[Column] = &[
    Column::required("sn"),
    Column::required("cpu_milli"),
    Column::required("memory_mib"),
    Column::required("gpu"),
    Column::required("model"),
];
const SN: usize = 0;
const NODE_CPU: usize = 1;
const NODE_MEMORY: usize = 2;
const GPU: usize = 3;
const MODEL: usize = 4;

const TASK_COLUMNS: &[Column] = &[
    Column::required("name"),
    Column::required("cpu_milli"),
    Column::required("memory_mib"),
    Column::required("num_gpu"),
    Column::required("gpu_milli"),
    Column::required("creation_time"),
    Column::optional("deletion_time"),
    Column::optional("gpu_spec"),
    Column::optional("qos"),
    Column::optional("pod_phase"),
];
const NAME: usize = 0;
const CPU: usize = 1;
const MEMORY: usize = 2;
const NUM_GPU: usize = 3;
const GPU_SHARE: usize = 4;
const CREATED: usize = 5;
const DELETED: usize = 6;
const SPEC: usize = 7;
const QOS: usize = 8;
const PHASE: usize = 9;

/// Reads both files of a trace.
///
/// # Errors
/// A file cannot be read, or its header lacks a column.
pub fn read(nodes: &Path, tasks: &Path) -> Result<Read<Trace>, TraceError> {
    let nodes = read_nodes(nodes, &bytes_of(nodes)?)?;
    let tasks = read_tasks(tasks, &bytes_of(tasks)?)?;
    let trace = Trace { nodes: nodes.value, tasks: tasks.value };
    Ok(Read { value: trace, bad: nodes.bad.joined(tasks.bad) })
}

/// Reads a file of nodes; `path` is what messages call it.
///
/// # Errors
/// The header lacks a column.
pub fn read_nodes(path: &Path, bytes: &[u8]) -> Result<Read<Vec<Node>>, TraceError> {
    rows(path, bytes, "nodes", NODE_COLUMNS, node, |node| &node.name)
}

/// Reads a file of tasks, and sorts them by arrival; `path` is what messages call it.
///
/// # Errors
/// The header lacks a column.
pub fn read_tasks(path: &Path, bytes: &[u8]) -> Result<Read<Vec<Task>>, TraceError> {
    let mut read = rows(path, bytes, "tasks", TASK_COLUMNS, task, |task| &task.name)?;
    read.value.sort_by(|a, b| (a.arrival_ms, &a.name).cmp(&(b.arrival_ms, &b.name)));
    Ok(read)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, TraceError> {
    std::fs::read(path).map_err(|source| TraceError::Unreadable { path: path.to_owned(), source })
}

fn rows<T>(
    path: &Path,
    bytes: &[u8],
    what: &'static str,
    columns: &'static [Column],
    parse: impl Fn(&mut Row<'_>) -> T,
    name: impl Fn(&T) -> &str,
) -> Result<Read<Vec<T>>, TraceError> {
    let mut table = Table::open(path, bytes, what, columns)?;
    let (mut value, mut bad, mut names) = (Vec::new(), BadRows::default(), BTreeSet::new());
    while let Some(mut row) = table.next_row()? {
        let parsed = parse(&mut row);
        if name(&parsed).is_empty() {
            row.report(0, "is empty; every row has a name");
        } else if names.contains(name(&parsed)) {
            row.report(0, format!("'{}' stands in an earlier row; names are unique", name(&parsed)));
        }
        let mut found = std::mem::take(&mut row.bad);
        found.sort_by_key(|bad| bad.column);
        if found.is_empty() {
            names.insert(name(&parsed).to_owned());
            value.push(parsed);
        }
        bad.add_row(found);
    }
    Ok(Read { value, bad })
}

fn node(row: &mut Row<'_>) -> Node {
    let (gpus, model) = (row.number(GPU), row.text(MODEL));
    if gpus > 0 && model.is_empty() {
        row.report(MODEL, "is empty; a node with GPUs names their model");
    }
    let shape = NodeShape {
        model: if gpus == 0 { String::new() } else { model },
        gpus,
        cpu_milli: row.number(NODE_CPU),
        memory_mib: row.number(NODE_MEMORY),
    };
    Node { name: row.text(SN), shape }
}

fn task(row: &mut Row<'_>) -> Task {
    let (gpus, gpu_milli) = gpu(row);
    let created_s = row.number(CREATED);
    let deleted_s = row.optional_number(DELETED);
    if deleted_s.is_some_and(|deleted_s| deleted_s < created_s) {
        row.report(DELETED, "lies before creation_time");
    }
    let mut models: Vec<String> =
        row.text(SPEC).split('|').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
    models.sort();
    models.dedup();
    if gpus == 0 && !models.is_empty() {
        row.report(SPEC, "names GPU models for a task without GPUs");
    }
    Task {
        name: row.text(NAME),
        cpu_milli: row.number(CPU),
        memory_mib: row.number(MEMORY),
        gpus,
        gpu_milli,
        models,
        qos: labelled(row, QOS, Qos::ALL, Qos::label, Qos::BestEffort),
        phase: labelled(row, PHASE, Phase::ALL, Phase::label, Phase::Unknown),
        arrival_ms: created_s * 1_000,
        lifetime_ms: deleted_s.map(|deleted_s| deleted_s.saturating_sub(created_s) * 1_000),
    }
}

fn gpu(row: &mut Row<'_>) -> (u64, u64) {
    let (gpus, gpu_milli) = (row.number(NUM_GPU), row.number(GPU_SHARE));
    match (gpus, gpu_milli) {
        (0, 0) | (1, 1..=MILLI_PER_GPU) => {}
        (0, _) => row.report(GPU_SHARE, "must be 0 for a task without GPUs"),
        (1, _) => row.report(GPU_SHARE, format!("must be from 1 to {MILLI_PER_GPU}: a share of one GPU")),
        (_, MILLI_PER_GPU) => {}
        _ => row.report(GPU_SHARE, format!("must be {MILLI_PER_GPU}: a task on several GPUs takes them whole")),
    }
    (gpus, gpu_milli)
}

/// A value from a closed list, or `default` where the field is empty.
fn labelled<T: Copy, const N: usize>(
    row: &mut Row<'_>,
    column: usize,
    all: [T; N],
    label: fn(T) -> &'static str,
    default: T,
) -> T {
    let text = row.text(column);
    if text.is_empty() {
        return default;
    }
    all.into_iter().find(|one| label(*one) == text).unwrap_or_else(|| {
        let known = all.map(label).join(", ");
        row.report(column, format!("is '{text}'; one of {known} must stand here"));
        default
    })
}

#[cfg(test)]
mod tests;
