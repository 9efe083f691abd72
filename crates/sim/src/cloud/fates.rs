//! What time and misfortune do to machines: steps that end, hosts that are lost, notices, repairs.

use argosy_model::State;
use argosy_shard::Step;

use super::slot::{End, Fate};
use super::{Answer, Cloud};

impl Cloud {
    /// When something next happens by itself.
    pub fn next_ms(&self) -> Option<u64> {
        let first = |set: &std::collections::BTreeSet<(u64, usize)>| set.first().map(|(at_ms, _)| *at_ms);
        [first(&self.ends), first(&self.fates)].into_iter().flatten().min()
    }

    /// Lets happen all that is due, in order of time, then of machines.
    pub fn pass(&mut self, now_ms: u64) {
        while let Some((at_ms, at)) = self.ends.first().copied().filter(|(at_ms, _)| *at_ms <= now_ms) {
            self.ends.remove(&(at_ms, at));
            let end = self.slots[at].end.take().expect("an end that is due belongs to its slot");
            self.finish(at_ms, at, end);
            self.changed(at);
        }
        while let Some((at_ms, at)) = self.fates.first().copied().filter(|(at_ms, _)| *at_ms <= now_ms) {
            self.fates.remove(&(at_ms, at));
            let fate = self.slots[at].fate.take().expect("a fate that is due belongs to its slot");
            self.befall(at_ms, at, fate);
            self.changed(at);
        }
    }

    /// The next call of a step on a machine ends in failure.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn doom(&mut self, id: &str, step: Step) {
        let at = self.index[id];
        self.doomed.insert((at, step));
    }

    /// The next creation on this slot takes so long, whatever others take.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn next_create_takes(&mut self, id: &str, ms: u64) {
        let at = self.index[id];
        self.slots[at].next_create_ms = Some(ms);
    }

    /// A host is lost at once. Its slot leaves the inventory, and comes back if slots do.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn lose(&mut self, now_ms: u64, id: &str) {
        let at = self.index[id];
        self.lose_at(now_ms, at);
        self.changed(at);
    }

    /// A machine breaks where it stands.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn break_down(&mut self, now_ms: u64, id: &str) {
        let at = self.index[id];
        self.forget_end(at);
        self.fail(now_ms, at, "the host broke down");
        self.changed(at);
    }

    /// A machine is announced to end after a while.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn give_notice(&mut self, now_ms: u64, id: &str, after_ms: u64) {
        let at = self.index[id];
        self.slots[at].notice = true;
        self.set_fate(at, Some(Fate::Ends(now_ms.saturating_add(after_ms))));
        self.changed(at);
    }

    /// A failed machine is well again, at once.
    ///
    /// # Panics
    /// When there is no such machine.
    pub fn repair(&mut self, id: &str) {
        let at = self.index[id];
        self.set_fate(at, None);
        self.mend(at);
        self.changed(at);
    }

    pub(super) fn finish(&mut self, now_ms: u64, at: usize, end: End) {
        if end.fails {
            let text = format!("{} failed: the simulated cloud reported an error", end.step.name());
            return self.fail(now_ms, at, &text);
        }
        let slot = &mut self.slots[at];
        slot.state = end.step.target();
        match end.step {
            Step::Create => slot.gain_host(),
            Step::Configure => {}
            Step::Drain => slot.unbind(),
            Step::Delete => {
                slot.host = None;
                slot.notice = false;
                self.set_fate(at, None);
            }
        }
    }

    fn befall(&mut self, now_ms: u64, at: usize, fate: Fate) {
        match fate {
            Fate::Ends(_) => self.lose_at(now_ms, at),
            Fate::Returns(_) => {
                let slot = &mut self.slots[at];
                (slot.gone, slot.state) = (false, State::Speculative);
            }
            Fate::Repaired(_) => self.mend(at),
        }
    }

    fn mend(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if slot.state == State::Failed {
            slot.error = None;
            slot.state = if slot.host.is_some() { State::Idle } else { State::Speculative };
        }
    }

    fn fail(&mut self, now_ms: u64, at: usize, text: &str) {
        self.slots[at].fail(text);
        // A host under notice ends, well or not.
        if !matches!(self.slots[at].fate, Some(Fate::Ends(_))) {
            let repaired = self.faults.repair_ms.map(|ms| Fate::Repaired(now_ms.saturating_add(ms)));
            self.set_fate(at, repaired);
        }
    }

    fn lose_at(&mut self, now_ms: u64, at: usize) {
        self.forget_end(at);
        let slot = &mut self.slots[at];
        (slot.state, slot.host, slot.error, slot.notice, slot.gone) = (State::Speculative, None, None, false, true);
        slot.unbind();
        let returns = self.faults.return_ms.map(|ms| Fate::Returns(now_ms.saturating_add(ms)));
        self.set_fate(at, returns);
    }

    fn forget_end(&mut self, at: usize) {
        if let Some(end) = self.slots[at].end.take() {
            self.ends.remove(&(end.at_ms, at));
        }
    }
}

impl Answer {
    /// Whether the call was carried out, as far as its caller knows.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}
