//! Reach: what a row with `Same` may be given of what serves its cluster or is on its way to it. A cluster has hundreds of classes that would
//! do, and nearly all of them are with rows before this one: so the owners are gone through, who are few, and not the classes.

use crate::credit::is_coming;
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::{Kind, Part};
use crate::supply::ClassIx;
use crate::yardstick::{add, covers};

impl Cycle {
    /// The classes of which there is something for a row: its own, nobody's, others'; each once.
    pub(crate) fn in_reach(&mut self, row: RowIx) -> Vec<ClassIx> {
        let keep = self.keep_list(row);
        let menu = self.menus.get(self.standing(row).menu);
        let will_do = |class: &ClassIx| menu.place_of(self.supply.stock(*class).class.shape).is_some();
        let is_left = |class: &ClassIx| self.within(row, *class) > 0;
        let keep = self.supply.keep(keep);
        let mut found: Vec<ClassIx> = self.supply.owned(row).iter().copied().filter(is_left).collect();
        found.extend(keep.nobodys().iter().copied().filter(is_left));
        // Those before the row have none for it but what they have not been given themselves.
        let (rank, accounts) = (self.rows.rank(row), &self.supply.accounts);
        let behind = keep.owners().partition_point(|owner| self.rows.rank(*owner) <= rank);
        let is_loose = |owner: &&RowIx| accounts.loose(accounts.of_row(**owner)) > 0;
        let (before, behind) = keep.owners().split_at(behind);
        let owners = before.iter().filter(is_loose).chain(behind);
        for owner in owners.filter(|owner| self.may_have_for(row, **owner)) {
            let owned = self.supply.owned(*owner).iter().copied();
            let serving = owned.take_while(|class| !is_coming(&self.supply, *class));
            found.extend(serving.filter(|class| will_do(class) && is_left(class)));
        }
        found
    }

    /// More or less of a class is within reach of a row with `Same`. One that found nothing to go by but its own finds nothing in less; nor in
    /// more, as long as that is not enough.
    pub(crate) fn stir(&mut self, taker: RowIx, class: ClassIx, is_more: bool) {
        let is_told = !self.standing(taker).is_in_vain || (is_more && !self.stays_in_vain(taker, class));
        if is_told {
            self.due(taker);
        }
    }

    /// Whether a gang that keeps what it has, and that no domain could host, is still not hosted where there is more of a class now.
    fn stays_in_vain(&self, gang: RowIx, class: ClassIx) -> bool {
        let standing = self.standing(gang);
        if standing.kind != Kind::Gang || standing.part != Part::Parked {
            return false;
        }
        let Some((domain, _)) = self.measure(gang, class) else { return true };
        let cluster = Some(self.rows.get(gang).key.cluster);
        let shapes = self.menus.get(standing.menu).shapes_in(domain);
        let bound = shapes.iter().flat_map(|shape| self.supply.bound(*shape)).copied();
        let there = bound.filter(|class| self.supply.stock(*class).class.cluster == cluster);
        let coming = self.supply.owned(gang).iter().copied().filter(|class| is_coming(&self.supply, *class));
        let reach = there.chain(coming).map(|class| (class, self.within_credit(gang, class)));
        let mut have = standing.yard.none();
        for (class, count) in reach.chain(standing.claims.iter().copied()) {
            if let Some((_, machine)) = self.measure(gang, class).filter(|(at, _)| *at == domain) {
                add(&mut have, &machine, u64::from(count));
            }
        }
        !covers(&have, standing.yard.want())
    }
}
