//! Spread: how a row's machines are divided over topology domains, those it has counting like those it gets.
//!
//! A new machine may go to a domain that has at most `min + max_skew - 1` of the row's machines, `min` being the fewest
//! in any domain where the row has a machine or could get one. When there is more bound than a row needs, its credit
//! fills the emptiest domains first, so that what a reclaim takes is what stands out.

use std::collections::{BTreeMap, VecDeque};

use argosy_model::Sym;
use smallvec::SmallVec;

use crate::cycle::Cycle;
use crate::holding::{KeepIx, Lane, Whose};
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::ClassIx;

impl Cycle {
    /// Gives a row machines of these classes, evenly over its domains and otherwise in their order.
    pub(crate) fn claim_balanced(&mut self, row: RowIx, classes: &[ClassIx]) {
        let max_skew = self.row(row).profile.spread().map_or(1, |spread| spread.max_skew);
        let mut queues: BTreeMap<Sym, VecDeque<(usize, ClassIx)>> = BTreeMap::new();
        for (at, class) in classes.iter().enumerate().filter(|(_, ix)| self.supply.stock(**ix).left > 0) {
            let value = self.measure(row, *class).and_then(|(domain, _)| self.spread_value(row, domain));
            if let Some(value) = value {
                queues.entry(value).or_default().push_back((at, *class));
            }
        }
        while self.standing(row).is_short() {
            let counts = &self.standing(row).counts;
            let Some(fewest) = queues.keys().map(|value| counts.get(*value)).min() else { return };
            let room = |value: Sym| (fewest + max_skew).saturating_sub(counts.get(value));
            let open = queues.iter().filter(|(value, _)| room(**value) > 0);
            let (value, (_, class)) = open
                .map(|(value, queue)| (*value, *queue.front().expect("a queue that runs empty goes")))
                .min_by_key(|(_, (at, _))| *at)
                .expect("the emptiest domain has room");
            let took = self.claim(row, class, room(value));
            if took == 0 || self.supply.stock(class).left == 0 {
                let queue = queues.get_mut(&value).expect("just seen");
                queue.pop_front();
                if queue.is_empty() {
                    queues.remove(&value);
                }
            }
        }
    }

    /// Gives a row machines of its cluster, evenly over its domains: as [`Cycle::claim_balanced`] does, from a list that is
    /// divided by domain and in which what is gone is passed over once for all rows. For the credit, which takes nothing back.
    pub(crate) fn claim_kept_balanced(&mut self, row: RowIx, keep: KeepIx, whose: Whose) {
        let max_skew = self.row(row).profile.spread().map_or(1, |spread| spread.max_skew);
        let menu = self.standing(row).menu;
        let (lanes, _) = self.supply.lanes(keep, whose, self.menus.get(menu));
        let mut at: SmallVec<[usize; 4]> = lanes.iter().map(|lane| lane.from[whose as usize]).collect();
        while self.standing(row).is_short() {
            let (lanes, _) = self.supply.lanes(keep, whose, self.menus.get(menu));
            let counts = &self.standings[row.at()].counts;
            let value =
                |lane: &Lane| self.menus.get(menu).domains[lane.domain].value.expect("a spread menu names its domains");
            let in_play = || (0..).zip(lanes).filter(|(lane, of)| at[*lane] < of.classes.len());
            let Some(fewest) = in_play().map(|(_, of)| counts.get(value(of))).min() else { return };
            let room = |lane: &Lane| (fewest + max_skew).saturating_sub(counts.get(value(lane)));
            let open = in_play().filter(|(_, of)| room(of) > 0);
            let (lane, of) =
                open.min_by_key(|(lane, of)| of.classes[at[*lane]].0).expect("the emptiest domain has room");
            let (class, most) = (of.classes[at[lane]].1, room(of));
            let took = self.claim(row, class, most);
            let passed = usize::from(took == 0);
            let (lanes, stocks) = self.supply.lanes(keep, whose, self.menus.get(menu));
            at[lane] = lanes[lane].next(at[lane] + passed, whose, stocks);
        }
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
