//! The reference of the configuration, from the doc comments of its keys: docs/reference/config.md.
//!
//! The page cannot differ from the program: `argosy config reference` prints it, and a test compares it with the file.

use std::fmt::Write as _;

use super::shape::{Key, Nested, Presence};

/// A table of keys, documented.
#[derive(Debug)]
pub(crate) struct SectionDoc {
    doc: String,
    keys: Vec<KeyDoc>,
}

/// One key, documented.
#[derive(Debug)]
pub(crate) struct KeyDoc {
    name: &'static str,
    doc: String,
    takes: String,
    presence: Presence,
    nested: Option<Nested>,
}

impl SectionDoc {
    /// A table from the lines of its doc comment and its keys.
    #[must_use]
    pub(crate) fn new(lines: &[&str], keys: Vec<KeyDoc>) -> Self {
        Self { doc: paragraph(lines), keys }
    }
}

impl KeyDoc {
    /// A key from its name, the lines of its doc comment and what it takes.
    pub(crate) fn of<K: Key>(name: &'static str, lines: &[&str], key: &K) -> Self {
        Self { name, doc: paragraph(lines), takes: key.describe(), presence: key.presence(), nested: key.nested() }
    }

    fn need(&self) -> String {
        match self.presence {
            Presence::Required => "**required**".to_owned(),
            Presence::Optional => "optional".to_owned(),
            Presence::Default(_) if self.nested.is_some() => "optional".to_owned(),
            Presence::Default(text) => format!("default `{text}`"),
        }
    }
}

fn paragraph(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n")
}

/// The page: `opening`, then each table with its keys, in the order of declaration.
pub(super) fn page(opening: &str, roots: &[(&str, SectionDoc)]) -> String {
    let mut page = opening.to_owned();
    for (title, section) in roots {
        let _ = write!(page, "\n## {title}\n\n{}\n", section.doc);
        table(&mut page, "", section);
    }
    page
}

fn table(page: &mut String, path: &str, section: &SectionDoc) {
    for key in section.keys.iter().filter(|key| key.nested.is_none()) {
        let name = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        let _ = write!(page, "\n#### `{name}`\n\n{}\n\n{}; {}.\n", key.doc, capitalised(&key.takes), key.need());
    }
    for key in &section.keys {
        let (heading, inner, below) = match &key.nested {
            None => continue,
            Some(Nested::Table(inner)) => (format!("[{}]", joined(path, key.name)), inner, joined(path, key.name)),
            Some(Nested::Array(inner)) => (format!("[[{}]]", joined(path, key.name)), inner, joined(path, key.name)),
        };
        let _ = write!(page, "\n### `{heading}`\n\n{}\n\n{}; {}.\n", key.doc, capitalised(&key.takes), key.need());
        table(page, &below, inner);
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
