//! Spread: how a row's machines are divided over topology domains, those it has counting like those it gets.
//!
//! A new machine may go to a domain that has at most `min + max_skew - 1` of the row's machines, `min` being the fewest
//! in any domain where the row has a machine or could get one. When there is more bound than a row needs, its credit
//! fills the emptiest domains first, so that what a reclaim takes is what stands out.

use std::collections::{BTreeMap, VecDeque};

use argosy_model::Sym;

use crate::credit::is_coming;
use crate::cycle::Cycle;
use crate::holding::KeepIx;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::ClassIx;

impl Cycle {
    /// Gives a row machines of these classes, evenly over its domains and otherwise in their order.
    pub(crate) fn claim_balanced(&mut self, row: RowIx, classes: &[ClassIx]) {
        let max_skew = self.row(row).profile.spread().map_or(1, |spread| spread.max_skew);
        let mut queues: BTreeMap<Sym, VecDeque<(usize, ClassIx)>> = BTreeMap::new();
        for (at, class) in classes.iter().enumerate().filter(|(_, ix)| self.within(row, **ix) > 0) {
            let value = self.measure(row, *class).and_then(|(domain, _)| self.spread_value(row, domain));
            if let Some(value) = value {
                queues.entry(value).or_default().push_back((at, *class));
            }
        }
        while self.standing(row).is_short() && self.claim_evenly(row, max_skew, &mut queues) {}
    }

    /// Gives a row what others of its cluster own, evenly over its domains and otherwise from the last row backwards. Others'
    /// machines are listed as far down as it takes for every domain to have one, or to be known to have none.
    pub(crate) fn claim_others_balanced(&mut self, row: RowIx, keep: KeepIx) {
        let max_skew = self.row(row).profile.spread().map_or(1, |spread| spread.max_skew);
        let domains = self.menus.get(self.standing(row).menu).domains.len();
        let mut queues: BTreeMap<Sym, VecDeque<(usize, ClassIx)>> = BTreeMap::new();
        let (mut next, mut listed) = (self.supply.keep(keep).owners().len(), 0);
        while self.standing(row).is_short() {
            while next > 0 && queues.len() < domains {
                next -= 1;
                self.list_owner(row, self.supply.keep(keep).owners()[next], &mut listed, &mut queues);
            }
            if !self.claim_evenly(row, max_skew, &mut queues) {
                break;
            }
        }
    }

    /// Lists what a row may have of another's, by domain.
    fn list_owner(
        &self,
        row: RowIx,
        owner: RowIx,
        listed: &mut usize,
        queues: &mut BTreeMap<Sym, VecDeque<(usize, ClassIx)>>,
    ) {
        if !self.may_have_for(row, owner) {
            return;
        }
        let owned = self.supply.accounts.owned(self.supply.account(owner)).iter();
        for class in owned.take_while(|class| !is_coming(&self.supply, **class)) {
            if self.within(row, *class) == 0 {
                continue;
            }
            let value = self.measure(row, *class).and_then(|(domain, _)| self.spread_value(row, domain));
            if let Some(value) = value {
                queues.entry(value).or_default().push_back((*listed, *class));
                *listed += 1;
            }
        }
    }

    /// Of what is listed by domain, the first that lies where there is room gives as many as help and as there is room for.
    /// False if nothing is listed.
    fn claim_evenly(
        &mut self,
        row: RowIx,
        max_skew: u32,
        queues: &mut BTreeMap<Sym, VecDeque<(usize, ClassIx)>>,
    ) -> bool {
        let counts = &self.standing(row).counts;
        let Some(fewest) = queues.keys().map(|value| counts.get(*value)).min() else { return false };
        let room = |value: Sym| (fewest + max_skew).saturating_sub(counts.get(value));
        let open = queues.iter().filter(|(value, _)| room(**value) > 0);
        let (value, (_, class)) = open
            .map(|(value, queue)| (*value, *queue.front().expect("a queue that runs empty goes")))
            .min_by_key(|(_, (at, _))| *at)
            .expect("the emptiest domain has room");
        let most = room(value);
        let took = self.claim(row, class, most);
        if took == 0 || self.within(row, class) == 0 {
            let queue = queues.get_mut(&value).expect("just seen");
            queue.pop_front();
            if queue.is_empty() {
                queues.remove(&value);
            }
        }
        true
    }

    /// The fewest machines that a row has in any domain that counts: where it has some, or could have got some in this
    /// cycle.
    pub(crate) fn fewest(&self, row: RowIx, seen: &[usize]) -> u32 {
        let standing = self.standing(row);
        let domains = &self.menus.get(standing.menu).domains;
        let open = seen.iter().filter_map(|domain| domains[*domain].value).map(|value| standing.counts.get(value));
        let held = standing.counts.iter().map(|(_, count)| count).filter(|count| *count > 0);
        open.chain(held).min().unwrap_or(0)
    }

    /// How many more machines a row may have in a domain.
    pub(crate) fn room(&self, row: RowIx, domain: usize, fewest: u32) -> u32 {
        let standing = self.standing(row);
        if standing.kind != Kind::Spread {
            return u32::MAX;
        }
        let spread = self.row(row).profile.spread().expect("a row that spreads");
        let value = self.menus.get(standing.menu).domains[domain].value.expect("a spread menu names its domains");
        (fewest + spread.max_skew).saturating_sub(standing.counts.get(value))
    }

    /// How many machines a row may lose of a class, with no other domain standing out for it.
    pub(crate) fn may_lose(&self, row: RowIx, class: ClassIx) -> u32 {
        let Some(spread) = self.row(row).profile.spread() else { return u32::MAX };
        let here = self.measure(row, class).and_then(|(domain, _)| self.spread_value(row, domain));
        let counts = &self.standing(row).counts;
        let most = counts.iter().filter(|(value, _)| Some(*value) != here).map(|(_, count)| count).max().unwrap_or(0);
        here.map_or(0, |here| counts.get(here)).saturating_sub(most.saturating_sub(spread.max_skew))
    }

    /// The domains of a row's menu in which a machine is free.
    pub(crate) fn domains_with_free(&self, row: RowIx) -> Vec<usize> {
        let domains = self.menus.get(self.standing(row).menu).domains.iter().enumerate();
        domains.filter(|(_, domain)| domain.free > 0).map(|(at, _)| at).collect()
    }
}
