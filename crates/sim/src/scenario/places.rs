//! Where everything stands in a file: line and column of each value, by its path.
//!
//! The types of a scenario say nothing of places, so that they can be built, compared and written like any other data. A fault
//! that is found later names a path, and this says where that is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A file as a tree of places.
#[derive(Debug, Default)]
pub(super) struct Places(Option<Tree>);

#[derive(Debug)]
struct Tree {
    line: u64,
    column: u64,
    below: Vec<(String, Tree)>,
}

impl Places {
    /// The places of a file that parses; none of one that does not.
    pub(super) fn of(text: &str) -> Self {
        let options = serde_saphyr::options! { with_snippet: false };
        Self(serde_saphyr::from_str_with_options(text, options).ok())
    }

    /// Line and column, from 1, of a path such as `events[3].target`, or of the nearest thing above it that is there.
    pub(super) fn find(&self, path: &str) -> (u64, u64) {
        let Some(mut tree) = self.0.as_ref() else { return (1, 1) };
        for key in path.split(['.', '[']).map(|key| key.trim_end_matches(']')).filter(|key| !key.is_empty()) {
            match tree.below.iter().find(|(of, _)| of == key) {
                Some((_, child)) => tree = child,
                None => break,
            }
        }
        (tree.line, tree.column)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value: Below(below), referenced, .. } = Spanned::<Below>::deserialize(from)?;
        Ok(Self { line: referenced.line(), column: referenced.column(), below })
    }
}

struct Below(Vec<(String, Tree)>);

impl<'de> Deserialize<'de> for Below {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Anything)
    }
}

/// Takes every kind of node, and keeps what lies below it.
struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Below;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Below, A::Error> {
        let mut below = Vec::new();
        while let Some(key) = map.next_key::<super::scalar::Words>()? {
            below.push((key.0, map.next_value()?));
        }
        Ok(Below(below))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Below, A::Error> {
        let mut below = Vec::new();
        while let Some(tree) = seq.next_element()? {
            below.push((below.len().to_string(), tree));
        }
        Ok(Below(below))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }

    fn visit_none<E: de::Error>(self) -> Result<Below, E> {
        Ok(Below(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_line_and_column() {
        let text = "name: x\nlist:\n  - at: 0s\n    to: [1, 2.5]\n  - {at: ~, up: true}\n13: y\n";
        let places = Places::of(text);
        for (path, place) in [
            ("name", (1, 7)),
            ("list[0].at", (3, 9)),
            ("list[0].to[1]", (4, 13)),
            ("list[1].up", (5, 17)),
            ("13", (6, 5)),
            ("list[0].missing", (3, 5)),
            ("nothing.at.all", (1, 1)),
        ] {
            assert_eq!(places.find(path), place, "{path}");
        }
    }
}
