//! Keeping up with an inventory: what changed and what is gone, from providers of either kind.
//!
//! One that knows our extension is asked for pages since a cursor and names what it removed. A stock one sends everything each time, and
//! the difference is taken here. A page is the unit, so that a million machines never lie in memory at once.

use std::hash::BuildHasher;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::bigfleet::v1alpha1 as api;
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use prost::Message;

use super::{Client, InvalidMachine, ObservedMachine, Refusal};

/// Machines per page of an incremental provider.
const PAGE: i32 = 10_000;

/// How a page stands to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Changes since the last one.
    Delta,
    /// Part of a sweep over the whole inventory. When its last page has come, [`Lister::knows`] answers for every id.
    Sweep,
}

/// A machine that was reported but breaks the contract; what was last known of it still stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its id, possibly empty.
    pub id: String,
    /// What is wrong.
    pub reason: InvalidMachine,
}

/// A step of keeping up.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Delta or sweep.
    pub kind: PageKind,
    /// New or different since it was last listed.
    pub changed: Vec<ObservedMachine>,
    /// No longer in the inventory. On a sweep these come with the last page.
    pub gone: Vec<String>,
    /// Reported, but refused here.
    pub rejected: Vec<Rejected>,
    /// Nothing more is waiting: the caller may pause.
    pub last: bool,
}

/// Keeps up with one provider. It holds some 100 bytes for each machine.
#[derive(Debug, Default)]
pub struct Lister {
    known: HashMap<Box<str>, Known>,
    cursor: Bytes,
    /// Counts sweeps, so that what a sweep did not name can be told from what it did.
    sweep: u32,
    sweeping: bool,
}

#[derive(Debug)]
struct Known {
    digest: u64,
    sweep: u32,
}

impl Lister {
    /// Knows nothing yet: its first pages are a sweep.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the machine was in the inventory when last listed. After the last page of a sweep, a machine that is not known is gone,
    /// which a new leader asks for each machine that it has inherited.
    #[must_use]
    pub fn knows(&self, machine_id: &str) -> bool {
        self.known.contains_key(machine_id)
    }

    /// How many machines are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Fetches the next page. After an error the next call goes on from the last good page.
    pub async fn next_page(&mut self, client: &Client) -> Result<Page, Refusal> {
        // A stock provider never gave us a cursor worth keeping, and must not cap: it could not say that it did.
        let cap = match self.cursor.is_empty() {
            true => 0,
            false if fires(Failpoint::PageSmall) => 3,
            false => PAGE,
        };
        let answer = client.list(self.cursor.clone(), cap).await?;
        Ok(self.take(answer))
    }

    fn take(&mut self, answer: api::MachineList) -> Page {
        let Some(extension) = answer.argosy else {
            // A stock provider: everything, every time, in one piece.
            self.begin_sweep();
            let mut page = self.page(PageKind::Sweep, answer.machines);
            page.gone = self.end_sweep();
            return page;
        };
        if extension.reset {
            self.begin_sweep();
        }
        let kind = if self.sweeping { PageKind::Sweep } else { PageKind::Delta };
        let mut page = self.page(kind, answer.machines);
        page.gone = extension.gone;
        page.gone.retain(|id| self.known.remove(id.as_str()).is_some());
        page.last = !extension.more;
        if page.last && self.sweeping {
            page.gone.extend(self.end_sweep());
        }
        self.cursor = answer.revision;
        page
    }

    fn begin_sweep(&mut self) {
        self.sweep = self.sweep.wrapping_add(1);
        self.sweeping = true;
    }

    /// Forgets, and returns, what the sweep did not name.
    fn end_sweep(&mut self) -> Vec<String> {
        self.sweeping = false;
        let sweep = self.sweep;
        let mut gone: Vec<_> =
            self.known.extract_if(|_, known| known.sweep != sweep).map(|(id, _)| id.into_string()).collect();
        gone.sort_unstable();
        gone
    }

    fn page(&mut self, kind: PageKind, machines: Vec<api::Machine>) -> Page {
        let mut page = Page { kind, changed: Vec::new(), gone: Vec::new(), rejected: Vec::new(), last: true };
        for machine in machines {
            let id: Box<str> = machine.id.as_str().into();
            let digest = FixedState::default().hash_one(machine.encode_to_vec());
            let before = self.known.get(&id).map(|known| known.digest);
            let digest = match ObservedMachine::from_wire(machine) {
                Ok(_) if before == Some(digest) => digest,
                Ok(observed) => {
                    page.changed.push(observed);
                    digest
                }
                Err(reason) => {
                    page.rejected.push(Rejected { id: id.to_string(), reason });
                    // Seen, so not gone; and different from anything valid that may follow.
                    0
                }
            };
            if !id.is_empty() {
                self.known.insert(id, Known { digest, sweep: self.sweep });
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use argosy_proto::argosy::v1::ListResponseExtension;

    use super::*;

    fn machine(id: &str, zone: &str) -> api::Machine {
        api::Machine { id: id.to_owned(), state: 3, zone: zone.to_owned(), ..api::Machine::default() }
    }

    fn stock(machines: &[api::Machine]) -> api::MachineList {
        api::MachineList { machines: machines.to_vec(), revision: Bytes::from_static(b"7"), argosy: None }
    }

    fn ours(machines: &[api::Machine], gone: &[&str], reset: bool, more: bool) -> api::MachineList {
        let gone = gone.iter().map(|id| (*id).to_owned()).collect();
        api::MachineList { argosy: Some(ListResponseExtension { gone, reset, more }), ..stock(machines) }
    }

    fn changed(page: &Page) -> Vec<&str> {
        page.changed.iter().map(|machine| machine.id.as_str()).collect()
    }

    #[test]
    fn a_stock_listing_is_compared_with_the_one_before() {
        let mut lister = Lister::new();
        let first = lister.take(stock(&[machine("a", "z1"), machine("b", "z1")]));
        assert_eq!((changed(&first), first.gone.len(), first.last), (vec!["a", "b"], 0, true));
        let second = lister.take(stock(&[machine("b", "z2"), machine("c", "z1")]));
        assert_eq!((changed(&second), &second.gone), (vec!["b", "c"], &vec!["a".to_owned()]));
        let quiet = lister.take(stock(&[machine("b", "z2"), machine("c", "z1")]));
        assert_eq!((changed(&quiet), quiet.gone.len()), (vec![], 0));
        assert!(lister.cursor.is_empty(), "a stock cursor must not be sent: its deltas name no removals");
    }

    #[test]
    fn a_reset_turns_silence_about_a_machine_into_its_end_but_only_after_the_last_page() {
        let mut lister = Lister::new();
        lister.take(ours(&[machine("a", "z"), machine("b", "z"), machine("c", "z")], &[], true, false));
        let first = lister.take(ours(&[machine("a", "z")], &[], true, true));
        assert_eq!((first.kind, first.gone.len(), first.last), (PageKind::Sweep, 0, false));
        assert!(lister.knows("b"));
        let second = lister.take(ours(&[machine("c", "z")], &[], false, false));
        assert_eq!((second.kind, second.gone, second.last), (PageKind::Sweep, vec!["b".to_owned()], true));
        let delta = lister.take(ours(&[], &["c"], false, false));
        assert_eq!((delta.kind, delta.gone), (PageKind::Delta, vec!["c".to_owned()]));
        assert!(lister.knows("a") && !lister.knows("c"));
    }

    #[test]
    fn a_machine_that_breaks_the_contract_is_reported_and_is_not_taken_for_gone() {
        let mut lister = Lister::new();
        lister.take(stock(&[machine("a", "z")]));
        let bad = api::Machine { price_per_hour: -1.0, ..machine("a", "z") };
        let page = lister.take(stock(&[bad]));
        assert_eq!((page.rejected.len(), page.changed.len(), page.gone.len()), (1, 0, 0));
        let healed = lister.take(stock(&[machine("a", "z")]));
        assert_eq!(changed(&healed), ["a"]);
    }
}
