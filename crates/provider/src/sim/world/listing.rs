//! Reading the fleet: one machine, or the inventory whole, in pages, or since a cursor.

use std::ops::Bound;

use argosy_model::vocabulary::RACK_KEY;
use argosy_proto::argosy::v1::ListResponseExtension;
use argosy_proto::bigfleet::v1alpha1 as api;
use bytes::Bytes;

use super::super::draw::{Draw, Purpose};
use super::super::slot::Fate;
use super::World;
use crate::contract::Kind;

/// A machine that is going to be interrupted carries this label; its value is the provider's time at which the host ends, milliseconds.
pub const NOTICE_LABEL: &str = "argosy.dev/interruption-notice";

/// An incremental caller gets no more than this in one answer: it can ask on, and the provider does nothing else meanwhile.
const MAX_PAGE: usize = 10_000;

impl World {
    /// The machine of that id, unless it is not in the inventory.
    pub(in super::super) fn get(&self, id: &str) -> Option<api::Machine> {
        let ix = self.find(id)?;
        (!self.slot(ix).life.gone).then(|| self.to_wire(ix))
    }

    /// How long the answer to a reader is held back.
    pub(in super::super) fn list_delay_ms(&mut self) -> u64 {
        self.readings += 1;
        let bound_ms = if self.is_virtual() { 0 } else { u64::from(self.faults.list_delay_ms) };
        Draw::new(self.seed, "", Purpose::ListDelay, self.readings).below(bound_ms + 1)
    }

    /// Answers a List. Machines come in the order of their last change, so a capped answer is a page and its revision the cursor for the
    /// next one, for stock callers too.
    pub(in super::super) fn list(&self, filter: &api::ListFilter) -> api::MachineList {
        let incremental = filter.argosy.is_some_and(|extension| extension.incremental);
        let cap = usize::try_from(filter.max_results).ok().filter(|cap| *cap > 0).unwrap_or(usize::MAX);
        let cap = if incremental { cap.min(MAX_PAGE) } else { cap };
        let since = self.parse_cursor(&filter.since_revision);
        let after = (Bound::Excluded(since.unwrap_or(0)), Bound::Unbounded);

        let mut machines = Vec::new();
        let mut gone = Vec::new();
        let mut last = since.unwrap_or(0);
        let mut listed = self.listed.range(after).peekable();
        // On a sweep silence says as much as a tombstone.
        let mut removed =
            self.removed.range(after).take(if since.is_some() && incremental { usize::MAX } else { 0 }).peekable();
        while machines.len() + gone.len() < cap {
            let next_removed = removed.peek().map(|(revision, _)| **revision);
            match listed.peek() {
                Some((revision, ix)) if next_removed.is_none_or(|removed| **revision < removed) => {
                    last = **revision;
                    if filter.states.is_empty() || filter.states.contains(&self.slot(**ix).life.state.number()) {
                        machines.push(self.to_wire(**ix));
                    }
                    listed.next();
                }
                _ => {
                    let Some((revision, ix)) = removed.next() else { break };
                    last = *revision;
                    gone.push(self.slot(*ix).id.to_string());
                }
            }
        }
        let more = listed.peek().is_some() || removed.peek().is_some();
        let revision = self.cursor(if more { last } else { self.revision });
        let argosy = incremental.then(|| ListResponseExtension { gone, reset: since.is_none(), more });
        api::MachineList { machines, revision, argosy }
    }

    /// Fixed width, so that cursors sort as they were given out, and with a check, so that a damaged one is not taken for another.
    fn cursor(&self, revision: u64) -> Bytes {
        let check = Draw::new(self.seed, "", Purpose::Cursor, revision).bits() & 0xffff_ffff;
        Bytes::from(format!("{revision:016x}{check:08x}"))
    }

    /// The revision of a cursor that this run has given out and not expired.
    fn parse_cursor(&self, cursor: &[u8]) -> Option<u64> {
        let revision = u64::from_str_radix(std::str::from_utf8(cursor.get(..16)?).ok()?, 16).ok()?;
        let known = (self.floor..=self.revision).contains(&revision) && self.cursor(revision) == cursor;
        known.then_some(revision)
    }

    pub(super) fn expire_cursors(&mut self) {
        // So that even the newest cursor given out lies below the floor.
        self.revision += 1;
        self.floor = self.revision;
    }

    pub(super) fn to_wire(&self, ix: u32) -> api::Machine {
        let slot = self.slot(ix);
        let place = &self.places[slot.place as usize];
        let offering = &place.offering;
        let life = &slot.life;
        let mut labels = place.labels.clone();
        labels.insert(RACK_KEY.to_owned(), place.rack_name(slot.rack));
        if let Some(Fate::Ends { at_ms }) = life.fate {
            labels.insert(NOTICE_LABEL.to_owned(), at_ms.to_string());
        }
        let size = api::Resources { resources: offering.resources.clone() };
        let binding = life.binding.as_deref();
        api::Machine {
            id: slot.id.to_string(),
            state: life.state.number(),
            host: life.host.then(|| api::HostRef {
                provider: self.catalogue.provider.clone(),
                r#ref: format!("host-{}-{}", slot.id, life.round(Kind::Create)),
            }),
            instance_type: offering.instance_type.clone(),
            zone: place.zone.clone(),
            capacity_type: offering.capacity_type.number(),
            price_per_hour: offering.price_per_hour,
            interruption_probability: offering.interruption_probability,
            resources: Some(size.clone()),
            labels,
            last_error: life.error.as_deref().unwrap_or_default().to_owned(),
            allocatable: Some(size),
            cluster: binding.map(|binding| binding.cluster.to_string()).unwrap_or_default(),
            shard_metadata: binding.map(|binding| binding.metadata()).unwrap_or_default(),
        }
    }
}
