//! YAML as a tree that knows where each of its values stands. No aliases, no tags, one document: a configuration needs none.

use granit_parser::{Event, Marker, Parser};

use super::Problem;

/// A value with its place, both counted from 1.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) value: T,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Scalar(String),
    List(Vec<At<Node>>),
    Table(Vec<(At<String>, At<Node>)>),
}

impl<T> At<T> {
    fn new(marker: Marker, value: T) -> Self {
        Self { line: marker.line(), column: marker.col() + 1, value }
    }

    /// A problem here.
    pub(super) fn problem(&self, message: String) -> Problem {
        Problem { line: self.line, column: self.column, message }
    }
}

/// A collection that is being read.
enum Open {
    List(At<Vec<At<Node>>>),
    Table(At<Vec<(At<String>, At<Node>)>>, Option<At<String>>),
}

/// Reads a document; an empty one is an empty table.
pub(super) fn read(text: &str) -> Result<At<Node>, Problem> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            At::new(*error.marker(), ()).problem(format!("ARG-1120: this is not YAML: {}", error.info()))
        })?;
        let here = At::new(span.start, ());
        let done = match event {
            Event::Scalar(text, ..) => Some(At::new(span.start, Node::Scalar(text.into_owned()))),
            Event::SequenceStart(..) => {
                open.push(Open::List(At::new(span.start, Vec::new())));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(At::new(span.start, Vec::new()), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(close),
            Event::Alias(..) => {
                return Err(here.problem("ARG-1120: aliases are not taken; write the value out".to_owned()));
            }
            _ => None,
        };
        let Some(done) = done else { continue };
        match open.last_mut() {
            None if root.is_some() => {
                return Err(here.problem("ARG-1120: one document is taken; remove the second".to_owned()));
            }
            None => root = Some(done),
            Some(Open::List(list)) => list.value.push(done),
            Some(Open::Table(table, key)) => match (key.take(), done.value) {
                (Some(name), value) => table.value.push((name, At { line: done.line, column: done.column, value })),
                (None, Node::Scalar(name)) => *key = Some(At { line: done.line, column: done.column, value: name }),
                (None, _) => return Err(here.problem("ARG-1120: a key is a word".to_owned())),
            },
        }
    }
    Ok(root.unwrap_or(At { line: 1, column: 1, value: Node::Table(Vec::new()) }))
}

fn close(open: Open) -> At<Node> {
    match open {
        Open::List(At { line, column, value }) => At { line, column, value: Node::List(value) },
        Open::Table(At { line, column, value }, _) => At { line, column, value: Node::Table(value) },
    }
}
