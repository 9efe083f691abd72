//! Kills and restarts nodes at an interval: one at a time, so that a majority always lives.

use std::time::Duration;

use anyhow::Result;
use argosy_localfleet::LocalFleet;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

/// What the killer has done and will do.
#[derive(Debug)]
pub(crate) struct Chaos {
    every: Duration,
    next: Instant,
    dice: StdRng,
    down: Option<(String, Instant)>,
    kills: u64,
    last: Option<String>,
}

impl Chaos {
    /// The first kill comes after one interval.
    pub(crate) fn new(every: Duration, seed: u64) -> Self {
        let dice = StdRng::seed_from_u64(seed);
        Self { every, next: Instant::now() + every, dice, down: None, kills: 0, last: None }
    }

    /// How many nodes it has killed.
    pub(crate) fn kills(&self) -> u64 {
        self.kills
    }

    /// What it did last.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Kills or restarts a node if it is time to. A node stays down for a third of the interval.
    pub(crate) async fn tick(&mut self, fleet: &mut LocalFleet) -> Result<()> {
        let now = Instant::now();
        if self.down.as_ref().is_some_and(|(_, until)| now >= *until) {
            return self.heal(fleet);
        }
        if self.down.is_none() && now >= self.next {
            let nodes = &fleet.blueprint().nodes;
            let node = nodes[self.dice.random_range(0..nodes.len())].id.clone();
            fleet.kill(&node).await?;
            self.kills += 1;
            self.last = Some(format!("killed {node}"));
            self.next = now + self.every;
            self.down = Some((node, now + self.every / 3));
        }
        Ok(())
    }

    /// Restarts what is down.
    pub(crate) fn heal(&mut self, fleet: &mut LocalFleet) -> Result<()> {
        if let Some((node, _)) = self.down.take() {
            fleet.restart(&node)?;
            self.last = Some(format!("restarted {node}"));
        }
        Ok(())
    }
}
