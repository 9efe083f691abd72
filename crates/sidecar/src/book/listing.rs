//! Reading the book: one machine, or all of them, in pages, or since a cursor.

use argosy_proto::argosy::v1::ListResponseExtension;
use argosy_proto::bigfleet::v1alpha1 as api;
use bytes::Bytes;

use super::{Book, Record};

/// An incremental caller gets no more than this in one answer.
const MAX_PAGE: usize = 10_000;

impl Book {
    /// The machine of that id, unless it is not in the inventory.
    pub(crate) fn get(&self, id: &str) -> Option<api::Machine> {
        let record = self.records.get(id).filter(|record| !record.gone)?;
        Some(self.to_wire(id, record))
    }

    /// Answers a List. Machines come in the order of their last change, so a capped answer is a page and its revision the cursor for the
    /// next one.
    pub(crate) fn list(&self, filter: &api::ListFilter) -> api::MachineList {
        let incremental = filter.argosy.is_some_and(|extension| extension.incremental);
        let cap = usize::try_from(filter.max_results).ok().filter(|cap| *cap > 0).unwrap_or(usize::MAX);
        let cap = if incremental { cap.min(MAX_PAGE) } else { cap };
        let since = self.parse_cursor(&filter.since_revision);
        // On a sweep silence says as much as a tombstone.
        let tombstones = since.is_some() && incremental;
        let after = since.unwrap_or(0);
        let shown = self
            .records
            .iter()
            .filter(|(_, record)| record.offer.is_some() && record.revision > after && (tombstones || !record.gone));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_unstable_by_key(|(_, record)| record.revision);

        let (mut machines, mut gone, mut last) = (Vec::new(), Vec::new(), after);
        let mut shown = shown.into_iter().peekable();
        while machines.len() + gone.len() < cap {
            let Some((id, record)) = shown.next() else { break };
            last = record.revision;
            if record.gone {
                gone.push(id.clone());
            } else if filter.states.is_empty() || filter.states.contains(&record.state.number()) {
                machines.push(self.to_wire(id, record));
            }
        }
        let more = shown.peek().is_some();
        let revision = self.cursor(if more { last } else { self.revision });
        let argosy = incremental.then(|| ListResponseExtension { gone, reset: since.is_none(), more });
        api::MachineList { machines, revision, argosy }
    }

    /// Fixed width, so that cursors of a run sort as they were given out.
    fn cursor(&self, revision: u64) -> Bytes {
        Bytes::from(format!("{}{revision:016x}", self.run.simple()))
    }

    /// The revision of a cursor that this run has given out.
    fn parse_cursor(&self, cursor: &[u8]) -> Option<u64> {
        let revision = u64::from_str_radix(std::str::from_utf8(cursor.get(32..)?).ok()?, 16).ok()?;
        (revision <= self.revision && self.cursor(revision) == cursor).then_some(revision)
    }

    fn to_wire(&self, id: &str, record: &Record) -> api::Machine {
        let offer = record.offer.as_ref();
        let size = offer.map(|offer| api::Resources { resources: offer.resources.clone() });
        let binding = record.binding.as_ref().filter(|_| record.state.is_bound());
        let host = record.host.as_ref().filter(|_| record.state != argosy_model::State::Speculative);
        api::Machine {
            id: id.to_owned(),
            state: record.state.number(),
            host: host
                .map(|host| api::HostRef { provider: self.rules.provider.clone(), r#ref: host.reference.clone() }),
            instance_type: offer.map(|offer| offer.instance_type.clone()).unwrap_or_default(),
            zone: offer.map(|offer| offer.zone.clone()).unwrap_or_default(),
            capacity_type: offer.map(|offer| offer.capacity_type.number()).unwrap_or_default(),
            price_per_hour: offer.map(|offer| offer.price_per_hour).unwrap_or_default(),
            interruption_probability: offer.map(|offer| offer.interruption_probability).unwrap_or_default(),
            resources: size.clone(),
            labels: offer.map(|offer| offer.labels.clone()).unwrap_or_default(),
            last_error: record.trouble.as_ref().map(|trouble| trouble.text.clone()).unwrap_or_default(),
            allocatable: size,
            cluster: binding.map(|binding| binding.cluster.clone()).unwrap_or_default(),
            shard_metadata: binding.map(|binding| binding.metadata.clone()).unwrap_or_default(),
        }
    }
}
