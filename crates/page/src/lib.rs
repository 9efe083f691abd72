//! Reports for people: one HTML file that needs no network, no fonts and no scripts of others, and opens from disk.
//!
//! ```text
//!   chaos, hosts ──┐
//!                  ├──> Frame · tiles · bars · histogram · lines ──> text
//!   simulator  ────┘
//! ```
//!
//! What is drawn is drawn here, as SVG, so that all reports look alike; what it means, the callers know. Everything that is given as text is
//! escaped. With scripts turned off all is there but what says so.
//!
//! **What is deliberately absent:** addresses. A page fetches nothing, and its policy (`Content-Security-Policy`) forbids it to: only the
//! scripts that were written into it may run, by their hash.

pub mod bars;
mod csp;
mod escape;
pub mod frame;
pub mod histogram;
pub mod lines;
mod scale;
pub mod tiles;

pub use escape::{Escaped, json};
pub use frame::Frame;
pub use histogram::Spread;
pub use scale::{clock, seconds};
pub use tiles::{Tile, Tone};

/// Hides the rows of `table#runs` that hold none of what is typed into `input#filter`.
pub const FILTER: &str = include_str!("filter.js");
