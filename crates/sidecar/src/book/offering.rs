//! Which slots are offered: all but those that their lane's breaker holds back.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_model::State;

use super::breaker::{Gate, Lane};
use super::record::{Cause, Trouble};
use super::{Book, Record};

/// The slots of a lane.
#[derive(Debug, Default)]
struct Slots {
    offered: Vec<String>,
    held: Vec<String>,
    /// How many are being bought.
    tried: usize,
}

impl Book {
    /// Holds slots back, and lets them go, as the breakers stand now.
    pub(crate) fn tend(&mut self, now: Duration) {
        for (lane, slots) in self.lanes() {
            let (offered, held) = (slots.offered.len(), slots.held.len());
            let wanted = match self.breakers.gate(&lane, now) {
                Gate::Closed => offered + held,
                Gate::Open => 0,
                // A slot that is being bought is the probe.
                Gate::HalfOpen => usize::from(slots.tried == 0),
            };
            for id in slots.offered.iter().skip(wanted) {
                self.hold(id, &lane);
            }
            for id in slots.held.iter().take(wanted.saturating_sub(offered)) {
                self.let_go(id);
            }
        }
    }

    fn lanes(&self) -> BTreeMap<Lane, Slots> {
        let mut lanes: BTreeMap<Lane, Slots> = BTreeMap::new();
        for (id, record) in self.records.iter().filter(|(_, record)| !record.gone) {
            let Some(offer) = &record.offer else { continue };
            let slots = lanes.entry(Lane::of(offer)).or_default();
            match record.state {
                State::Speculative => slots.offered.push(id.clone()),
                State::Creating => slots.tried += 1,
                State::Failed if record.is_held() => slots.held.push(id.clone()),
                _ => {}
            }
        }
        lanes
    }

    fn hold(&mut self, id: &str, lane: &Lane) {
        let text = format!("not offered for a while: Creates keep failing for {lane}");
        self.change(id, |record| {
            record.trouble = Some(Trouble { text, cause: Cause::Breaker });
            record.rest();
        });
    }

    fn let_go(&mut self, id: &str) {
        self.change(id, |record| {
            record.trouble = None;
            record.rest();
        });
    }
}

impl Record {
    /// Held back by its lane's breaker.
    fn is_held(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.cause == Cause::Breaker)
    }
}
