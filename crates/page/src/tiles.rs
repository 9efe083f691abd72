//! Figures at the head of a page.

use std::fmt::Write as _;

use super::escape::Escaped;

/// One figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: String,
    /// How to take it.
    pub tone: Tone,
}

/// How a figure is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// It says what it says.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// What can be shown as a figure: a count, or a text that was made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure(String);

impl From<u64> for Figure {
    fn from(count: u64) -> Self {
        Self(count.to_string())
    }
}

impl From<u32> for Figure {
    fn from(count: u32) -> Self {
        Self(count.to_string())
    }
}

impl From<String> for Figure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Figure {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Tile {
    /// A figure that says what it says.
    pub fn new(label: &str, value: impl Into<Figure>) -> Self {
        Self { label: label.to_owned(), value: value.into().0, tone: Tone::Plain }
    }

    /// To be taken so.
    #[must_use]
    pub fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// Writes figures side by side.
pub fn write(html: &mut String, tiles: &[Tile]) {
    html.push_str("<section id=\"summary\" class=\"tiles\">\n");
    for tile in tiles {
        let class = match tile.tone {
            Tone::Plain => "",
            Tone::Good => " class=\"good\"",
            Tone::Bad => " class=\"bad\"",
        };
        let (value, label) = (Escaped(&tile.value), Escaped(&tile.label));
        let _infallible = writeln!(html, "<div{class}><b>{value}</b><span>{label}</span></div>");
    }
    html.push_str("</section>\n");
}
