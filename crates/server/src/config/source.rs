//! Where a value stood: files, byte spans, and the index from a key's path to its span.
//!
//! Every problem names a file, a line and a column. The typed configuration itself carries no spans, so the rules that
//! look across keys (`check`) find their position here, by path: `placement.shards[2].voters[0]`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Which of the files read a span belongs to: an index into [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(usize);

/// A place in one of the files read: bytes, end excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: SourceId,
    /// The bytes of the file that are meant; may be empty.
    pub span: Range<usize>,
}

/// One file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The name a person knows the file by.
    pub(super) path: PathBuf,
    /// Its text; empty when it could not be read.
    pub(super) text: String,
}

/// The files that make up one configuration, in the order they were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file.
    pub(super) fn add(&mut self, path: &Path, text: String) -> SourceId {
        self.0.push(Source { path: path.to_path_buf(), text });
        SourceId(self.0.len() - 1)
    }

    /// The file of that number.
    #[must_use]
    pub(super) fn get(&self, id: SourceId) -> &Source {
        &self.0[id.0]
    }

    /// Line and column of a place, both counted from 1; the column counts characters, as editors do.
    #[must_use]
    pub(super) fn line_column(&self, place: &Place) -> (usize, usize) {
        let text = &self.get(place.source).text;
        let before = &text[..floor_char_boundary(text, place.span.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// The nearest character boundary at or before `at`: a span from a parser in recovery may end inside a character.
pub(super) fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where each key's value stands, by the path of the key.
#[derive(Debug, Clone, Default)]
pub(super) struct Positions(BTreeMap<String, Place>);

impl Positions {
    /// Remembers where the value at `path` stands.
    pub(super) fn insert(&mut self, path: &str, place: Place) {
        self.0.insert(path.to_owned(), place);
    }

    /// Takes over what another file's reading remembered.
    pub(super) fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The place of the value at `path`, or of the nearest table around it that was written down.
    #[must_use]
    pub(super) fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_not_bytes() {
        let mut sources = Sources::default();
        let source = sources.add(Path::new("a.toml"), "x = 1\nä = \"öö\" # ü".to_owned());
        let at = sources.get(source).text.find('#').expect("there is a comment");
        assert_eq!(sources.line_column(&Place { source, span: at..at + 1 }), (2, 10));
    }

    #[test]
    fn a_default_is_found_at_the_table_around_it() {
        let mut positions = Positions::default();
        let mut sources = Sources::default();
        let source = sources.add(Path::new("a.toml"), String::new());
        positions.insert("peers[1]", Place { source, span: 3..4 });
        assert_eq!(positions.nearest("peers[1].address").map(|p| p.span.start), Some(3));
        assert_eq!(positions.nearest("raft.heartbeat"), None);
    }
}
