//! Phase 2: machines are taken from needs of lower priority for one that free machines could not cover.
//!
//! What counts is who holds a machine *now*, by this cycle's credit, never what it was once bought for. A machine that
//! nobody holds is surplus of its cluster and goes first. A cluster that has not reported yet says nothing about what
//! it needs, so nothing is taken from it. Victims are picked by score, then those that the others make redundant are
//! dropped, so that the set is minimal. Machines of a gang go together or not at all.

use std::collections::BTreeMap;

use argosy_model::fleet::Class;
use argosy_model::{Duration, State};

use crate::Policy;
use crate::cycle::Cycle;
use crate::draft::{Draft, Victims};
use crate::plan::Reason;
use crate::prey::{Order, Prey};
use crate::rows::{Row, RowIx};
use crate::standing::{Kind, Part};
use crate::supply::ClassIx;
use crate::yardstick::{Amounts, add, cover, covers, is_covered, redundant, useful};

/// What draining is taken to last: one estimate for all, so the term orders nothing until there are better ones.
const DRAIN_ESTIMATE_S: i128 = 30;
/// Scores are in millionths; weights come in thousandths.
const MILLI_TO_SCORE: i128 = 1_000;
/// The least penalty that divides a score: one cent, in micro-dollars.
const LEAST_PENALTY: i128 = 10_000;

/// One choice of victims.
struct Picked {
    at: usize,
    /// Its prey's place in the order.
    place: usize,
    count: u32,
    machine: Amounts,
}

/// How good a victim is, the claimant's priority left out (spec: priority gap, drain time, interruption and reclamation
/// penalty; higher is better).
pub(crate) fn victim_score(row: &Row, policy: &Policy) -> i128 {
    let [gap, drain, interruption, reclamation] = policy.victim_weights_milli.map(i128::from);
    let per_penalty =
        |weight: i128, penalty: u64| weight * MILLI_TO_SCORE * 1_000_000 / i128::from(penalty).max(LEAST_PENALTY);
    drain * MILLI_TO_SCORE / DRAIN_ESTIMATE_S - gap * MILLI_TO_SCORE * i128::from(row.profile.priority)
        + per_penalty(interruption, row.profile.interruption.upper_bound().0)
        + per_penalty(reclamation, row.profile.reclamation.upper_bound().0)
}

/// Time to drain, by how far the claimant's priority is above the holder's.
pub(crate) fn grace(claimant: i32, holder: i32) -> Duration {
    match i64::from(claimant) - i64::from(holder) {
        900_001.. => Duration::from_secs(10),
        500_001.. => Duration::from_secs(30),
        100_001.. => Duration::from_secs(120),
        _ => Duration::from_secs(600),
    }
}

impl Cycle {
    /// Takes as many victims as help a row, in one unit.
    pub(crate) fn preempt(&mut self, row: RowIx) {
        if let Some(victims) = self.find_victims(row, false) {
            self.draft(Draft { reason: Reason::PreemptForPriority, row, picks: Vec::new(), victims });
        }
    }

    /// Finds victims for what a row still lacks and takes them; `None` if there are none, or (where the row `must_cover`)
    /// not enough.
    pub(crate) fn find_victims(&mut self, row: RowIx, must_cover: bool) -> Option<Vec<Victims>> {
        if !self.standing(row).is_short() || !self.is_prey_open(row) {
            return None;
        }
        let order = self.hunt(row);
        self.hunt_down(row, &order, must_cover)
    }

    /// What a row could take, by domain: what one machine counts for, and how many there are.
    pub(crate) fn reachable_prey(&mut self, row: RowIx) -> Vec<(usize, Amounts, u64)> {
        if !self.is_prey_open(row) {
            return Vec::new();
        }
        let order = self.hunt(row);
        let open = order.below(self.standing(row).priority).filter_map(|at| {
            let (domain, machine) = self.open_to(row, self.prey.get(at))?;
            Some((domain, machine, u64::from(self.prey_left(self.prey.get(at)))))
        });
        open.collect()
    }

    fn hunt_down(&mut self, row: RowIx, order: &Order, must_cover: bool) -> Option<Vec<Victims>> {
        let deficit = self.standing(row).short.clone();
        let mut picked = self.pick_victims(row, order);
        let covered = is_covered(&self.standing(row).short);
        if picked.is_empty() || (must_cover && !covered) {
            self.standing_mut(row).short = deficit;
            self.forget_counts(row, &picked);
            return None;
        }
        if covered {
            self.drop_redundant(row, &deficit, &mut picked);
        }
        Some(self.take_victims(row, &picked))
    }

    /// How many machines of this prey may still be taken. Since it was listed some may have been taken, and some may have
    /// passed into other hands.
    pub(crate) fn prey_left(&self, prey: &Prey) -> u32 {
        let stock = self.supply.stock(prey.class);
        let held = match prey.holder {
            None => stock.left,
            Some(holder) => {
                let now = stock.claims.iter().find(|(row, _)| *row == holder).map_or(0, |(_, count)| *count);
                now.saturating_sub(prey.taken)
            }
        };
        held.min(prey.left())
    }

    /// Picks the best victims that there is room for, again and again: where a row spreads, a pick in one domain may make
    /// room in another that was passed over. In the order of the prey, one pick for each.
    fn pick_victims(&mut self, row: RowIx, order: &Order) -> Vec<Picked> {
        let mut picked: Vec<Picked> = Vec::new();
        let spreads = self.standing(row).kind == Kind::Spread;
        let seen = if spreads { self.domains_within_reach(row, order) } else { Vec::new() };
        let (mut place, end) = (order.first, order.end(self.standing(row).priority));
        while place < end && !is_covered(&self.standing(row).short) {
            let known =
                if spreads { picked.binary_search_by_key(&place, |pick| pick.place) } else { Err(picked.len()) };
            let already = known.map_or(0, |known| picked[known].count);
            let fewest = if spreads { self.fewest(row, &seen) } else { 0 };
            let Some((count, machine)) = self.pick(row, order.at(place), already, fewest) else {
                place += 1;
                continue;
            };
            match known {
                Ok(known) => picked[known].count += count,
                Err(new) => picked.insert(new, Picked { at: order.at(place), place, count, machine }),
            }
            place = if spreads { order.first } else { place + 1 };
        }
        picked
    }

    /// As many of a prey as help and as there is room for, beside those picked already; `None` if that is none.
    fn pick(&mut self, row: RowIx, at: usize, already: u32, fewest: u32) -> Option<(u32, Amounts)> {
        let prey = *self.prey.get(at);
        let (domain, machine) = self.open_to(row, &prey)?;
        let of_use = u32::try_from(useful(&self.standing(row).short, &machine)).unwrap_or(u32::MAX);
        let left = self.prey_left(&prey) - already;
        let count = of_use.min(left).min(self.room(row, domain, fewest));
        if count == 0 {
            return None;
        }
        let value = self.spread_value(row, domain);
        let standing = self.standing_mut(row);
        cover(&mut standing.short, &machine, u64::from(count));
        if let Some(value) = value {
            standing.counts.add(value, count);
        }
        Some((count, machine))
    }

    /// Whether there is nothing left of a prey for anybody whose turn it is yet to be: who holds it now gets no more of it before his own turn, and
    /// nobody after that is above him.
    pub(crate) fn is_gone(&self, prey: &Prey) -> bool {
        let is_evicted = |holder: RowIx| self.standing(holder).part == Part::Evicted;
        prey.left() == 0 || prey.holder.is_some_and(is_evicted) || self.prey_left(prey) == 0
    }

    /// The domains in which a row could get a machine: a free one, or by preemption.
    fn domains_within_reach(&self, row: RowIx, order: &Order) -> Vec<usize> {
        let standing = self.standing(row);
        let mut domains = self.domains_with_free(row);
        let all = self.menus.get(standing.menu).domains.len();
        for at in order.below(standing.priority) {
            if domains.len() == all {
                break;
            }
            if let Some((domain, _)) = self.open_to(row, self.prey.get(at))
                && let Err(new) = domains.binary_search(&domain)
            {
                domains.insert(new, domain);
            }
        }
        domains
    }

    /// Whether a row may take this prey; then the domain it lies in and what one machine of it counts for.
    fn open_to(&self, row: RowIx, prey: &Prey) -> Option<(usize, Amounts)> {
        let is_below = |holder: RowIx| self.standing(holder).priority < self.standing(row).priority;
        if self.is_gone(prey) || !prey.holder.is_none_or(is_below) {
            return None;
        }
        let (domain, machine) = self.measure(row, prey.class)?;
        let confined = self.standing(row).domain;
        confined.is_none_or(|confined| confined == domain).then_some((domain, machine))
    }

    /// Drops what the others make redundant, the worst victims first.
    fn drop_redundant(&mut self, row: RowIx, deficit: &Amounts, picked: &mut Vec<Picked>) {
        let mut freed: Amounts = deficit.iter().map(|_| 0).collect();
        for pick in picked.iter() {
            add(&mut freed, &pick.machine, u64::from(pick.count));
        }
        for at in (0..picked.len()).rev() {
            let spare = redundant(&freed, deficit, &picked[at].machine, u64::from(picked[at].count));
            let spare = u32::try_from(spare).expect("no more than were picked");
            let spare = spare.min(self.may_lose(row, self.prey.get(picked[at].at).class));
            picked[at].count -= spare;
            cover(&mut freed, &picked[at].machine, u64::from(spare));
            self.uncount(row, self.prey.get(picked[at].at).class, spare);
        }
        picked.retain(|pick| pick.count > 0);
        assert!(covers(&freed, deficit), "what is left of the victims still covers");
    }

    fn forget_counts(&mut self, row: RowIx, picked: &[Picked]) {
        for pick in picked {
            self.uncount(row, self.prey.get(pick.at).class, pick.count);
        }
    }

    fn uncount(&mut self, row: RowIx, class: ClassIx, count: u32) {
        let value = self.measure(row, class).and_then(|(domain, _)| self.spread_value(row, domain));
        if let Some(value) = value {
            self.standing_mut(row).counts.subtract(value, count);
        }
    }

    fn take_victims(&mut self, row: RowIx, picked: &[Picked]) -> Vec<Victims> {
        let mut victims = Vec::new();
        for pick in picked {
            let (class, holder) = self.prey.take(pick.at, pick.count);
            victims.push(Victims { class, holder, count: pick.count, for_claimant: true });
            if holder.is_none() {
                self.before_change(class);
                self.supply.recount(class, -i64::from(pick.count));
                self.withheld.push((class, pick.count));
            }
            let standing = self.standing_mut(row);
            standing.victims += pick.count;
            add(&mut standing.freed, &pick.machine, u64::from(pick.count));
        }
        let mut gangs: Vec<RowIx> =
            victims.iter().filter_map(|v| v.holder).filter(|r| self.standing(*r).kind == Kind::Gang).collect();
        gangs.sort_unstable_by_key(|gang| self.rows.rank(*gang));
        gangs.dedup();
        for gang in gangs {
            self.evict(gang, &mut victims);
        }
        victims
    }

    /// Lets the rest of a gang go with the members that were taken.
    fn evict(&mut self, gang: RowIx, victims: &mut Vec<Victims>) {
        self.remember_credit(gang);
        self.standing_mut(gang).part = Part::Evicted;
        let mut held: BTreeMap<Class, (ClassIx, u32)> = BTreeMap::new();
        for (ix, count) in &self.standing(gang).claims {
            held.entry(self.supply.stock(*ix).class).or_insert((*ix, 0)).1 += count;
        }
        for (class, held) in
            held.into_iter().filter(|(class, _)| class.state == State::Configured).map(|(_, held)| held)
        {
            let of_class = victims.iter().filter(|v| v.class == class && v.holder == Some(gang));
            let taken: u32 = of_class.map(|v| v.count).sum();
            if held > taken {
                victims.push(Victims { class, holder: Some(gang), count: held - taken, for_claimant: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_between_the_farthest_priorities_does_not_wrap() {
        assert_eq!(grace(2_000_001_000, -200_000_000), Duration::from_secs(10));
        assert_eq!(grace(i32::MAX, i32::MIN), Duration::from_secs(10));
    }

    #[test]
    fn grace_follows_the_table_at_its_edges() {
        let seconds = [100_000, 100_001, 500_000, 500_001, 900_000, 900_001].map(|gap| grace(gap, 0).as_secs());
        assert_eq!(seconds, [600, 120, 120, 30, 30, 10]);
    }
}
