//! What is wrong with a configuration, and how it is shown to a person and to a machine.
//!
//! A report never stops at the first problem: it holds all of them, in the order of the files, each with its place, the
//! line it stands on and what to do about it.

use std::fmt;

use serde::Serialize;

use super::source::{Place, Sources, floor_char_boundary};

/// Whether a problem stops the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The server refuses to start.
    Error,
    /// The server starts; somebody should look.
    Warning,
}

/// The kinds of problem; each has a page under docs/errors/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A file cannot be read.
    Unreadable,
    /// The text is not TOML.
    Syntax,
    /// A key that no table of ours has.
    UnknownKey,
    /// A value of another type than the key's.
    WrongType,
    /// A value of the right type that the key does not take.
    BadValue,
    /// A key that must be there and is not.
    MissingKey,
    /// Two keys that exclude or contradict each other.
    Conflict,
    /// Plaintext beyond loopback, or security not stated.
    Plaintext,
    /// A name that refers to nothing.
    UnknownReference,
    /// One thing said, owned or bound twice.
    Duplicate,
    /// A layout that works and survives less than it seems to.
    WeakLayout,
}

impl Code {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::Unreadable,
        Self::Syntax,
        Self::UnknownKey,
        Self::WrongType,
        Self::BadValue,
        Self::MissingKey,
        Self::Conflict,
        Self::Plaintext,
        Self::UnknownReference,
        Self::Duplicate,
        Self::WeakLayout,
    ];

    /// The code as people quote it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "ARG-0101",
            Self::Syntax => "ARG-0102",
            Self::UnknownKey => "ARG-0103",
            Self::WrongType => "ARG-0104",
            Self::BadValue => "ARG-0105",
            Self::MissingKey => "ARG-0106",
            Self::Conflict => "ARG-0107",
            Self::Plaintext => "ARG-0108",
            Self::UnknownReference => "ARG-0109",
            Self::Duplicate => "ARG-0110",
            Self::WeakLayout => "ARG-0111",
        }
    }
}

/// One thing that is wrong, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the server.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// Where it is.
    pub place: Place,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

/// All that is wrong with one configuration.
#[derive(Debug, Clone)]
pub struct Report {
    sources: Sources,
    problems: Vec<Problem>,
}

/// A problem as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemRecord {
    /// Whether it stops the server.
    pub severity: Severity,
    /// `ARG-dddd`.
    pub code: &'static str,
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl Report {
    pub(super) fn new(sources: Sources, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| {
            let key = |p: &Problem| (p.place.source, p.place.span.start, p.severity, p.code);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        problems.dedup();
        Self { sources, problems }
    }

    /// The problems, by file and position.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many of them stop the server.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error).count()
    }

    /// How many of them do not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }

    /// The problems for a machine to read.
    #[must_use]
    pub fn records(&self) -> Vec<ProblemRecord> {
        self.problems.iter().map(|problem| self.record(problem)).collect()
    }

    fn record(&self, problem: &Problem) -> ProblemRecord {
        let (line, column) = self.sources.line_column(&problem.place);
        ProblemRecord {
            severity: problem.severity,
            code: problem.code.as_str(),
            file: self.sources.get(problem.place.source).path.display().to_string(),
            line,
            column,
            message: problem.message.clone(),
            advice: problem.advice.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            let record = self.record(problem);
            let word = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(f, "{word}[{}]: {}", record.code, printable(&problem.message))?;
            let gutter = record.line.to_string().len();
            writeln!(f, "{:gutter$}--> {}:{}:{}", "", record.file, record.line, record.column)?;
            if let Some(excerpt) = Excerpt::of(&self.sources, &problem.place) {
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{} | {}", record.line, excerpt.line)?;
                writeln!(f, "{:gutter$} | {}{}", "", " ".repeat(excerpt.indent), "^".repeat(excerpt.width))?;
            }
            writeln!(f, "{:gutter$} = {}\n", "", printable(&problem.advice))?;
        }
        match (self.errors(), self.warnings()) {
            (errors, 0) => write!(f, "{}", counted(errors, "error")),
            (errors, warnings) => write!(f, "{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        }
    }
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The line a problem stands on, cut to what a terminal shows, and where the carets go under it.
struct Excerpt {
    line: String,
    indent: usize,
    width: usize,
}

/// The widest excerpt; a longer line is cut around the problem.
const EXCERPT_CHARS: usize = 120;

impl Excerpt {
    fn of(sources: &Sources, place: &Place) -> Option<Self> {
        let text = &sources.get(place.source).text;
        if text.is_empty() {
            return None;
        }
        let start = floor_char_boundary(text, place.span.start);
        let end = floor_char_boundary(text, place.span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let before = text[line_start..start].chars().count();
        let marked = text[start..end.min(line_end)].chars().count().max(1);
        let skipped = before.saturating_sub(EXCERPT_CHARS / 2);
        let shown: String = text[line_start..line_end].chars().skip(skipped).take(EXCERPT_CHARS).collect();
        let indent = before - skipped;
        let width = marked.min(EXCERPT_CHARS - indent).max(1);
        Some(Self { line: printable(shown.trim_end()), indent, width })
    }
}

/// The text with control characters replaced one for one: a file must not be able to drive the terminal it is shown on.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(visible).collect()
}
