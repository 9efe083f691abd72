//! From a host's reference at its provider to the machine on it, for agents that are known by their instance id.
//!
//! An index over the committed state, built when it is asked for something that it does not have and the state has moved since. A hit
//! is held against the state, so that a stale one is never believed.

use std::collections::BTreeMap;

use crate::replica::View;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    machines: BTreeMap<String, String>,
    /// The log index of the state that it was built from.
    built_at: Option<u64>,
}

impl Hosts {
    /// The machine whose host this is.
    pub(super) fn machine_on(&mut self, view: &View, host: &str) -> Option<String> {
        if let Some(machine) = self.sound(view, host) {
            return Some(machine);
        }
        if self.built_at != Some(view.applied) {
            let fleet = view.state.fleet();
            let hosts = fleet.iter().filter_map(|(ix, _)| Some((fleet.host(ix)?.to_owned(), fleet.id(ix).to_owned())));
            self.machines = hosts.collect();
            self.built_at = Some(view.applied);
        }
        self.sound(view, host)
    }

    fn sound(&self, view: &View, host: &str) -> Option<String> {
        let machine = self.machines.get(host)?;
        let fleet = view.state.fleet();
        let still = fleet.find(machine).and_then(|ix| fleet.host(ix)) == Some(host);
        still.then(|| machine.clone())
    }
}
