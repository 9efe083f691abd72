//! Files and folders of the sidecar's own: for its user alone, because user data and filled commands are in them.
//!
//! A folder that is there already keeps its permissions, since somebody chose them; a file in it does not.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Read and written by the user alone.
const FILE: u32 = 0o600;
/// Entered by the user alone.
const FOLDER: u32 = 0o700;

/// Makes a folder, and those above it that are missing.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Opens a file to write to it, and makes it if it is not there.
pub(crate) fn open(path: &Path, how: &OpenOptions) -> io::Result<File> {
    let file = how.clone().create(true).mode(FILE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE))?;
    Ok(file)
}
