//! Outlooks: what rows that hold nothing and ask the same of one menu are told of its domains. Kept from cycle to cycle, so that a verdict which says
//! nothing else that could change stands for as long as its row's outlook does, though machines come and go
//! (docs/adr/0147-a-parked-rows-verdict-stands-with-its-outlook.md).

use std::sync::Arc;

use crate::cycle::Cycle;
use crate::hash::Lookup;
use crate::menus::MenuIx;
use crate::plan::Candidate;
use crate::rows::RowIx;

/// How many outlooks are kept beside one for each row: wants come and go.
const SPARE: usize = 64;

/// An outlook as it was at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glimpse {
    at: u32,
    edition: u32,
}

/// The domains that come nearest to hosting such rows.
#[derive(Clone, Debug)]
struct Outlook {
    candidates: Arc<[Candidate]>,
    /// Rises when these become others.
    edition: u32,
    /// Up to which count of changes to its menu it holds.
    seen: u64,
}

/// By menu, and by how many pieces are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlooks {
    known: Lookup<(MenuIx, u64), u32>,
    all: Vec<Outlook>,
}

impl Outlooks {
    /// Those that were told.
    pub(crate) fn candidates(&self, glimpse: Glimpse) -> &Arc<[Candidate]> {
        &self.all[glimpse.at as usize].candidates
    }
}

impl Cycle {
    /// The outlook of a short row with `Same` that is in no domain and is measured in pieces, as it is now.
    pub(crate) fn outlook(&mut self, row: RowIx) -> Option<Glimpse> {
        let standing = self.standing(row);
        let is_shared =
            standing.is_same() && standing.is_short() && standing.domain.is_none() && standing.yard.is_in_pieces();
        let key = is_shared.then(|| (standing.menu, standing.yard.want()[0]))?;
        let at = match self.outlooks.known.get(&key) {
            Some(known) => *known,
            None => self.open_outlook(row, key),
        };
        Some(self.look_out(row, at))
    }

    /// Whether what a row was told of its outlook still is all there is to tell of it.
    pub(crate) fn is_outlook_as(&mut self, row: RowIx, glimpse: Glimpse) -> bool {
        self.look_out(row, glimpse.at) == glimpse
    }

    fn open_outlook(&mut self, row: RowIx, key: (MenuIx, u64)) -> u32 {
        let at = u32::try_from(self.outlooks.all.len()).expect("fewer than 2^32 needs");
        let candidates = self.candidates(row).into();
        let seen = self.menus.get(key.0).changes();
        self.outlooks.all.push(Outlook { candidates, edition: 0, seen });
        self.outlooks.known.insert(key, at);
        at
    }

    /// Brings an outlook up to date that is a row's.
    fn look_out(&mut self, row: RowIx, at: u32) -> Glimpse {
        let changes = self.menus.get(self.pulses.get(row).menu).changes();
        if self.outlooks.all[at as usize].seen != changes {
            let candidates = self.candidates(row);
            let outlook = &mut self.outlooks.all[at as usize];
            outlook.seen = changes;
            if *outlook.candidates != *candidates {
                outlook.candidates = candidates.into();
                outlook.edition = outlook.edition.wrapping_add(1);
            }
        }
        Glimpse { at, edition: self.outlooks.all[at as usize].edition }
    }

    /// Forgets all outlooks where most of them must be of rows that have gone or ask for something else by now. Whoever was told of one is told anew.
    pub(crate) fn drop_old_outlooks(&mut self) {
        if self.outlooks.all.len() > self.rows.order().len() + SPARE {
            self.outlooks = Outlooks::default();
            self.pulses.disturb();
        }
    }
}
