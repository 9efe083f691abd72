//! Copies of a trace laid side by side, so that a trace of a thousand nodes says something about a million.
//!
//! Tile 0 is the trace itself. Every other tile has the same nodes and tasks under names of its own, and each of its tasks comes
//! later by a time drawn from the seed, so that copies do not move in step. A last tile that has room for some of the nodes only has
//! that share of the tasks.
//!
//! Nothing is copied: a task of a tile is a pair of numbers, and [`Moments`] makes what happens as it is asked for. A million
//! machines are 656 tiles and 5,350,000 tasks of openb; as a list of events they would take 340 MB.

mod moments;

use argosy_workload::dice::{Dice, stable_hash};

pub use self::moments::{Happening, Moments};
use super::problems::TraceError;
use super::transform::lot;
use super::{Node, Task, Trace};

/// How many copies, and how far they are out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Nodes in all; as many as the trace has, if not said.
    pub machines: Option<u64>,
    /// A task of a copy comes later by at most this.
    pub jitter_ms: u64,
    /// Of everything that is drawn.
    pub seed: u64,
}

/// A trace laid side by side.
#[derive(Clone, Debug)]
pub struct Tiles {
    trace: Trace,
    jitter_ms: u64,
    seed: u64,
    /// Tiles with all nodes.
    whole: u32,
    /// Nodes of the last tile by number in the trace, and for each task whether that tile has it. Empty without such a tile.
    part: (Vec<usize>, Vec<bool>),
}

impl Tiles {
    /// Lays a trace out.
    ///
    /// # Errors
    /// [`TraceError::Empty`] when the trace has no nodes or no tasks.
    ///
    /// # Panics
    /// When there would be more than 2^32 tiles.
    pub fn new(trace: Trace, tiling: Tiling) -> Result<Self, TraceError> {
        let nodes = trace.nodes.len() as u64;
        if trace.nodes.is_empty() || trace.tasks.is_empty() {
            return Err(TraceError::Empty(if nodes == 0 { "nodes" } else { "tasks" }));
        }
        let machines = tiling.machines.unwrap_or(nodes);
        let rest = machines % nodes;
        let kept = |share: u64, all: u64| all * share / nodes;
        let nodes_kept = lots(tiling.seed, trace.nodes.iter().map(|node| &node.name), rest);
        let tasks_kept =
            lots(tiling.seed, trace.tasks.iter().map(|task| &task.name), kept(rest, trace.tasks.len() as u64));
        let mut has = vec![false; trace.tasks.len()];
        tasks_kept.iter().for_each(|at| has[*at] = true);
        Ok(Self {
            jitter_ms: tiling.jitter_ms,
            seed: tiling.seed,
            whole: u32::try_from(machines / nodes).expect("a tile has a number"),
            part: (nodes_kept, has),
            trace,
        })
    }

    /// The trace of which these are copies.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How many tiles there are, the last of which may be a part of one.
    pub fn len(&self) -> u32 {
        self.whole + u32::from(!self.part.0.is_empty())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nodes of all tiles.
    pub fn machines(&self) -> u64 {
        u64::from(self.whole) * self.trace.nodes.len() as u64 + self.part.0.len() as u64
    }

    /// Tasks of all tiles.
    pub fn tasks(&self) -> u64 {
        let part = if self.part.0.is_empty() { 0 } else { self.part.1.iter().filter(|has| **has).count() as u64 };
        u64::from(self.whole) * self.trace.tasks.len() as u64 + part
    }

    /// The nodes of a tile, as the trace has them: names are those of tile 0.
    pub fn nodes(&self, tile: u32) -> Vec<Node> {
        match tile < self.whole {
            true => self.trace.nodes.clone(),
            false => self.part.0.iter().map(|at| self.trace.nodes[*at].clone()).collect(),
        }
    }

    /// What is called `name` in the trace, in a tile.
    pub fn name(tile: u32, name: &str) -> String {
        if tile == 0 { name.to_owned() } else { format!("{name}~{tile}") }
    }

    /// The seed of a tile's own draws; that of tile 0 is the seed itself.
    pub fn seed(&self, tile: u32) -> u64 {
        if tile == 0 { self.seed } else { stable_hash(format!("{}/tile/{tile}", self.seed).as_bytes()) }
    }

    /// A task of a copy comes later by at most this; nothing, where there are no copies.
    pub fn most_jitter_ms(&self) -> u64 {
        if self.len() > 1 { self.jitter_ms } else { 0 }
    }

    /// What happens, in order, moments of `step_ms`.
    pub fn moments(&self, step_ms: u64) -> Moments {
        Moments::new(step_ms)
    }

    /// By how much each tile's copy of a task comes later, tile by tile.
    fn shifts(&self, task: usize) -> impl Iterator<Item = (u32, u64)> {
        let mut dice = Dice::new(self.seed, &format!("jitter/{}", self.task(task).name));
        let in_part = u32::from(!self.part.0.is_empty() && self.part.1[task]);
        let jitter_ms = self.jitter_ms;
        (0..self.whole + in_part).map(move |tile| {
            let shift_ms = dice.between(0, jitter_ms);
            (tile, if tile == 0 { 0 } else { shift_ms })
        })
    }

    fn task(&self, task: usize) -> &Task {
        &self.trace.tasks[task]
    }
}

/// The numbers of so many of them, drawn by lot, in order.
fn lots<'n>(seed: u64, names: impl Iterator<Item = &'n String>, count: u64) -> Vec<usize> {
    let mut drawn: Vec<(u64, usize)> = names.enumerate().map(|(at, name)| (lot(seed, name), at)).collect();
    drawn.sort_unstable();
    let mut kept: Vec<usize> =
        drawn.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)).map(|(_, at)| at).collect();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests;
