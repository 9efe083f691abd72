//! What happens when its time has come: transitions end, hosts are lost, slots return, failed machines are repaired.

use std::cmp::Reverse;

use argosy_model::State;
use argosy_proto::argosy::v1::Faults;

use super::super::slot::{Failure, Fate};
use super::World;
use super::chance::Loss;
use crate::contract::Kind;

impl World {
    /// Puts what a machine has coming into the queues. Older entries stay behind and are found out of date when they come up.
    pub(super) fn schedule(&mut self, ix: u32) {
        if let Some(end) = self.slot(ix).life.end {
            self.ends.push(Reverse((end.at_ms, ix)));
        }
        for at_ms in
            [self.slot(ix).life.fate.map(Fate::at_ms), self.loss(ix).map(|(at_ms, _)| at_ms)].into_iter().flatten()
        {
            self.fates.push(Reverse((at_ms, ix)));
        }
    }

    /// Moves the clock to `now_ms`, if that is ahead, and applies everything due until then in the order of its time; at one time ends go
    /// before fates, and both by machine. Returns how many things that were.
    pub(in super::super) fn run_until(&mut self, now_ms: u64) -> u64 {
        let mut applied = 0;
        while let Some((at_ms, ix, is_end)) = self.next_due().filter(|(at_ms, ..)| *at_ms <= now_ms) {
            self.now_ms = self.now_ms.max(at_ms);
            if is_end {
                self.ends.pop();
                self.finish(ix);
            } else {
                self.fates.pop();
                self.befall(ix, at_ms);
            }
            applied += 1;
        }
        // In virtual time whoever moved the clock counts on where it stands; in real time it is stored along with the next change.
        self.journal.header |= self.rules.virtual_time && now_ms > self.now_ms;
        self.now_ms = self.now_ms.max(now_ms);
        applied
    }

    /// Ends every transition that will end, however far the clock must move for it.
    pub(in super::super) fn settle(&mut self) {
        while self.census.pending() > 0 {
            self.drop_stale();
            let Some(Reverse((at_ms, _))) = self.ends.peek().copied() else { return };
            self.run_until(at_ms);
        }
    }

    /// When the next thing falls due.
    pub(in super::super) fn next_due_ms(&mut self) -> Option<u64> {
        self.next_due().map(|(at_ms, ..)| at_ms)
    }

    fn next_due(&mut self) -> Option<(u64, u32, bool)> {
        self.drop_stale();
        let end = self.ends.peek().map(|Reverse((at_ms, ix))| (*at_ms, *ix, true));
        let fate = self.fates.peek().map(|Reverse((at_ms, ix))| (*at_ms, *ix, false));
        match (end, fate) {
            (Some(end), Some(fate)) if fate.0 < end.0 => Some(fate),
            (end, fate) => end.or(fate),
        }
    }

    fn drop_stale(&mut self) {
        while let Some(Reverse((at_ms, ix))) = self.ends.peek() {
            if self.slot(*ix).life.end.is_some_and(|end| end.at_ms == *at_ms) {
                break;
            }
            self.ends.pop();
        }
        while let Some(Reverse((at_ms, ix))) = self.fates.peek() {
            let fated = self.slot(*ix).life.fate.is_some_and(|fate| fate.at_ms() == *at_ms);
            if fated || self.loss(*ix).is_some_and(|(loss_ms, _)| loss_ms == *at_ms) {
                break;
            }
            self.fates.pop();
        }
    }

    /// A transition ends as was drawn when it was accepted.
    fn finish(&mut self, ix: u32) {
        let life = &self.slot(ix).life;
        let (Some(kind), Some(end)) = (life.under_way(), life.end) else { return };
        match end.failure {
            Some(failure) => self.fail(ix, kind, failure),
            None => self.complete(ix, kind),
        }
    }

    fn complete(&mut self, ix: u32, kind: Kind) {
        let now_ms = self.now_ms;
        self.count(match kind {
            Kind::Create => "created",
            Kind::Configure => "configured",
            Kind::Drain => "drained",
            Kind::Delete => "deleted",
        });
        self.change(ix, |life| {
            life.state = kind.to();
            life.end = None;
            match kind {
                Kind::Create => (life.host, life.host_since_ms) = (true, now_ms),
                Kind::Configure => {}
                Kind::Drain => life.binding = None,
                // A notice was the host's, and goes with it.
                Kind::Delete => (life.host, life.fate) = (false, None),
            }
        });
    }

    pub(in super::super) fn fail(&mut self, ix: u32, kind: Kind, failure: Failure) {
        let repaired = self.repaired_ms();
        self.count("failed");
        self.record_failure(ix, kind);
        self.change(ix, |life| life.fail(failure.text(kind), repaired));
    }

    /// Transitions that a restart found half done end in FAILED.
    pub(in super::super) fn fail_interrupted(&mut self) {
        let under_way = (0..).zip(&self.slots).filter_map(|(ix, slot)| Some((ix, slot.life.under_way()?)));
        for (ix, kind) in under_way.collect::<Vec<_>>() {
            self.fail(ix, kind, Failure::Interrupted);
        }
    }

    fn befall(&mut self, ix: u32, at_ms: u64) {
        match self.slot(ix).life.fate.filter(|fate| fate.at_ms() == at_ms) {
            Some(Fate::Ends { .. }) => self.vanish(ix),
            Some(Fate::Returns { .. }) => {
                self.count("returned");
                self.change(ix, |life| (life.gone, life.fate) = (false, None));
            }
            Some(Fate::Repaired { .. }) => {
                self.count("repaired");
                self.change(ix, |life| {
                    life.state = if life.host { State::Idle } else { State::Speculative };
                    (life.fate, life.error) = (None, None);
                });
            }
            None => match self.loss(ix) {
                Some((_, Loss::Vanishes)) => self.vanish(ix),
                Some((_, Loss::GetsNotice)) => self.give_notice(ix),
                None => {}
            },
        }
    }

    pub(super) fn vanish(&mut self, ix: u32) {
        let returns = self.returns_ms();
        self.count("vanished");
        self.record_loss(ix);
        self.change(ix, |life| life.vanish(returns));
    }

    pub(super) fn give_notice(&mut self, ix: u32) {
        let at_ms = self.now_ms.saturating_add(u64::from(self.faults.notice_ms));
        self.count("noticed");
        self.change(ix, |life| life.fate = Some(Fate::Ends { at_ms }));
    }

    /// Replaces the fault profile. Hosts draw anew when they are lost; what else is in flight keeps what it drew.
    pub(in super::super) fn set_faults(&mut self, faults: Faults) -> Faults {
        let before = std::mem::replace(&mut self.faults, faults);
        self.faults_since = (self.now_ms, self.faults_since.1 + 1);
        self.journal.header = true;
        for ix in 0..u32::try_from(self.slots.len()).expect("limited by the catalogue") {
            if let Some((at_ms, _)) = self.loss(ix) {
                self.fates.push(Reverse((at_ms, ix)));
            }
        }
        before
    }
}
