//! What bootstraps have said, on disk: one log for each transition, and what became of it where that must not be forgotten.
//!
//! `DATA_DIR/bootstrap/MACHINE/KEY.log`, and `KEY.failed` beside it once a new host has been given up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::private;

/// The folder in the data directory.
const FOLDER: &str = "bootstrap";

/// The journals of all machines.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    root: PathBuf,
    log_bytes: usize,
    logs_kept: usize,
}

/// One log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    left: usize,
}

impl Journal {
    pub(super) fn new(data_dir: &Path, log_bytes: usize, logs_kept: usize) -> Self {
        Self { root: data_dir.join(FOLDER), log_bytes, logs_kept }
    }

    /// Goes on with the log of a transition; the oldest logs of the machine make room.
    pub(super) fn open(&self, machine: &str, key: &str) -> io::Result<Log> {
        let folder = self.root.join(file_name(machine));
        private::make_folder(&folder)?;
        let file = private::open(&folder.join(format!("{}.log", file_name(key))), OpenOptions::new().append(true))?;
        let written = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        for (_, old) in logs(&folder)?.into_iter().rev().skip(self.logs_kept) {
            fs::remove_file(&old)?;
            let _ = fs::remove_file(old.with_extension("failed"));
        }
        Ok(Log { file, left: self.log_bytes.saturating_sub(written) })
    }

    /// Puts down for good that a new host has been given up, and why.
    pub(super) fn give_up(&self, machine: &str, key: &str, why: &str) -> io::Result<()> {
        let folder = self.root.join(file_name(machine));
        private::make_folder(&folder)?;
        let path = folder.join(format!("{}.failed", file_name(key)));
        let mut file = private::open(&path, OpenOptions::new().write(true).truncate(true))?;
        file.write_all(why.as_bytes())?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()
    }

    /// Why a new host was given up, if it was.
    pub(super) fn given_up(&self, machine: &str, key: &str) -> Option<String> {
        fs::read_to_string(self.root.join(file_name(machine)).join(format!("{}.failed", file_name(key)))).ok()
    }
}

impl Log {
    /// Takes a part of it, as long as there is room.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let taken = &bytes[..bytes.len().min(self.left)];
        if taken.is_empty() {
            return;
        }
        self.left -= taken.len();
        let written = self.file.write_all(taken);
        if self.left == 0 || written.is_err() {
            self.left = 0;
            let _ = self.file.write_all(b"\n[there was more; it is not kept]\n");
        }
    }
}

/// The newest log of a machine's bootstraps, for people.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read_log(data_dir: &Path, machine: &str) -> io::Result<String> {
    let folder = data_dir.join(FOLDER).join(file_name(machine));
    let newest = logs(&folder)?.pop();
    let (_, path) = newest.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no bootstrap of it has a log"))?;
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The logs in a folder, oldest first.
fn logs(folder: &Path) -> io::Result<Vec<(SystemTime, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            found.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    found.sort();
    Ok(found)
}

/// A name of ours as the name of a file: no path gets in, whatever a site calls its machines.
pub(super) fn file_name(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded_and_only_the_newest_are_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::new(dir.path(), 10, 2);
        for n in 0..4 {
            let mut log = journal.open("../m/1", &format!("create-{n}")).expect("opened");
            log.write(format!("0123456789-{n}").as_bytes());
        }
        let folder = dir.path().join(FOLDER).join("%2e%2e%2fm%2f1");
        let kept: Vec<_> = logs(&folder).expect("there").into_iter().map(|(_, path)| path).collect();
        assert_eq!(kept, ["create-2.log", "create-3.log"].map(|name| folder.join(name)));
        let text = read_log(dir.path(), "../m/1").expect("there");
        assert!(text.starts_with("0123456789\n[there was more"), "{text}");
    }

    #[test]
    fn what_was_given_up_stays_given_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::new(dir.path(), 10, 2);
        assert_eq!(journal.given_up("m", "create-1"), None);
        journal.give_up("m", "create-1", "why").expect("written");
        assert_eq!(journal.given_up("m", "create-1").as_deref(), Some("why"));
    }
}
