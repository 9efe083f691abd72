//! The files of a trace in one folder: an inventory, and a family of task lists that differ in one respect each.
//!
//! Of openb there are `default`, and variants with other shares of CPU (`cpu050` …), of shared GPUs (`gpushare20` …), of tasks
//! that name their model (`gpuspec33` …) and of tasks on several GPUs (`multigpu20` …). Which of them a folder holds, the names of its
//! files say; a look-alike of [`super::write`] is a folder with one variant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problems::TraceError;
use super::write::{NODES_FILE, TASKS_FILE};
use super::{Trace, openb};

/// The variant that is meant when none is named.
pub const DEFAULT_VARIANT: &str = "default";

const NODES: &str = "openb_node_list_all_node.csv";
const TASKS: (&str, &str) = ("openb_pod_list_", ".csv");
const WANTED: &str = "openb_node_list_all_node.csv and openb_pod_list_VARIANT.csv, or with nodes.csv and tasks.csv";

/// A trace and its variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    folder: PathBuf,
    nodes: PathBuf,
    variants: BTreeMap<String, PathBuf>,
}

impl Family {
    /// Looks what there is in a folder.
    ///
    /// # Errors
    /// [`TraceError::Unreadable`] where there is no such folder, [`TraceError::NoTrace`] where it holds no trace.
    pub fn open(folder: &Path) -> Result<Self, TraceError> {
        let unreadable = |source| TraceError::Unreadable { path: folder.to_owned(), source };
        let mut variants = BTreeMap::new();
        let mut nodes = None;
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let variant = name.strip_prefix(TASKS.0).and_then(|rest| rest.strip_suffix(TASKS.1));
            match (variant, name.as_str()) {
                (Some(variant), _) => drop(variants.insert(variant.to_owned(), path)),
                (None, TASKS_FILE) => drop(variants.insert(DEFAULT_VARIANT.to_owned(), path)),
                (None, NODES | NODES_FILE) => nodes = Some(path),
                _ => {}
            }
        }
        let missing = |missing| TraceError::NoTrace { folder: folder.to_owned(), missing, wanted: WANTED };
        let nodes = nodes.ok_or_else(|| missing("the list of nodes"))?;
        if variants.is_empty() {
            return Err(missing("a list of tasks"));
        }
        Ok(Self { folder: folder.to_owned(), nodes, variants })
    }

    /// The names of the variants.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.keys().map(String::as_str)
    }

    /// Reads one variant; also gives the number of bad rows that were left out.
    ///
    /// # Errors
    /// [`TraceError::NoVariant`] which names those there are; or what [`openb::read`] says, and bad rows unless they may be skipped.
    pub fn read(&self, variant: &str, skip_bad_rows: bool) -> Result<(Trace, u64), TraceError> {
        let Some(tasks) = self.variants.get(variant) else {
            let known = self.variants().collect::<Vec<_>>().join(", ");
            return Err(TraceError::NoVariant { folder: self.folder.clone(), variant: variant.to_owned(), known });
        };
        openb::read(&self.nodes, tasks)?.accept(skip_bad_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "sn,cpu_milli,memory_mib,gpu,model\nn0,32000,262144,2,A\n";
    const HEAD: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\n";

    fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn every_variant_is_known_by_the_name_of_its_file() {
        let tasks = |name: &str| format!("{HEAD}{name},1000,1024,1,500,0,60\n");
        let folder = folder(&[
            (NODES, NODE.to_owned()),
            ("openb_pod_list_default.csv", tasks("plain")),
            ("openb_pod_list_gpushare40.csv", tasks("shared")),
            ("notes.txt", String::new()),
        ]);
        let family = Family::open(folder.path()).unwrap();
        assert_eq!(family.variants().collect::<Vec<_>>(), ["default", "gpushare40"]);
        let (trace, skipped) = family.read("gpushare40", false).unwrap();
        assert_eq!((trace.tasks[0].name.as_str(), trace.nodes.len(), skipped), ("shared", 1, 0));
        let refused = family.read("cpu050", false).unwrap_err().to_string();
        assert!(refused.contains("ARG-1331") && refused.contains("default, gpushare40"), "{refused}");
    }

    #[test]
    fn a_look_alike_is_a_family_of_one() {
        let folder = folder(&[(NODES_FILE, NODE.to_owned()), (TASKS_FILE, format!("{HEAD}t,1000,1024,1,500,0,60\n"))]);
        assert_eq!(Family::open(folder.path()).unwrap().variants().collect::<Vec<_>>(), [DEFAULT_VARIANT]);
    }

    #[test]
    fn a_folder_without_a_trace_is_refused_with_what_it_lacks() {
        let none = folder(&[(TASKS_FILE, HEAD.to_owned())]);
        let refused = Family::open(none.path()).unwrap_err().to_string();
        assert!(refused.contains("ARG-1330") && refused.contains("list of nodes"), "{refused}");
        assert!(Family::open(&none.path().join("missing")).unwrap_err().to_string().contains("ARG-0910"));
    }
}
