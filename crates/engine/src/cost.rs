//! Cost: which free machine to take. Total, exact, per unit of covered demand.
//!
//! An offer's cost for an hour is what it would add to the bill plus what its interruption is expected to cost the
//! workload. A machine to be bought adds its price. An idle machine of owned or committed capacity adds nothing: it is paid
//! for, used or not. An idle elastic machine would be given back if nobody took it, so it adds its price too; but it is
//! there now, and may have its hour paid: it counts half. Cost is compared per unit of what the need still lacks, by
//! cross-multiplication.
//!
//! Among equals the first is: the lower list price per unit; the one that fewest other short needs could use, so that a
//! broad need leaves a narrow one its machine; the one with fewest dimensions that the need does not ask for; the one that
//! covers most; the one with least to spare; the idle one; the one whose shape was seen first.

use std::cmp::{Ordering, Reverse};

use argosy_model::money::effective_cost;
use argosy_model::{Resources, ShapeIx};

use crate::menu::Lot;
use crate::standing::Standing;
use crate::supply::Free;
use crate::yardstick::Amounts;

/// A free machine, as one need sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    cost: u128,
    list_price: u128,
    /// How much of what is short one machine covers; never zero.
    cover: u128,
    contention: u32,
    stranded: usize,
    total: u128,
    pub(crate) kind: Free,
    pub(crate) shape: ShapeIx,
}

/// What one machine is to a need. Lots that hold the same are the same to it, whatever they cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    cover: u128,
    stranded: usize,
    total: u128,
}

impl Use {
    /// Of a machine with these resources that counts for so much; `None` if it would not help.
    pub(crate) fn of(resources: &Resources, machine: &Amounts, standing: &Standing) -> Option<Self> {
        let cover = standing.yard.cover_of_short(&standing.short, machine);
        let rest = || (standing.yard.stranded(resources), standing.yard.total(machine));
        (cover > 0).then(rest).map(|(stranded, total)| Self { cover, stranded, total })
    }
}

impl Offer {
    /// What a lot offers a need to whom one of its machines is of such use.
    pub(crate) fn of(
        lot: &Lot,
        (shape, kind): (ShapeIx, Free),
        of_use: Use,
        penalty: argosy_model::MicroUsd,
        contention: u32,
    ) -> Self {
        let adds = match kind {
            Free::Speculative => lot.like.price.0,
            Free::Idle if lot.like.capacity_type.is_elastic() => lot.like.price.0 / 2,
            Free::Idle => 0,
        };
        Self {
            cost: effective_cost(argosy_model::MicroUsd(adds), lot.like.interruption, penalty),
            list_price: effective_cost(lot.like.price, lot.like.interruption, penalty),
            cover: of_use.cover,
            contention,
            stranded: of_use.stranded,
            total: of_use.total,
            kind,
            shape,
        }
    }

    /// Which of two offers is the better one; the better one is less. Inlined it costs its caller more than the calls: 6 % of a cycle from cold.
    #[inline(never)]
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        // Costs stay below 2^66, covers below 2^40: the products fit.
        let per_unit = |a: u128, b: u128| (a * other.cover).cmp(&(b * self.cover));
        let last = |offer: &Self| {
            (offer.contention, offer.stranded, Reverse(offer.cover), offer.total, offer.kind, offer.shape)
        };
        per_unit(self.cost, other.cost)
            .then_with(|| per_unit(self.list_price, other.list_price))
            .then_with(|| last(self).cmp(&last(other)))
    }
}
