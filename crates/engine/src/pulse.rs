//! Pulses: the few bits by which a cycle tells, row by row and without looking further, whether there is anything to do.

use argosy_model::ClusterIx;

use crate::rows::RowIx;

#[derive(Clone, Copy, Debug)]
struct Pulse {
    cluster: ClusterIx,
    /// The credit left it short.
    is_short: bool,
    /// Something about it may have changed since its verdict was written.
    is_fresh: bool,
}

/// By row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulses(Vec<Pulse>);

impl Pulses {
    /// A row came, or is another one now.
    pub(crate) fn begin(&mut self, row: RowIx, cluster: ClusterIx) {
        let pulse = Pulse { cluster, is_short: false, is_fresh: true };
        if row.at() >= self.0.len() {
            self.0.resize(row.at() + 1, pulse);
        }
        self.0[row.at()] = pulse;
    }

    pub(crate) fn cluster(&self, row: RowIx) -> ClusterIx {
        self.0[row.at()].cluster
    }

    pub(crate) fn is_short(&self, row: RowIx) -> bool {
        self.0[row.at()].is_short
    }

    pub(crate) fn set_short(&mut self, row: RowIx, is_short: bool) {
        self.0[row.at()].is_short = is_short;
    }

    /// Its verdict must be looked at.
    pub(crate) fn freshen(&mut self, row: RowIx) {
        self.0[row.at()].is_fresh = true;
    }

    /// Whether its verdict must be looked at; that of a row that is short depends on others, so always.
    pub(crate) fn take(&mut self, row: RowIx) -> bool {
        let pulse = &mut self.0[row.at()];
        std::mem::take(&mut pulse.is_fresh) || pulse.is_short
    }
}
