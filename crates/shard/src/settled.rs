//! What the log has learnt of machines since their provider was last asked.
//!
//! A listing that was asked for before an operation ended may still show the machine as it was before. So the log index
//! at which a machine last settled is kept until its provider has been asked after that; an older answer is not believed.

use argosy_model::{MachineIx, Sym};
use imbl::{OrdMap, OrdSet};

/// Machines that settled after their provider was last asked. Clones share structure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    at: OrdMap<MachineIx, (u64, Sym)>,
    by_provider: OrdSet<(Sym, u64, MachineIx)>,
}

impl Settled {
    /// Whether an answer asked for at log index `asked_at` is older than what the log knows of the machine.
    pub(crate) fn is_stale(&self, machine: MachineIx, asked_at: u64) -> bool {
        self.at.get(&machine).is_some_and(|(index, _)| *index > asked_at)
    }

    /// Notes that a machine settled by the entry at `index`.
    pub(crate) fn note(&mut self, machine: MachineIx, index: u64, provider: Sym) {
        self.forget(machine);
        self.at.insert(machine, (index, provider));
        self.by_provider.insert((provider, index, machine));
    }

    /// Forgets a machine that is gone.
    pub(crate) fn forget(&mut self, machine: MachineIx) {
        if let Some((index, provider)) = self.at.remove(&machine) {
            self.by_provider.remove(&(provider, index, machine));
        }
    }

    /// The provider was asked at `asked_at`: what settled up to then need not be kept any longer, because the leader
    /// asks in order and a former leader's observations are refused by their term.
    pub(crate) fn asked(&mut self, provider: Sym, asked_at: u64) {
        let first = (provider, 0, MachineIx::from_index(0));
        while let Some(oldest) = self.by_provider.range(first..).next().copied() {
            let (of, index, machine) = oldest;
            if of != provider || index > asked_at {
                break;
            }
            self.forget(machine);
        }
    }

    /// All of it, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MachineIx, u64, Sym)> + '_ {
        self.at.iter().map(|(machine, (index, provider))| (*machine, *index, *provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_stale_until_its_provider_is_asked_anew() {
        let [p, q] = [0, 1].map(Sym::from_index);
        let [a, b] = [0, 1].map(MachineIx::from_index);
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
    }
}
