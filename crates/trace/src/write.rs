//! Writes a trace in the form in which [`super::openb`] reads it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::problems::TraceError;
use super::{Node, Phase, Task, Trace};

/// File of the nodes.
pub const NODES_FILE: &str = "nodes.csv";
/// File of the tasks.
pub const TASKS_FILE: &str = "tasks.csv";

/// Writes both files of a trace into a directory, which is made if it is missing, and says where they are.
///
/// # Errors
/// The directory or a file cannot be written.
pub fn write(trace: &Trace, directory: &Path) -> Result<(PathBuf, PathBuf), TraceError> {
    let unwritable = |source| TraceError::Unwritable { path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(unwritable)?;
    let (nodes, tasks) = (directory.join(NODES_FILE), directory.join(TASKS_FILE));
    file(&nodes, &nodes_csv(&trace.nodes))?;
    file(&tasks, &tasks_csv(&trace.tasks))?;
    Ok((nodes, tasks))
}

/// Writes one file.
///
/// # Errors
/// The file cannot be written.
pub fn file(path: &Path, text: &str) -> Result<(), TraceError> {
    std::fs::write(path, text).map_err(|source| TraceError::Unwritable { path: path.to_owned(), source })
}

/// The file of the nodes.
pub fn nodes_csv(nodes: &[Node]) -> String {
    let mut text = String::from("sn,cpu_milli,memory_mib,gpu,model\n");
    for Node { name, shape } in nodes {
        let _ = writeln!(text, "{name},{},{},{},{}", shape.cpu_milli, shape.memory_mib, shape.gpus, shape.model);
    }
    text
}

/// The file of the tasks. Times are whole seconds, as in the original.
pub fn tasks_csv(tasks: &[Task]) -> String {
    let mut text = String::from(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n",
    );
    for task in tasks {
        let created = task.arrival_ms / 1_000;
        let deleted = task.departure_ms().map_or(String::new(), |at_ms| (at_ms / 1_000).to_string());
        let scheduled = if task.phase == Phase::Pending { String::new() } else { created.to_string() };
        let (models, qos, phase) = (task.models.join("|"), task.qos.label(), task.phase.label());
        let Task { name, cpu_milli, memory_mib, gpus, gpu_milli, .. } = task;
        let _ = writeln!(
            text,
            "{name},{cpu_milli},{memory_mib},{gpus},{gpu_milli},{models},{qos},{phase},{created},{deleted},{scheduled}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb;
    use crate::synth::{self, SynthSpec};

    #[test]
    fn what_is_written_reads_back_without_a_bad_row() {
        let spec = SynthSpec { nodes: 50, tasks: 300, seed: 1 };
        let trace = synth::trace(&spec, &synth::shipped_marginals().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let (nodes, tasks) = write(&trace, directory.path()).unwrap();
        let (read, skipped) = openb::read(&nodes, &tasks).unwrap().accept(false).unwrap();
        assert_eq!((read, skipped), (trace, 0));
    }
}
