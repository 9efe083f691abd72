//! Namespaces of the kernel's around everything that plays make: processes, interfaces, mounts.
//!
//! The program starts itself again as the first process of a new PID namespace, with a network and mounts of its own. When that process ends,
//! by itself, by Ctrl-C, in a panic or killed, the kernel kills what it started and drops its interfaces, namespaces and mounts. Names
//! of network namespaces are files in a folder that only this cage sees, so two runs cannot meet.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, mount};

use crate::error::HostsError;

/// Where `ip netns` keeps names.
const NAMES: &str = "/run/netns";

/// Replaces this process by the same program with the same arguments and `inside` besides, in namespaces of its own. Comes back only when that
/// cannot be.
#[must_use]
pub fn enter(inside: &str) -> HostsError {
    if !rustix::process::geteuid().is_root() {
        return HostsError::NeedsRoot;
    }
    let tool = |source| HostsError::Tool { program: "unshare", source };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return tool(error),
    };
    let namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    let mut command = Command::new("unshare");
    command.args(namespaces).arg(program).args(std::env::args_os().skip(1)).arg(inside);
    tool(command.exec())
}

/// Makes the cage fit to live in, from inside.
///
/// # Errors
/// When the names of namespaces cannot be hidden from others.
pub fn furnish() -> Result<(), HostsError> {
    let hidden = std::fs::create_dir_all(NAMES)
        .and_then(|()| mount("argosy-hosts", NAMES, "tmpfs", MountFlags::empty(), None).map_err(Into::into));
    hidden.map_err(|error| HostsError::network("hide the names of namespaces", error))
}

/// Puts a small disk in memory where a folder is. It goes with the cage.
pub(crate) fn small_disk(folder: &Path, mebibytes: u64) -> Result<(), HostsError> {
    let size = std::ffi::CString::new(format!("size={mebibytes}m")).unwrap_or_default();
    let made = std::fs::create_dir_all(folder).and_then(|()| {
        mount("argosy-hosts", folder, "tmpfs", MountFlags::empty(), Some(size.as_c_str())).map_err(Into::into)
    });
    made.map_err(|error| HostsError::network("make a small disk", error))
}
