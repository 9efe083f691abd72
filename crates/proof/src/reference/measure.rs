//! In what a row is measured: in whole pieces, or in resources dimension by dimension.

use argosy_model::{DimIx, Resources};
use smallvec::{SmallVec, smallvec};

use crate::plant::{self, Plant};

/// Amounts, one for each thing that is measured.
pub(super) type Amounts = SmallVec<[u64; 3]>;

/// What one whole counts as when shares are compared.
const WHOLE: u128 = 1_000_000_000;

/// What is counted, and how much of it is wanted.
pub(super) struct Measure {
    /// The piece that must fit whole, where pieces are counted; resources otherwise.
    piece: Option<Resources>,
    dims: Vec<DimIx>,
    pub(super) want: Amounts,
}

impl Measure {
    pub(super) fn in_resources(aggregate: &Resources) -> Self {
        Self {
            piece: None,
            dims: aggregate.iter().map(|(dim, _)| dim).collect(),
            want: aggregate.iter().map(|(_, amount)| amount).collect(),
        }
    }

    /// In pieces, if there is a number of them that covers the aggregate.
    pub(super) fn in_pieces(aggregate: &Resources, piece: &Resources) -> Self {
        match aggregate.units_to_cover(piece) {
            Some(pieces) if pieces > 0 => {
                Self { piece: Some(piece.clone()), dims: Vec::new(), want: smallvec![pieces] }
            }
            _ => Self::in_resources(aggregate),
        }
    }

    pub(super) fn none(&self) -> Amounts {
        self.want.iter().map(|_| 0).collect()
    }

    /// What a machine with these resources counts for.
    pub(super) fn of(&self, resources: &Resources) -> Amounts {
        match &self.piece {
            Some(_) if plant::is(Plant::MachinesNotAmounts) => smallvec![1],
            Some(piece) => smallvec![resources.units_of(piece)],
            None => self.dims.iter().map(|dim| resources.get(*dim)).collect(),
        }
    }

    pub(super) fn resources(&self, amounts: &Amounts) -> Resources {
        match &self.piece {
            Some(piece) => piece.times(amounts[0]),
            None => Resources::from_amounts(self.dims.iter().copied().zip(amounts.iter().copied())),
        }
    }

    /// How many dimensions of a machine the row does not ask for.
    pub(super) fn unasked(&self, resources: &Resources) -> usize {
        let is_asked = |dim: DimIx| match &self.piece {
            Some(piece) => piece.get(dim) > 0,
            None => self.dims.contains(&dim),
        };
        resources.iter().filter(|(dim, _)| !is_asked(*dim)).count()
    }

    /// The share of the want, in parts per billion and summed over what is measured.
    pub(super) fn share(&self, amounts: &Amounts) -> u128 {
        let parts = amounts.iter().zip(&self.want).filter(|(_, want)| **want > 0);
        parts.map(|(amount, want)| u128::from(*amount) * WHOLE / u128::from(*want)).sum()
    }

    fn capped(&self, amounts: &Amounts) -> Amounts {
        amounts.iter().zip(&self.want).map(|(amount, want)| *amount.min(want)).collect()
    }

    /// How much of the want is covered, nothing counting beyond its whole. Where one thing is measured, the amount itself.
    pub(super) fn coverage(&self, have: &Amounts) -> u128 {
        if plant::is(Plant::SlackCounts) {
            return self.total(have);
        }
        let capped = self.capped(have);
        if capped.len() == 1 { u128::from(capped[0]) } else { self.share(&capped) }
    }

    /// The same, not capped.
    pub(super) fn total(&self, have: &Amounts) -> u128 {
        if have.len() == 1 { u128::from(have[0]) } else { self.share(have) }
    }

    pub(super) fn per_mille(&self, have: &Amounts) -> u32 {
        let whole = WHOLE * self.want.len().max(1) as u128;
        u32::try_from(self.share(&self.capped(have)) * 1_000 / whole).expect("a capped share is a thousand at most")
    }
}

/// Whether a machine covers some of what is short.
pub(super) fn helps(short: &Amounts, machine: &Amounts) -> bool {
    short.iter().zip(machine).any(|(short, has)| *short > 0 && *has > 0)
}

/// How many such machines in a row can each be used in full: none short of a whole machine in any amount it helps with.
/// One at the least.
pub(super) fn in_full(short: &Amounts, machine: &Amounts) -> u64 {
    let helped = short.iter().zip(machine).filter(|(short, has)| **short > 0 && **has > 0);
    helped.map(|(short, has)| short / has).min().unwrap_or(0).max(1)
}

/// How many such machines it takes until one more would not help.
pub(super) fn of_use(short: &Amounts, machine: &Amounts) -> u64 {
    let helped = short.iter().zip(machine).filter(|(short, has)| **short > 0 && **has > 0);
    helped.map(|(short, has)| short.div_ceil(*has)).max().unwrap_or(0)
}

pub(super) fn covers(have: &Amounts, want: &Amounts) -> bool {
    have.iter().zip(want).all(|(have, want)| have >= want)
}

pub(super) fn add(sum: &mut Amounts, machine: &Amounts, count: u64) {
    for (sum, has) in sum.iter_mut().zip(machine) {
        *sum = sum.saturating_add(has.saturating_mul(count));
    }
}

pub(super) fn subtract(short: &mut Amounts, machine: &Amounts, count: u64) {
    for (short, has) in short.iter_mut().zip(machine) {
        *short = short.saturating_sub(has.saturating_mul(count));
    }
}
