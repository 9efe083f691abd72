//! Pulses: by which a cycle tells, without looking at rows one by one, for which of them there is anything to do.

use argosy_model::ClusterIx;

use crate::bits::Bits;
use crate::rows::RowIx;

/// By row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulses {
    clusters: Vec<ClusterIx>,
    /// The credit left them short.
    short: Bits,
    /// Something about them may have changed since their verdicts were written.
    fresh: Bits,
}

impl Pulses {
    /// A row came, or is another one now.
    pub(crate) fn begin(&mut self, row: RowIx, cluster: ClusterIx) {
        if row.at() >= self.clusters.len() {
            self.clusters.resize(row.at() + 1, cluster);
        }
        self.clusters[row.at()] = cluster;
        self.short.remove(row.at());
        self.fresh.insert(row.at());
    }

    pub(crate) fn cluster(&self, row: RowIx) -> ClusterIx {
        self.clusters[row.at()]
    }

    pub(crate) fn is_short(&self, row: RowIx) -> bool {
        self.short.contains(row.at())
    }

    /// Rows that the credit left short.
    pub(crate) fn short(&self) -> impl Iterator<Item = RowIx> + '_ {
        self.short.iter().map(RowIx::from_index)
    }

    pub(crate) fn set_short(&mut self, row: RowIx, is_short: bool) {
        if is_short { self.short.insert(row.at()) } else { self.short.remove(row.at()) }
    }

    /// Its verdict must be looked at.
    pub(crate) fn freshen(&mut self, row: RowIx) {
        self.fresh.insert(row.at());
    }

    /// The rows whose verdicts must be looked at; those of rows that are short depend on others, so always. Some may be gone.
    pub(crate) fn take(&mut self) -> Vec<RowIx> {
        self.short.iter().for_each(|at| self.fresh.insert(at));
        let rows = self.fresh.iter().map(RowIx::from_index).collect();
        self.fresh.clear();
        rows
    }
}
