//! What happened in a world, as lines; their hash names the run.
//!
//! The lines say what could be seen from outside at each look, so that two runs that differ anywhere differ here soon. They hold no
//! address, no wall clock and nothing else of the machine.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Lines that are kept to be shown; the hash covers them all.
const KEPT: usize = 2_000_000;

/// The trace of one run.
#[derive(Clone, Default)]
pub struct Trace {
    hasher: Sha256,
    lines: Vec<String>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace of {} lines, {}", self.lines.len(), self.hash())
    }
}

impl Trace {
    /// Notes what happened at a moment.
    pub fn note(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        let line = format!("{:>9} {what}", at.as_millis());
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        if self.lines.len() < KEPT {
            self.lines.push(line);
        }
    }

    /// The name of the run.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = self.hasher.clone().finalize();
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// All lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}
