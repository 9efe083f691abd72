//! What each link does to a frame. Shared: whoever holds the table changes it while frames flow.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// One direction between two ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// How long a frame takes.
    pub delay: Duration,
    /// By how much it may take longer or shorter. Frames may then overtake one another.
    pub jitter: Duration,
    /// How many frames are lost, in parts per million.
    pub loss_ppm: u32,
    /// Nothing passes.
    pub cut: bool,
}

/// The links between all ports of a switch, each direction by itself. Clones share one table.
#[derive(Clone, Debug)]
pub struct Links {
    ports: usize,
    table: Arc<RwLock<Vec<Link>>>,
}

impl Links {
    /// Links that do nothing to any frame.
    #[must_use]
    pub fn new(ports: usize) -> Self {
        Self { ports, table: Arc::new(RwLock::new(vec![Link::default(); ports * ports])) }
    }

    /// How many ports they join.
    #[must_use]
    pub fn ports(&self) -> usize {
        self.ports
    }

    /// The link from one port to another.
    ///
    /// # Panics
    /// When there is no such port.
    #[must_use]
    pub fn get(&self, from: usize, to: usize) -> Link {
        self.table.read().unwrap_or_else(PoisonError::into_inner)[self.at(from, to)]
    }

    /// Changes the link from one port to another; frames on their way keep the time that they were given.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn change(&self, from: usize, to: usize, change: impl FnOnce(&mut Link)) {
        let at = self.at(from, to);
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner)[at]);
    }

    fn at(&self, from: usize, to: usize) -> usize {
        assert!(from < self.ports && to < self.ports, "no link from port {from} to port {to} of {}", self.ports);
        from * self.ports + to
    }
}
