//! The typed reader: what a key takes, whether it must be there, and how a table of keys is read.
//!
//! A [`Shape`] reads one value; a [`Key`] is a shape with its presence (required, optional, or with a default written as
//! TOML and read by the same shape); a [`Section`] is a table of keys, declared with [`section!`](crate::config::section).
//! Reading never stops at a problem: it notes it and goes on, so that one run shows everything.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Code, Problem, Severity};
use super::reference::SectionDoc;
use super::source::{Place, Positions, SourceId};

/// The state of reading one file: the problems so far, and where each value stands.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(super) source: SourceId,
    pub(super) problems: Vec<Problem>,
    pub(super) positions: Positions,
}

impl Reading {
    pub(super) fn new(source: SourceId) -> Self {
        Self { source, problems: Vec::new(), positions: Positions::default() }
    }

    /// Notes a problem that stops the server.
    pub(crate) fn error(&mut self, code: Code, span: Range<usize>, message: String, advice: String) {
        let place = Place { source: self.source, span };
        self.problems.push(Problem { severity: Severity::Error, code, place, message, advice });
    }
}

/// What one value may be.
pub(crate) trait Shape {
    /// The type it is read into.
    type Out;

    /// What it may be, for the reference and for messages: "duration from 10ms to 1h".
    fn describe(&self) -> String;

    /// Reads the value; `None` means that a problem was noted.
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Self::Out>;

    /// The table this shape nests, if it does.
    fn nested(&self) -> Option<Nested> {
        None
    }
}

/// How a table hangs below a key.
#[derive(Debug)]
pub(crate) enum Nested {
    /// `[key]`
    Table(SectionDoc),
    /// `[[key]]`
    Array(SectionDoc),
}

/// Whether a key must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It must.
    Required,
    /// It need not, and has no value then.
    Optional,
    /// It need not, and has this value then, written as TOML.
    Default(&'static str),
}

/// A shape together with its presence.
pub(crate) trait Key {
    /// The type of the field.
    type Out;
    /// Whether the key must be written.
    fn presence(&self) -> Presence;
    /// What the key takes.
    fn describe(&self) -> String;
    /// The table below the key, if there is one.
    fn nested(&self) -> Option<Nested>;
    /// Reads the value that was written.
    fn present(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Self::Out>;
    /// The value when nothing was written; `None` when something must be.
    fn absent(&self) -> Option<Self::Out>;
}

/// A key that must be written.
#[derive(Debug)]
pub(crate) struct Required<S>(pub(crate) S);
/// A key that may be left out.
#[derive(Debug)]
pub(crate) struct Optional<S>(pub(crate) S);
/// A key with a default.
#[derive(Debug)]
pub(crate) struct Defaulted<S>(pub(crate) S, pub(crate) &'static str);

impl<S: Shape> Key for Required<S> {
    type Out = S::Out;
    fn presence(&self) -> Presence {
        Presence::Required
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn nested(&self) -> Option<Nested> {
        self.0.nested()
    }
    fn present(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<S::Out> {
        self.0.read(reading, path, value)
    }
    fn absent(&self) -> Option<S::Out> {
        None
    }
}

impl<S: Shape> Key for Optional<S> {
    type Out = Option<S::Out>;
    fn presence(&self) -> Presence {
        Presence::Optional
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn nested(&self) -> Option<Nested> {
        self.0.nested()
    }
    fn present(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Self::Out> {
        self.0.read(reading, path, value).map(Some)
    }
    fn absent(&self) -> Option<Self::Out> {
        Some(None)
    }
}

impl<S: Shape> Key for Defaulted<S> {
    type Out = S::Out;
    fn presence(&self) -> Presence {
        Presence::Default(self.1)
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn nested(&self) -> Option<Nested> {
        self.0.nested()
    }
    fn present(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<S::Out> {
        self.0.read(reading, path, value)
    }
    /// The default goes through the same shape as what a person writes, so it can break no rule of the key's.
    fn absent(&self) -> Option<S::Out> {
        let value = DeValue::parse(self.1).unwrap_or_else(|e| panic!("the default {:?} is not TOML: {e}", self.1));
        let mut scratch = Reading::new(SourceId::default());
        let out = self.0.read(&mut scratch, "", &value);
        assert!(out.is_some(), "the default {:?} is refused by its own key: {:?}", self.1, scratch.problems);
        out
    }
}

/// A table of keys. Implemented by [`section!`](crate::config::section).
pub(crate) trait Section: Sized {
    /// The names of its keys.
    const NAMES: &'static [&'static str];

    /// Its documentation and its keys.
    fn document() -> SectionDoc;
    /// Reads it; every key is read whatever the others hold.
    fn read(table: &mut TableReader<'_, '_>) -> Option<Self>;
}

/// One table on its way to becoming a [`Section`].
pub(crate) struct TableReader<'a, 'i> {
    reading: &'a mut Reading,
    path: &'a str,
    span: Range<usize>,
    table: &'a DeTable<'i>,
    names: &'static [&'static str],
}

impl<'a, 'i> TableReader<'a, 'i> {
    /// Reads a whole section, and reports the keys it does not have.
    pub(super) fn section<T: Section>(
        reading: &'a mut Reading,
        path: &'a str,
        span: Range<usize>,
        table: &'a DeTable<'i>,
    ) -> Option<T> {
        let mut reader = Self { reading, path, span, table, names: T::NAMES };
        reader.refuse_unknown_keys();
        T::read(&mut reader)
    }

    /// Reads one key.
    pub(crate) fn key<K: Key>(&mut self, name: &'static str, key: &K) -> Option<K::Out> {
        let path = self.path_of(name);
        if let Some((_, value)) = self.table.iter().find(|(k, _)| k.get_ref() == name) {
            let place = Place { source: self.reading.source, span: value.span() };
            self.reading.positions.insert(&path, place);
            return key.present(self.reading, &path, value);
        }
        if self.misspelt(name) {
            return None;
        }
        let out = key.absent();
        if out.is_none() {
            let advice = format!("add `{name} = ...`, {}", key.describe());
            let message = format!("`{path}` is missing");
            self.reading.error(Code::MissingKey, self.span.clone(), message, advice);
        }
        out
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether an unknown key of this table was most likely meant to be `name`: then neither its absence is worth a
    /// report of its own, nor is its default what the person wants.
    fn misspelt(&self, name: &str) -> bool {
        let unknown = self.table.keys().map(|key| key.get_ref()).filter(|key| !self.names.contains(&key.as_ref()));
        unknown.into_iter().any(|key| closest(key, self.names) == Some(name))
    }

    fn refuse_unknown_keys(&mut self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.names.contains(&name) {
                continue;
            }
            let table = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            let advice = match closest(name, self.names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("keys known here: {}", self.names.join(", ")),
            };
            let message = format!("unknown key `{name}` in {table}");
            self.reading.error(Code::UnknownKey, key.span(), message, advice);
        }
    }
}

/// The known name a person most likely meant, if one is near enough to be worth naming.
pub(super) fn closest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let distance = |k: &&str| strsim::damerau_levenshtein(&name.to_lowercase().replace('-', "_"), k);
    let near = known.iter().copied().min_by_key(distance)?;
    (distance(&near) <= 1 + near.len() / 4).then_some(near)
}

/// A table below a key: `[key]`.
#[derive(Debug)]
pub(crate) struct TableOf<T>(std::marker::PhantomData<T>);

/// A list of tables below a key: `[[key]]`.
#[derive(Debug)]
pub(crate) struct TablesOf<T> {
    at_most: usize,
    section: std::marker::PhantomData<T>,
}

/// A table below a key.
#[must_use]
pub(crate) const fn table<T: Section>() -> TableOf<T> {
    TableOf(std::marker::PhantomData)
}

/// A list of at most `at_most` tables below a key.
#[must_use]
pub(crate) const fn tables<T: Section>(at_most: usize) -> TablesOf<T> {
    TablesOf { at_most, section: std::marker::PhantomData }
}

impl<T: Section> Shape for TableOf<T> {
    type Out = T;
    fn describe(&self) -> String {
        "a table".to_owned()
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        match value.get_ref() {
            DeValue::Table(inner) => TableReader::section(reading, path, value.span(), inner),
            other => wrong_type(reading, path, value.span(), "a table", other),
        }
    }
    fn nested(&self) -> Option<Nested> {
        Some(Nested::Table(T::document()))
    }
}

impl<T: Section> Shape for TablesOf<T> {
    type Out = Vec<T>;
    fn describe(&self) -> String {
        format!("a list of at most {} tables", self.at_most)
    }
    fn read(&self, reading: &mut Reading, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<T>> {
        read_list(reading, path, value, self.at_most, &table::<T>())
    }
    fn nested(&self) -> Option<Nested> {
        Some(Nested::Array(T::document()))
    }
}

/// Reads a list, all of it, whatever is wrong with some of its elements.
pub(super) fn read_list<S: Shape>(
    reading: &mut Reading,
    path: &str,
    value: &Spanned<DeValue<'_>>,
    at_most: usize,
    element: &S,
) -> Option<Vec<S::Out>> {
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(reading, path, value.span(), "a list", value.get_ref());
    };
    if items.len() > at_most {
        let message = format!("`{path}` has {} elements", items.len());
        reading.error(Code::BadValue, value.span(), message, format!("write at most {at_most}"));
        return None;
    }
    let mut out = Some(Vec::with_capacity(items.len()));
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let place = Place { source: reading.source, span: item.span() };
        reading.positions.insert(&path, place);
        match (element.read(reading, &path, item), &mut out) {
            (Some(item), Some(out)) => out.push(item),
            _ => out = None,
        }
    }
    out
}

/// Notes that a value has another type than the key's.
pub(super) fn wrong_type<T>(
    reading: &mut Reading,
    path: &str,
    span: Range<usize>,
    wanted: &str,
    got: &DeValue<'_>,
) -> Option<T> {
    let got = match got {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("`{path}` must be {wanted}, not {got}");
    reading.error(Code::WrongType, span, message, format!("write {wanted}"));
    None
}
