//! Records that may have to be offered to the fold again.
//!
//! A listing names what has changed since the last listing, not since the state last believed one. A record that the
//! fold would not believe, because the machine moved on in the log while the provider was being asked, stays here and
//! is offered again once a later listing has not replaced it: then it is as fresh as that listing.

use std::collections::BTreeMap;

use argosy_shard::Observed;

use crate::replica::View;

/// What a provider last said of machines that were under way, by id; `None` says that it no longer has the machine.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<String, Option<Observed>>);

impl Held {
    /// Forgets what a newer page names.
    pub(super) fn replace<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// Keeps a record that was just offered, if the fold may not have believed it.
    pub(super) fn keep(&mut self, id: &str, record: Option<Observed>, asked: &View, now: &View) {
        if is_doubtful(id, asked, now) {
            self.0.insert(id.to_owned(), record);
        }
    }

    /// Everything that is held.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&Observed>)> {
        self.0.iter().map(|(id, record)| (id.as_str(), record.as_ref()))
    }

    /// Keeps only what may still have to be offered again.
    pub(super) fn prune(&mut self, asked: &View, now: &View) {
        self.0.retain(|id, _| is_doubtful(id, asked, now));
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether what was asked of a machine while the state was `asked` may be older than what the log knows by `now`: an
/// operation is under way on it, or it was then, or its record has changed since.
fn is_doubtful(id: &str, asked: &View, now: &View) -> bool {
    let under_way = |view: &View| view.state.fleet().find(id).is_some_and(|ix| view.state.ledger().on(ix).is_some());
    let version = |view: &View| view.state.fleet().find(id).map(|ix| view.state.fleet().machine(ix).version);
    under_way(asked) || under_way(now) || (version(asked).is_some() && version(asked) != version(now))
}
