//! Yardsticks: in what a need is measured, and arithmetic on amounts of it.
//!
//! Most needs are measured in resources, dimension by dimension. A need whose pieces must fit whole (a gang, or small
//! gangs folded into one row) is measured in pieces: a machine counts for as many whole `min_unit`s as it holds, so what
//! is left over on each machine never adds up to a piece that fits nowhere.

use argosy_model::{DimIx, Resources};
use smallvec::{SmallVec, smallvec};

/// Amounts along a yardstick, in its own order.
pub(crate) type Amounts = SmallVec<[u64; 3]>;

/// What one whole of a wanted amount counts as when coverage is compared.
const WHOLE: u64 = 1_000_000_000;

/// In what a need is measured, and how much of it there must be.
#[derive(Clone, Debug)]
pub(crate) struct Yardstick {
    piece: Option<Resources>,
    dims: SmallVec<[DimIx; 3]>,
    want: Amounts,
}

impl Yardstick {
    /// Measures in resources.
    pub(crate) fn resources(aggregate: &Resources) -> Self {
        Self {
            piece: None,
            dims: aggregate.iter().map(|(dim, _)| dim).collect(),
            want: aggregate.iter().map(|(_, amount)| amount).collect(),
        }
    }

    /// Measures in whole pieces, if the aggregate can be counted in them; else in resources.
    pub(crate) fn pieces(aggregate: &Resources, piece: &Resources) -> Self {
        match aggregate.units_to_cover(piece) {
            Some(count) if count > 0 => {
                Self { piece: Some(piece.clone()), dims: SmallVec::new(), want: smallvec![count] }
            }
            _ => Self::resources(aggregate),
        }
    }

    /// Whether it counts whole pieces.
    pub(crate) fn is_in_pieces(&self) -> bool {
        self.piece.is_some()
    }

    /// How much is wanted.
    pub(crate) fn want(&self) -> &Amounts {
        &self.want
    }

    /// Nothing of it.
    pub(crate) fn none(&self) -> Amounts {
        SmallVec::from_elem(0, self.want.len())
    }

    /// How much a machine with these resources counts for.
    pub(crate) fn measure(&self, resources: &Resources) -> Amounts {
        match &self.piece {
            Some(piece) => smallvec![resources.units_of(piece)],
            None => amounts(self.dims.iter().map(|dim| resources.get(*dim))),
        }
    }

    /// How many dimensions of a machine with these resources are of no use here.
    pub(crate) fn stranded(&self, resources: &Resources) -> usize {
        let asked = |dim: &DimIx| match &self.piece {
            Some(piece) => piece.get(*dim) > 0,
            None => self.dims.contains(dim),
        };
        resources.iter().filter(|(dim, _)| !asked(dim)).count()
    }

    /// An amount as resources.
    pub(crate) fn as_resources(&self, amounts: &Amounts) -> Resources {
        match &self.piece {
            Some(piece) => piece.times(amounts[0]),
            None => Resources::from_amounts(self.dims.iter().copied().zip(amounts.iter().copied())),
        }
    }

    /// How much of the want `have` covers, each dimension counting to its whole at the most. For comparison along this
    /// yardstick only; where there is one dimension amounts are compared as they are.
    pub(crate) fn coverage(&self, have: &Amounts) -> u128 {
        match (&have[..], &self.want[..]) {
            ([have], [want]) => u128::from(*have.min(want)),
            _ => self.ratio(have, |have, want| have.min(want)),
        }
    }

    /// How much of the want `have` is, not capped; for comparison along this yardstick only.
    pub(crate) fn total(&self, have: &Amounts) -> u128 {
        match have[..] {
            [have] => u128::from(have),
            _ => self.ratio(have, |have, _| have),
        }
    }

    /// How much of the want `have` covers, in thousandths.
    pub(crate) fn per_mille(&self, have: &Amounts) -> u32 {
        let wholes = u128::from(WHOLE) * self.want.len().max(1) as u128;
        u32::try_from(self.ratio(have, |have, want| have.min(want)) * 1_000 / wholes).unwrap_or(1_000)
    }

    /// How much of what is still `short` one machine covers, in parts of the whole want.
    pub(crate) fn cover_of_short(&self, short: &Amounts, machine: &Amounts) -> u128 {
        let useful = amounts(short.iter().zip(machine).map(|(short, has)| (*short).min(*has)));
        self.ratio(&useful, |useful, _| useful)
    }

    fn ratio(&self, have: &Amounts, counted: impl Fn(u64, u64) -> u64) -> u128 {
        let parts = have.iter().zip(&self.want).filter(|(_, want)| **want > 0);
        parts.map(|(have, want)| u128::from(counted(*have, *want)) * u128::from(WHOLE) / u128::from(*want)).sum()
    }
}

/// Amounts one by one. Few needs ask for more than three dimensions, and what is no more than that is not grown piece by piece.
fn amounts(each: impl ExactSizeIterator<Item = u64>) -> Amounts {
    let (mut few, len) = ([0; 3], each.len());
    if len > few.len() {
        return each.collect();
    }
    few.iter_mut().zip(each).for_each(|(place, amount)| *place = amount);
    Amounts::from_buf_and_len(few, len)
}

/// Whether nothing is missing.
pub(crate) fn is_covered(short: &Amounts) -> bool {
    short.iter().all(|amount| *amount == 0)
}

/// Whether `have` is at least `want` everywhere.
pub(crate) fn covers(have: &Amounts, want: &Amounts) -> bool {
    have.iter().zip(want).all(|(have, want)| have >= want)
}

/// Takes what `count` machines cover off what is short.
pub(crate) fn cover(short: &mut Amounts, machine: &Amounts, count: u64) {
    for (short, has) in short.iter_mut().zip(machine) {
        *short = short.saturating_sub(has.saturating_mul(count));
    }
}

/// Adds `count` times `machine`.
pub(crate) fn add(sum: &mut Amounts, machine: &Amounts, count: u64) {
    for (sum, has) in sum.iter_mut().zip(machine) {
        *sum = sum.saturating_add(has.saturating_mul(count));
    }
}

/// How many such machines are of use against what is short: enough to cover every dimension that they help with.
pub(crate) fn useful(short: &Amounts, machine: &Amounts) -> u64 {
    helped(short, machine).map(|(short, has)| short.div_ceil(has)).max().unwrap_or(0)
}

/// How many such machines can be taken with none of them partly wasted; one at the least.
pub(crate) fn bulk(short: &Amounts, machine: &Amounts) -> u64 {
    helped(short, machine).map(|(short, has)| short / has).min().unwrap_or(0).max(1)
}

/// How many of `count` such machines could go, with `want` still covered by `have`.
pub(crate) fn redundant(have: &Amounts, want: &Amounts, machine: &Amounts, count: u64) -> u64 {
    let slack = have.iter().zip(want).zip(machine).filter(|(_, has)| **has > 0);
    slack.map(|((have, want), has)| have.saturating_sub(*want) / has).min().unwrap_or(count).min(count)
}

fn helped<'a>(short: &'a Amounts, machine: &'a Amounts) -> impl Iterator<Item = (u64, u64)> + 'a {
    short.iter().zip(machine).map(|(short, has)| (*short, *has)).filter(|(short, has)| *short > 0 && *has > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(amounts: &[u64]) -> Resources {
        Resources::from_amounts(amounts.iter().enumerate().map(|(at, n)| (DimIx::from_index(at), *n)))
    }

    #[test]
    fn what_is_left_over_on_each_machine_does_not_add_up_to_a_piece() {
        let yard = Yardstick::pieces(&vector(&[16]), &vector(&[4]));
        assert_eq!((yard.want()[0], yard.measure(&vector(&[6]))[0]), (4, 1));
    }

    #[test]
    fn a_piece_that_lacks_a_dimension_leaves_the_measure_in_resources() {
        let yard = Yardstick::pieces(&vector(&[16, 8]), &vector(&[4]));
        assert_eq!(yard.want()[..], [16, 8]);
    }

    #[test]
    fn a_machine_is_measured_in_as_many_dimensions_as_are_asked_for() {
        let machine = vector(&[1, 2, 3, 4, 5]);
        for dims in 1..=5_u64 {
            let wanted: Vec<u64> = (0..dims).map(|n| 10 + n).collect();
            let measured = Yardstick::resources(&vector(&wanted)).measure(&machine);
            assert_eq!(measured[..], (1..=dims).collect::<Vec<u64>>()[..]);
        }
    }

    #[test]
    fn coverage_is_capped_by_dimension_so_that_slack_in_one_never_pays_for_another() {
        let yard = Yardstick::resources(&vector(&[10, 10]));
        let lopsided: Amounts = smallvec![1_000, 0];
        assert_eq!(yard.coverage(&lopsided), u128::from(WHOLE));
        assert_eq!(yard.total(&lopsided), 100 * u128::from(WHOLE));
    }

    #[test]
    fn machines_that_cover_nothing_that_is_short_are_of_no_use() {
        assert_eq!(useful(&smallvec![0, 5], &smallvec![4, 0]), 0);
        assert_eq!(useful(&smallvec![9, 5], &smallvec![4, 4]), 3);
        assert_eq!(bulk(&smallvec![9, 5], &smallvec![4, 4]), 1);
    }
}
