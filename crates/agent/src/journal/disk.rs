//! Where the journal's bytes lie: a seam, and the file behind it in production.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;

/// One file's worth of bytes.
pub trait JournalDisk: Send {
    /// All of it; nothing before the first write.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&mut self) -> io::Result<Vec<u8>>;
    /// Adds to its end.
    ///
    /// # Errors
    /// When it cannot be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all that was added survives a crash.
    ///
    /// # Errors
    /// When that is not known.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts other bytes in the place of all of it: after a crash the old ones are there or the new ones, and the new ones once this
    /// has returned.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A file in the agent's state folder.
#[derive(Debug)]
pub struct FileDisk {
    path: PathBuf,
    file: Option<File>,
}

impl FileDisk {
    /// The file at `path`; its folder is there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().create(true).append(true).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

impl JournalDisk for FileDisk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file = None;
        let next = self.path.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}
