//! Phase 2: machines are taken from whoever holds them now, if its priority is strictly lower.

use std::cmp::Reverse;

use argosy_engine::{Policy, Reason};
use argosy_model::{Duration, State};

use super::measure::{self, Amounts};
use super::rows::{Part, Row};
use super::{Cycle, Draft, Fit, Victims};
use crate::plant::{self, Plant};

/// Machines of one pile in one hand.
pub(super) struct Prey {
    pile: usize,
    holder: Option<usize>,
    listed: u32,
    taken: u32,
}

/// Victims in the making.
struct Picked {
    prey: usize,
    count: u32,
    fit: Fit,
}

/// Higher is the better victim. The claimant's own priority adds the same to all and is left out.
fn score(row: &Row<'_>, policy: &Policy) -> i128 {
    let weight = |at: usize| i128::from(policy.victim_weights_milli[at]);
    let cent = 10_000;
    let bound = |bucket: argosy_model::Bucket| i128::from(bucket.upper_bound().0).max(cent);
    weight(1) * 1_000 / 30 - weight(0) * 1_000 * i128::from(row.profile.priority)
        + weight(2) * 1_000_000_000 / bound(row.profile.interruption)
        + weight(3) * 1_000_000_000 / bound(row.profile.reclamation)
}

/// Time to drain.
pub(super) fn grace(claimant: i32, holder: i32) -> Duration {
    let mut gap = i64::from(claimant) - i64::from(holder);
    if plant::is(Plant::GapWraps) {
        gap = claimant.wrapping_sub(holder).into();
    }
    let seconds = [(900_000, 10), (500_000, 30), (100_000, 120)];
    Duration::from_secs(seconds.iter().find(|(above, _)| gap > *above).map_or(600, |(_, seconds)| *seconds))
}

impl Cycle<'_> {
    /// Takes what helps.
    pub(super) fn preempt(&mut self, row: usize) {
        let victims = self.find_victims(row, false);
        if !victims.is_empty() {
            self.drafts.push(Draft { reason: Reason::PreemptForPriority, row, picks: Vec::new(), victims });
        }
    }

    /// Lists what may be preempted, when a row first asks: machines that serve a cluster that has reported, by holder.
    pub(super) fn list_prey(&mut self) {
        if self.prey.is_some() {
            return;
        }
        let mut listed = Vec::new();
        for (at, pile) in self.piles.iter().enumerate() {
            let heard = pile.class.cluster.is_some_and(|cluster| self.view.demand.reporting(cluster).heard);
            if pile.class.state != State::Configured || !pile.class.is_usable() || !heard {
                continue;
            }
            for (row, count) in &pile.given {
                listed.push(Prey { pile: at, holder: Some(*row), listed: *count, taken: 0 });
            }
            if pile.left > 0 {
                listed.push(Prey { pile: at, holder: None, listed: pile.left, taken: 0 });
            }
        }
        self.prey = Some(listed);
    }

    pub(super) fn prey(&self) -> &[Prey] {
        self.prey.as_deref().expect("listed before it is hunted")
    }

    /// How many of a row's machines of a pile were taken.
    pub(super) fn taken_from(&self, holder: usize, pile: usize) -> u32 {
        let prey = self.prey.iter().flatten();
        prey.filter(|prey| prey.pile == pile && prey.holder == Some(holder)).map(|prey| prey.taken).sum()
    }

    /// What will do for a row, best victims first: surplus, then by score, class and holder.
    pub(super) fn hunt(&self, row: usize) -> Vec<usize> {
        let prey = self.prey();
        let mut order: Vec<usize> = (0..prey.len()).filter(|at| self.fit(row, prey[*at].pile).is_some()).collect();
        order.sort_by_key(|at| {
            let prey = &prey[*at];
            let score = prey.holder.map_or(i128::MAX, |holder| score(&self.rows[holder], self.view.policy));
            (Reverse(score), prey.pile, prey.holder)
        });
        order
    }

    /// How many of a prey are still there to be taken.
    pub(super) fn prey_left(&self, prey: &Prey) -> u32 {
        let pile = &self.piles[prey.pile];
        let held = match prey.holder {
            None => pile.left,
            Some(holder) => pile.given.get(&holder).copied().unwrap_or(0).saturating_sub(prey.taken),
        };
        held.min(prey.listed - prey.taken)
    }

    /// Whether a row may take of a prey: its holder is strictly below and was not evicted, and it lies where the row may be.
    pub(super) fn open_to(&self, row: usize, prey: &Prey) -> Option<Fit> {
        let is_below = |holder: usize| {
            let holder = &self.rows[holder];
            let stamp = self.view.fleet.machine(self.piles[prey.pile].machines[0]).assigned_priority;
            let priority = if plant::is(Plant::StampedPriority) { stamp } else { holder.profile.priority };
            holder.part != Part::Evicted && priority < self.rows[row].profile.priority
        };
        let may = self.prey_left(prey) > 0 && prey.holder.is_none_or(is_below);
        let fit = self.fit(row, prey.pile).filter(|_| may)?;
        let is_elsewhere = self.rows[row].domain.is_some() && fit.place != self.rows[row].domain;
        let is_elsewhere = is_elsewhere && !plant::is(Plant::PreemptAnywhere);
        (!is_elsewhere).then(|| fit.clone())
    }

    /// Finds and takes victims for what a row lacks; none if they do not cover a row that `must` be covered.
    pub(super) fn find_victims(&mut self, row: usize, must: bool) -> Vec<Victims> {
        if !self.rows[row].is_short() {
            return Vec::new();
        }
        self.list_prey();
        let deficit = self.rows[row].short.clone();
        let mut picked = self.pick_victims(row);
        let is_covered = !self.rows[row].is_short();
        if must && !is_covered && !plant::is(Plant::HalfGangs) {
            self.rows[row].short = deficit;
            return Vec::new();
        }
        if is_covered && !plant::is(Plant::VictimsNotPruned) {
            self.drop_redundant(row, &deficit, &mut picked);
        }
        self.take(row, &picked)
    }

    /// The first prey in order that helps and has room gives as many as it can; then again from the start.
    fn pick_victims(&mut self, row: usize) -> Vec<Picked> {
        let order = self.hunt(row);
        let mut picked: Vec<Picked> = Vec::new();
        let mut passed = 0;
        let mut open = self.places_with_free(row);
        open.extend(order.iter().filter_map(|at| Some(self.open_to(row, &self.prey()[*at])?.place)));
        while self.rows[row].is_short() {
            let fewest = self.fewest(row, &open);
            let from = if plant::is(Plant::RoomAskedOnce) { passed } else { 0 };
            let mut ahead = order.iter().skip(from);
            let Some((at, count)) = ahead.find_map(|at| self.pick(row, *at, fewest, &picked)) else { break };
            let fit = self.fit(row, self.prey()[at].pile).expect("it was open").clone();
            measure::subtract(&mut self.rows[row].short, &fit.amounts, u64::from(count));
            self.count(row, fit.place, count);
            passed = order.iter().position(|other| *other == at).map_or(0, |place| place + 1);
            match picked.iter_mut().find(|pick| pick.prey == at) {
                Some(pick) => pick.count += count,
                None => picked.push(Picked { prey: at, count, fit }),
            }
        }
        picked.sort_by_key(|pick| order.iter().position(|at| *at == pick.prey));
        picked
    }

    /// How many of a prey would help, are left beside those picked, and have room.
    fn pick(&self, row: usize, at: usize, fewest: u32, picked: &[Picked]) -> Option<(usize, u32)> {
        let prey = &self.prey()[at];
        let fit = self.open_to(row, prey)?;
        let already: u32 = picked.iter().filter(|pick| pick.prey == at).map(|pick| pick.count).sum();
        let most = self.room(row, fit.place, fewest).min(self.prey_left(prey) - already);
        let of_use = measure::of_use(&self.rows[row].short, &fit.amounts);
        let count = u32::try_from(of_use.min(u64::from(most))).expect("no more than are left");
        (count > 0).then_some((at, count))
    }

    /// From the worst victim on, each is let go that the others make redundant, unless the row's spread would suffer.
    fn drop_redundant(&mut self, row: usize, deficit: &Amounts, picked: &mut Vec<Picked>) {
        for at in (0..picked.len()).rev() {
            while picked[at].count > 0 && self.may_lose(row, &picked[at]) {
                picked[at].count -= 1;
                let mut freed = self.rows[row].measure.none();
                for pick in picked.iter() {
                    measure::add(&mut freed, &pick.fit.amounts, u64::from(pick.count));
                }
                if !measure::covers(&freed, deficit) {
                    picked[at].count += 1;
                    break;
                }
                if let Some(place) = picked[at].fit.place.filter(|_| self.rows[row].profile.spread().is_some()) {
                    *self.rows[row].counts.get_mut(&place).expect("it was counted") -= 1;
                }
            }
        }
        picked.retain(|pick| pick.count > 0);
    }

    /// Whether a row may do with one machine less in a domain, with no other domain standing out for it.
    fn may_lose(&self, row: usize, pick: &Picked) -> bool {
        let Some(spread) = self.rows[row].profile.spread() else { return true };
        let others = self.rows[row].counts.iter().filter(|(place, _)| Some(**place) != pick.fit.place);
        let most = others.map(|(_, count)| *count).max().unwrap_or(0);
        self.count_in(row, pick.fit.place) > most.saturating_sub(spread.max_skew)
    }

    fn take(&mut self, row: usize, picked: &[Picked]) -> Vec<Victims> {
        let mut victims = Vec::new();
        let mut gangs = std::collections::BTreeSet::new();
        for pick in picked {
            let prey = &mut self.prey.as_mut().expect("listed before it is hunted")[pick.prey];
            prey.taken += pick.count;
            let (pile, holder) = (prey.pile, prey.holder);
            match holder {
                None => self.piles[pile].left -= pick.count,
                Some(holder) if self.rows[holder].is_gang() => drop(gangs.insert(holder)),
                Some(_) => {}
            }
            self.rows[row].victims += pick.count;
            measure::add(&mut self.rows[row].freed, &pick.fit.amounts, u64::from(pick.count));
            victims.push(Victims { pile, holder, count: pick.count, for_claimant: true });
        }
        for gang in gangs {
            self.evict(gang, &mut victims);
        }
        victims
    }

    /// The rest of a gang that serves goes with the members that were taken.
    fn evict(&mut self, gang: usize, victims: &mut Vec<Victims>) {
        self.rows[gang].part = Part::Evicted;
        for (pile, held) in self.claims(gang) {
            let of_gang = |v: &&Victims| v.pile == pile && v.holder == Some(gang);
            let taken: u32 = victims.iter().filter(of_gang).map(|v| v.count).sum();
            if self.piles[pile].class.state == State::Configured && held > taken {
                victims.push(Victims { pile, holder: Some(gang), count: held - taken, for_claimant: false });
            }
        }
    }
}
