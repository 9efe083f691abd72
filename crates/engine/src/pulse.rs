//! Pulses: by which a cycle tells, without looking at rows one by one, for which of them there is anything to do. Thousands of rows
//! stay short from cycle to cycle; what is asked of each of them every time stands here, apart from the rest of a row, so that it costs little
//! (docs/adr/0140-short-rows-are-passed-over.md).

use argosy_model::ClusterIx;

use crate::bits::Bits;
use crate::holding::KeepIx;
use crate::menus::{MenuIx, Menus};
use crate::outlook::Glimpse;
use crate::rows::RowIx;
use crate::standing::Kind;

/// What is asked of a row in every cycle in which it is short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pulse {
    pub(crate) cluster: ClusterIx,
    pub(crate) menu: MenuIx,
    pub(crate) priority: i32,
    pub(crate) kind: Kind,
    /// What serves its cluster and will do for it, once that has been listed.
    pub(crate) keep: Option<KeepIx>,
    /// As long as what its verdict stands, where it is calm.
    calm: Calm,
}

/// As long as what a short row's verdict stands, if nothing is done to the row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calm {
    /// As long as nothing is free that would do for it and others have more of what would than it has itself: so many machines.
    WithOthers(u32),
    /// As long as its outlook is what it was told.
    InView(Glimpse),
}

impl Pulse {
    /// Of a row that is new.
    pub(crate) fn new(cluster: ClusterIx, menu: MenuIx, priority: i32, kind: Kind) -> Self {
        Self { cluster, menu, priority, kind, keep: None, calm: Calm::WithOthers(0) }
    }
}

/// By row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulses {
    rows: Vec<Pulse>,
    /// The credit left them short.
    short: Bits,
    /// Of these, those that seek what they lack.
    seeking: Bits,
    /// Something about them may have changed since their verdicts were written.
    fresh: Bits,
    /// They are short, and their verdicts stand for a while.
    calm: Bits,
}

impl Pulses {
    /// A row came, or is another one now.
    pub(crate) fn begin(&mut self, row: RowIx, pulse: Pulse) {
        if row.at() >= self.rows.len() {
            self.rows.resize(row.at() + 1, pulse);
        }
        self.rows[row.at()] = pulse;
        self.set_short(row, false, false);
        self.fresh.insert(row.at());
    }

    pub(crate) fn get(&self, row: RowIx) -> &Pulse {
        &self.rows[row.at()]
    }

    pub(crate) fn cluster(&self, row: RowIx) -> ClusterIx {
        self.get(row).cluster
    }

    /// Notes where what serves a row's cluster is listed.
    pub(crate) fn note_keep(&mut self, row: RowIx, keep: KeepIx) {
        self.rows[row.at()].keep = Some(keep);
    }

    pub(crate) fn is_short(&self, row: RowIx) -> bool {
        self.short.contains(row.at())
    }

    /// Rows that the credit left short and that seek what they lack.
    pub(crate) fn seeking(&self) -> impl Iterator<Item = RowIx> + '_ {
        self.seeking.iter().map(RowIx::from_index)
    }

    pub(crate) fn set_short(&mut self, row: RowIx, is_short: bool, seeks: bool) {
        self.short.set(row.at(), is_short);
        self.seeking.set(row.at(), is_short && seeks);
    }

    /// Its verdict must be looked at.
    pub(crate) fn freshen(&mut self, row: RowIx) {
        self.fresh.insert(row.at());
    }

    /// Its verdict stands for a while.
    pub(crate) fn calm(&mut self, row: RowIx, calm: Calm) {
        self.calm.insert(row.at());
        self.rows[row.at()].calm = calm;
    }

    /// No verdict stands but those of rows that lack nothing.
    pub(crate) fn disturb(&mut self) {
        self.calm.clear();
    }

    /// Of the rows that the credit left short those whose verdicts may no longer stand must be looked at. Returns those that are still to be asked for
    /// their outlook.
    pub(crate) fn freshen_short(&mut self, menus: &Menus) -> Vec<(RowIx, Glimpse)> {
        let mut in_view = Vec::new();
        for at in self.short.iter() {
            let Pulse { menu, calm, .. } = self.rows[at];
            match calm {
                Calm::InView(glimpse) if self.calm.contains(at) && !self.fresh.contains(at) => {
                    in_view.push((RowIx::from_index(at), glimpse));
                }
                Calm::WithOthers(own) if self.calm.contains(at) && menus.get(menu).is_all_with_others(own) => {}
                _ => self.fresh.insert(at),
            }
        }
        in_view
    }

    /// The rows whose verdicts must be looked at. Some may be gone.
    pub(crate) fn take(&mut self) -> Vec<RowIx> {
        let rows: Vec<RowIx> = self.fresh.iter().map(RowIx::from_index).collect();
        rows.iter().for_each(|row| self.calm.remove(row.at()));
        self.fresh.clear();
        rows
    }
}
