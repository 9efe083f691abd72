//! Transitions on their way into the outbox: what the fold changes is noted here, in the entry that changes it.
//!
//! Everything begins with the question whether anybody is to be told. A shard without sinks pays for that question and nothing more.

use std::sync::Arc;

use argosy_model::{ClusterIx, Flags, Machine, MachineIx, State};
use argosy_notify::transition::text;
use argosy_notify::{Progress, SinkFile, Site, Subject, Transition, What};
use argosy_repair::{Domain, Place, Repair};

use super::Fold;
use crate::command::By;
use crate::health::HealthVerdict;
use crate::pools::Pool;
use crate::response::{Rejection, Response};

impl Fold<'_> {
    pub(super) fn set_sinks(&mut self, file: SinkFile, by: By) -> Result<Response, Rejection> {
        if let Some(fault) = file.faults().first() {
            return Err(Rejection::Sinks { why: fault.to_string().as_str().into() });
        }
        let act = format!("set {} sinks of notifications", file.sinks.len());
        self.state.outbox.set(file, self.index);
        // Whoever is new is told which pools lack machines as it is.
        let pools =
            self.state.pools.keys().filter_map(|name| self.state.fleet.words.find_cluster(&Pool::claimant(name)));
        self.touched = pools.collect();
        Ok(self.audit(act, by))
    }

    pub(super) fn notified(&mut self, progress: &[Progress]) -> Response {
        self.state.outbox.confirm(progress, self.state.now);
        Response::Done
    }

    /// A machine's lifecycle went on, or its provider gave notice. `cluster` is whom it serves, or served until now.
    pub(super) fn note_change(&mut self, ix: MachineIx, before: &Machine, cluster: Option<ClusterIx>) {
        if self.state.outbox.is_idle() {
            return;
        }
        let known = *self.state.fleet.machine(ix);
        self.touched.extend(cluster);
        let is_told = before.state != known.state && !(is_slot(before) && is_slot(&known));
        if is_told {
            let what = What::State { from: before.state, to: known.state, reason: self.reason_of(ix, known.state) };
            self.note(self.subject(ix, cluster), what);
        }
        if known.flags.has(Flags::NOTICE) && !before.flags.has(Flags::NOTICE) {
            self.note(self.subject(ix, cluster), What::Notice);
        }
    }

    /// A machine is there that was not known. A slot that could become one is none, also while it is held back.
    pub(super) fn note_found(&mut self, ix: MachineIx, state: State, cluster: Option<ClusterIx>) {
        if self.state.outbox.is_idle() {
            return;
        }
        self.touched.extend(cluster);
        if !is_slot(self.state.fleet.machine(ix)) {
            self.note(self.subject(ix, cluster), What::Found { state });
        }
    }

    /// A machine is about to be forgotten.
    pub(super) fn note_gone(&mut self, ix: MachineIx) {
        if self.state.outbox.is_idle() {
            return;
        }
        let known = *self.state.fleet.machine(ix);
        self.touched.extend(known.cluster());
        if !is_slot(&known) {
            self.note(self.subject(ix, known.cluster()), What::Gone { from: known.state });
        }
    }

    /// A flag of a machine has changed: its pool may count it otherwise.
    pub(super) fn note_flag(&mut self, ix: MachineIx) {
        if !self.state.outbox.is_idle() {
            self.touched.extend(self.state.fleet.machine(ix).cluster());
        }
    }

    pub(super) fn note_verdict(&mut self, ix: MachineIx, before: Option<&HealthVerdict>, now: &HealthVerdict) {
        let same = |before: &HealthVerdict| {
            (&before.health, &before.class, before.unfit) == (&now.health, &now.class, now.unfit)
        };
        // A first word that all is well is no news.
        let is_news = before.map_or(now.unfit || now.health != "healthy", |before| !same(before));
        if is_news && !self.state.outbox.is_idle() {
            let (health, class) = (text(&now.health), text(&now.class));
            let what = What::Verdict { health, class, reason: text(&now.reason), unfit: now.unfit };
            self.note(self.subject_of(ix), what);
        }
    }

    pub(super) fn note_cordon(&mut self, ix: MachineIx, on: bool, by: &By) {
        if !self.state.outbox.is_idle() {
            let what = What::Cordon { on, actor: text(&by.actor), reason: text(&by.reason) };
            self.note(self.subject_of(ix), what);
        }
    }

    pub(super) fn note_marked(&mut self, ix: MachineIx, unhealthy: bool, by: &By) {
        if !self.state.outbox.is_idle() {
            let what = What::Marked { unhealthy, actor: text(&by.actor), reason: text(&by.reason) };
            self.note(self.subject_of(ix), what);
        }
    }

    /// A repair has come to `step`. The machine counts where it did when the repair began: it may serve nobody by now.
    pub(super) fn note_repair(&mut self, ix: MachineIx, repair: &Repair, step: &str) {
        if self.state.outbox.is_idle() || self.state.fleet.get(ix).is_none() {
            return;
        }
        let class = text(repair.class.name());
        let what = match step == argosy_repair::Ending::Replaced.name() {
            true => What::Replaced { class },
            false => What::Repair { class, step: text(step) },
        };
        let subject = Subject::Machine { id: Arc::from(self.state.fleet.id(ix)), site: site(repair.place.clone()) };
        self.note(subject, what);
    }

    pub(super) fn note_trip(&mut self, domain: &Domain, found: u32, of: u32) {
        if !self.state.outbox.is_idle() {
            self.note(Subject::Domain(text(&domain.to_string())), What::Tripped { found, of });
        }
    }

    pub(super) fn note_reset(&mut self, domain: &str, by: &By) {
        if !self.state.outbox.is_idle() {
            self.note(Subject::Domain(text(domain)), What::Reset { actor: text(&by.actor), reason: text(&by.reason) });
        }
    }

    /// A pool is to have another size, or other bounds.
    pub(super) fn note_size(&mut self, name: &str, from: u32, to: u32, reason: &str) {
        if self.state.outbox.is_idle() {
            return;
        }
        self.touched.extend(self.state.fleet.words.find_cluster(&Pool::claimant(name)));
        if from != to {
            self.note(Subject::Pool(Arc::from(name)), What::Sized { from, to, reason: text(reason) });
        }
    }

    /// Says of every pool that this entry touched whether it has its least size.
    pub(super) fn note_mins(&mut self) {
        if self.state.outbox.is_idle() {
            self.touched.clear();
        }
        for claimant in std::mem::take(&mut self.touched) {
            let Some(name) = Pool::named_by(self.state.fleet.words.cluster_id(claimant)).map(str::to_owned) else {
                continue;
            };
            let Some(pool) = self.state.pools.get(&name) else {
                self.state.outbox.forget_pool(&name);
                continue;
            };
            let min = pool.specification.bounds().min;
            let ready = u32::try_from(self.state.fleet.classes().covering(claimant)).unwrap_or(u32::MAX);
            let below = ready < min;
            if self.state.outbox.note_min(&name, below) {
                self.note(Subject::Pool(Arc::from(name)), What::Min { below, ready, min });
            }
        }
    }

    fn note(&mut self, subject: Subject, what: What) {
        let at = self.state.now;
        self.state.outbox.record(self.index, Transition { at, subject, what });
    }

    fn subject_of(&self, ix: MachineIx) -> Subject {
        self.subject(ix, self.state.fleet.machine(ix).cluster())
    }

    fn subject(&self, ix: MachineIx, cluster: Option<ClusterIx>) -> Subject {
        let shape = self.state.fleet.machine(ix).shape;
        Subject::Machine { id: Arc::from(self.state.fleet.id(ix)), site: site(self.state.place_with(cluster, shape)) }
    }

    /// Why a machine is in its state, where that is known.
    fn reason_of(&self, ix: MachineIx, state: State) -> Option<Arc<str>> {
        match state {
            State::Failed => self.state.fleet.aside(ix).error.as_deref().map(text),
            State::Draining | State::Deleting => self.state.repairs.book.get(ix).map(|repair| text(&repair.reason)),
            _ => None,
        }
    }
}

/// Whether nothing is there but the chance to get a machine, offered or, while it is failed without hardware, not offered: a provider that
/// holds its slots back for a while, and lets them go again, does nothing to any machine.
fn is_slot(machine: &Machine) -> bool {
    match machine.state {
        State::Speculative => true,
        State::Failed => !machine.flags.has(Flags::HOST),
        _ => false,
    }
}

fn site(place: Place) -> Site {
    let Place { cluster, pool, zone, rack } = place;
    Site { cluster, pool, zone, rack }
}
