//! The files of the repository, as text in memory.
//!
//! The real ones are what git tracks or would track; a self-test makes its own from a few samples. Rules only ever see this.

use crate::Code;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One text file.
#[derive(Debug)]
pub struct File {
    /// Path from the root, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The same file read as Rust; present for `.rs` files.
    pub code: Option<Code>,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let code = path.ends_with(".rs").then(|| Code::read(&text));
        Self { path: path.to_owned(), text, code }
    }

    /// The file's name without its folder.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// The text files of a repository in the order of their paths.
#[derive(Debug)]
pub struct Repo {
    files: Vec<File>,
}

impl Repo {
    /// A repository made of samples: pairs of path and text.
    pub fn of(samples: &[(&str, &str)]) -> Self {
        let mut files: Vec<File> = samples.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The repository this crate was built from: every tracked file, and every new one that git does not ignore.
    ///
    /// # Panics
    /// When git cannot list them: a tidy test that looked at nothing must not pass.
    pub fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&root)
            .output()
            .expect("the tidy test needs git to list the files");
        assert!(listed.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr));
        let paths = String::from_utf8(listed.stdout).expect("paths in the repository are UTF-8");
        let mut files: Vec<File> = paths
            .split_terminator('\0')
            .filter_map(|path| read_text(root.join(path)).map(|text| File::new(path, text)))
            .collect();
        assert!(!files.is_empty(), "git lists no files");
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files, each with its code.
    pub fn rust(&self) -> impl Iterator<Item = (&File, &Code)> {
        self.files.iter().filter_map(|file| file.code.as_ref().map(|code| (file, code)))
    }

    /// The files below a folder; `folder` ends with `/`.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(folder))
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Whether a path is a file, or a folder with a file in it.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.file(path).is_some() || self.below(&folder).next().is_some()
    }
}

/// Pictures and other binary files have no text to keep tidy; a listed file may also have just been deleted.
fn read_text(path: PathBuf) -> Option<String> {
    String::from_utf8(std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_repository_holds_this_very_file() {
        let repo = Repo::load();
        let file = repo.file("crates/tidy/src/repo.rs").expect("listed by git");
        assert!(file.text.starts_with("//! The files of the repository"));
        assert!(file.code.is_some());
    }

    #[test]
    fn a_folder_is_there_when_it_holds_a_file() {
        let repo = Repo::of(&[("docs/adr/0001-log.md", "# x")]);
        assert!(repo.has("docs/adr"));
        assert!(repo.has("docs/adr/"));
        assert!(repo.has("docs/adr/0001-log.md"));
        assert!(!repo.has("docs/ad"));
    }
}
