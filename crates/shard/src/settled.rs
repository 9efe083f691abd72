//! What the log has learnt of machines since their provider was last asked.
//!
//! A listing that was asked for before an operation ended may still show the machine as it was before. So the log index
//! at which a machine last settled is kept until its provider has been asked after that; an older answer is not believed.
//!
//! Machines settle in the order of the log and are forgotten in the same order, so a queue for each provider is all that
//! forgetting takes.

use argosy_failpoint::{Planted, planted};
use argosy_model::{Column, MachineIx, Sym};
use imbl::{OrdMap, Vector};

/// Machines that settled after their provider was last asked. Clones share structure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    at: Column<(u64, Sym)>,
    /// By provider, oldest first. A machine that settled again, or is gone, stands here in vain until its turn comes.
    queues: OrdMap<Sym, Vector<(u64, MachineIx)>>,
}

impl Settled {
    /// Whether an answer asked for at log index `asked_at` is older than what the log knows of the machine.
    pub(crate) fn is_stale(&self, machine: MachineIx, asked_at: u64) -> bool {
        if planted(Planted::StaleListingBelieved) {
            return false;
        }
        self.at.get(machine.index()).is_some_and(|(index, _)| *index > asked_at)
    }

    /// Notes that a machine settled by the entry at `index`, which is not before any that was noted.
    pub(crate) fn note(&mut self, machine: MachineIx, index: u64, provider: Sym) {
        let before = self.at.put(machine.index(), (index, provider));
        if before == Some((index, provider)) {
            return;
        }
        let queue = self.queues.entry(provider).or_default();
        assert!(queue.back().is_none_or(|(last, _)| *last <= index), "machines settle in the order of the log");
        queue.push_back((index, machine));
    }

    /// What [`Self::back_to`] takes. Of the machines only those are kept that are written over.
    pub(crate) fn mark(&mut self) -> Self {
        Self { at: self.at.mark(), ..self.clone() }
    }

    /// Lets what was written since [`Self::mark`] stand.
    pub(crate) fn settle(&mut self) {
        self.at.settle();
    }

    /// Takes back what was written since the mark.
    pub(crate) fn back_to(&mut self, mark: Self) {
        *self = Self { at: self.at.take_back(), ..mark };
    }

    /// Forgets a machine that is gone.
    pub(crate) fn forget(&mut self, machine: MachineIx) {
        self.at.remove(machine.index());
    }

    /// The provider was asked at `asked_at`: what settled up to then need not be kept any longer, because the leader
    /// asks in order and a former leader's observations are refused by their term.
    pub(crate) fn asked(&mut self, provider: Sym, asked_at: u64) {
        let due = |queue: &Vector<(u64, MachineIx)>| queue.front().copied().filter(|(index, _)| *index <= asked_at);
        if self.queues.get(&provider).and_then(due).is_none() {
            return;
        }
        let queue = self.queues.get_mut(&provider).expect("it is due");
        while let Some((index, machine)) = due(queue) {
            queue.pop_front();
            if self.at.get(machine.index()) == Some(&(index, provider)) {
                self.at.remove(machine.index());
            }
        }
        if queue.is_empty() {
            self.queues.remove(&provider);
        }
    }

    /// All of it, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MachineIx, u64, Sym)> + '_ {
        self.at.iter().map(|(machine, (index, provider))| (MachineIx::from_index(machine), *index, *provider))
    }

    /// What [`Self::iter`] gave, in any order.
    pub(crate) fn restore(mut parts: Vec<(MachineIx, u64, Sym)>) -> Self {
        parts.sort_unstable_by_key(|(machine, index, _)| (*index, *machine));
        let mut settled = Self::default();
        for (machine, index, provider) in parts {
            settled.note(machine, index, provider);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> ([Sym; 2], [MachineIx; 2]) {
        ([0, 1].map(Sym::from_index), [0, 1].map(MachineIx::from_index))
    }

    #[test]
    fn an_answer_is_stale_until_its_provider_is_asked_anew() {
        let ([p, q], [a, b]) = fixtures();
        let mut settled = Settled::default();
        settled.note(a, 10, p);
        settled.note(b, 12, q);
        assert!(settled.is_stale(a, 9) && !settled.is_stale(a, 10));
        settled.asked(p, 11);
        assert!(!settled.is_stale(a, 0) && settled.is_stale(b, 11));
        settled.asked(q, 11);
        assert!(settled.is_stale(b, 11));
        settled.asked(q, 12);
        assert_eq!(settled.iter().count(), 0);
        assert!(settled.queues.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_machine_that_settled_again_is_kept_until_its_provider_is_asked_after_that() {
        let ([p, _], [a, b]) = fixtures();
        let mut settled = Settled::default();
        settled.note(a, 10, p);
        settled.note(b, 11, p);
        settled.note(a, 12, p);
        settled.forget(b);
        settled.asked(p, 11);
        assert!(settled.is_stale(a, 11) && !settled.is_stale(b, 0));
    }

    #[test]
    fn a_restored_one_goes_on_as_the_stored_one() {
        let ([p, q], [a, b]) = fixtures();
        let mut settled = Settled::default();
        settled.note(b, 10, p);
        settled.note(a, 12, p);
        settled.note(b, 13, q);
        let mut restored = Settled::restore(settled.iter().collect());
        for settled in [&mut settled, &mut restored] {
            settled.asked(p, 12);
            assert!(!settled.is_stale(a, 0) && settled.is_stale(b, 12));
        }
    }
}
