//! Consolidation, as the log knows it: the policy, which of its schedules are open, and how much of each budget is used up.
//!
//! A budget's window begins with the first move that counts against it, and its size is fixed at that moment. The engine sees what is
//! left; the fold checks every move again, so that no leader can go past it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_engine::Consolidation;
use argosy_engine::consolidation::{Brake, Most, Per};
use argosy_model::{ClusterIx, Fleet, MicroUsd, ShardTime};
use argosy_pool::consolidation::{ChurnBudget, Reach};
use argosy_pool::{Clock, ConsolidationPolicy, Limit};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::plant::{Bug, planted};
use crate::response::DropReason;
use crate::state::ShardState;

/// Which budget, by its place in the policy, and in which cluster; `None` for the whole shard.
pub(crate) type Account = (u16, Option<ClusterIx>);

/// Moves that count against a budget in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChurnWindow {
    /// When it began: with its first move.
    pub began: ShardTime,
    /// Most moves in it, fixed when it began.
    pub allowed: u32,
    /// Moves in it.
    pub taken: u32,
}

/// The policy, and what is used of it. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct ConsolidationBook {
    policy: Arc<ConsolidationPolicy>,
    /// Log index at which the policy was applied; 0 is that of a new installation.
    revision: u64,
    /// Budgets with a schedule that are in force, as a leader said last; all of them, until one has.
    in_force: Option<Arc<[u16]>>,
    windows: OrdMap<Account, ChurnWindow>,
    /// What the engine may do now: derived from the rest.
    allowed: Option<Arc<Consolidation>>,
}

/// One part of it in a snapshot. Append-only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredConsolidation {
    /// The policy, and when it was applied.
    Policy(u64, ConsolidationPolicy),
    /// Budgets with a schedule that are in force.
    InForce(Vec<u16>),
    /// A window that is running.
    Window(Account, ChurnWindow),
}

/// How a budget stands in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetView<'a> {
    /// Its place in the policy.
    pub place: u16,
    /// What it says.
    pub budget: &'a ChurnBudget,
    /// Whether it is in force.
    pub is_in_force: bool,
    /// The cluster of its window, and the window, where one is running.
    pub window: Option<(Option<ClusterIx>, ChurnWindow)>,
}

impl ConsolidationBook {
    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &ConsolidationPolicy {
        &self.policy
    }

    /// Log index at which it was applied; 0 is that of a new installation.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What the engine may do now; `None` while consolidation is off.
    #[must_use]
    pub fn allowed(&self) -> Option<&Consolidation> {
        self.allowed.as_deref()
    }

    /// When the next window is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.windows.iter().map(|(account, window)| self.end(*account, window)).min()
    }

    /// Every budget: once for each window that is running, else once.
    pub fn budgets(&self) -> impl Iterator<Item = BudgetView<'_>> {
        (0_u16..).zip(&self.policy.budgets).flat_map(|(place, budget)| {
            let is_in_force = self.is_in_force(place);
            let running = self.windows.range((place, None)..).take_while(move |((of, _), _)| *of == place);
            let windows: Vec<_> = running.map(|((_, cluster), window)| Some((*cluster, *window))).collect();
            let windows = if windows.is_empty() { vec![None] } else { windows };
            windows.into_iter().map(move |window| BudgetView { place, budget, is_in_force, window })
        })
    }

    fn is_in_force(&self, place: u16) -> bool {
        let budget = &self.policy.budgets[usize::from(place)];
        budget.schedule.is_empty() || self.in_force.as_ref().is_none_or(|open| open.contains(&place))
    }

    fn end(&self, (place, _): Account, window: &ChurnWindow) -> ShardTime {
        window.began.plus(self.policy.budgets[usize::from(place)].within.0)
    }

    /// Puts another policy in force. What was moved under the old one counts for nothing.
    pub(crate) fn set_policy(&mut self, policy: ConsolidationPolicy, revision: u64) {
        *self = Self { policy: Arc::new(policy), revision, ..Self::default() };
        self.derive();
    }

    /// Takes in which schedules are open.
    pub(crate) fn set_in_force(&mut self, in_force: &[u16]) {
        self.in_force = Some(in_force.into());
        self.derive();
    }

    /// Lets windows go that are over.
    pub(crate) fn expire(&mut self, now: ShardTime) {
        let over = |(account, window): &(&Account, &ChurnWindow)| self.end(**account, window) <= now;
        let over: Vec<Account> = self.windows.iter().filter(over).map(|(account, _)| *account).collect();
        if !over.is_empty() {
            for account in over {
                self.windows.remove(&account);
            }
            self.derive();
        }
    }

    /// Counts moves of a cluster. What the engine may do is as it was until [`Self::derive`].
    ///
    /// # Errors
    /// Consolidation is off, or a budget has no room for so many; then nothing is counted.
    pub(crate) fn spend(
        &mut self,
        cluster: ClusterIx,
        moves: u32,
        (fleet, now): (&Fleet, ShardTime),
    ) -> Result<(), DropReason> {
        if !self.policy.enabled {
            return Err(DropReason::ConsolidationOff);
        }
        let mut windows = self.windows.clone();
        for (place, budget) in (0_u16..).zip(&self.policy.budgets) {
            if !self.is_in_force(place) {
                continue;
            }
            let brake = brake(budget);
            let domain = brake.per.domain(cluster);
            let fresh = || ChurnWindow { began: now, allowed: brake.room(cluster, fleet), taken: 0 };
            let mut window = windows.get(&(place, domain)).copied().unwrap_or_else(fresh);
            window.taken = window.taken.saturating_add(moves);
            if window.taken > window.allowed && !planted(Bug::ChurnUncounted) {
                return Err(DropReason::ChurnBudget);
            }
            windows.insert((place, domain), window);
        }
        self.windows = windows;
        Ok(())
    }

    /// What the engine may do, from what the book holds now.
    pub(crate) fn derive(&mut self) {
        let places = (0_u16..).zip(&self.policy.budgets).filter(|(place, _)| self.is_in_force(*place));
        let brakes = places.map(|(place, budget)| {
            let running = self.windows.range((place, None)..).take_while(|((of, _), _)| *of == place);
            let left = |window: &ChurnWindow| window.allowed.saturating_sub(window.taken);
            Brake { left: running.map(|((_, domain), window)| (*domain, left(window))).collect(), ..brake(budget) }
        });
        let allowed = Consolidation {
            min_gain: MicroUsd(self.policy.min_gain_microusd_per_hour),
            move_cost: MicroUsd(self.policy.move_cost_microusd),
            payback: self.policy.payback.0,
            brakes: brakes.collect(),
        };
        self.allowed = self.policy.enabled.then(|| Arc::new(allowed));
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = StoredConsolidation> + '_ {
        let policy = (self.revision > 0).then(|| StoredConsolidation::Policy(self.revision, (*self.policy).clone()));
        let in_force = self.in_force.as_ref().map(|open| StoredConsolidation::InForce(open.to_vec()));
        let windows = self.windows.iter().map(|(account, window)| StoredConsolidation::Window(*account, *window));
        policy.into_iter().chain(in_force).chain(windows)
    }

    /// Takes a part of a snapshot in; false if it contradicts those before it.
    pub(crate) fn restore(&mut self, part: StoredConsolidation) -> bool {
        match part {
            StoredConsolidation::Policy(revision, policy) => self.set_policy(policy, revision),
            StoredConsolidation::InForce(open) => self.set_in_force(&open),
            StoredConsolidation::Window(account, window) => {
                if usize::from(account.0) >= self.policy.budgets.len() {
                    return false;
                }
                self.windows.insert(account, window);
                self.derive();
            }
        }
        true
    }
}

/// A budget as the engine knows it, with no window running.
fn brake(budget: &ChurnBudget) -> Brake {
    let per = match budget.per {
        Reach::Shard => Per::Shard,
        Reach::Cluster => Per::Cluster,
    };
    let most = match budget.moves {
        Limit::Count(count) => Most::Count(count),
        Limit::Share(share) => Most::Ppm(share.ppm()),
    };
    Brake { per, most, left: BTreeMap::new() }
}

impl ShardState {
    /// What is known of consolidation.
    #[must_use]
    pub fn consolidation(&self) -> &ConsolidationBook {
        &self.consolidation
    }

    /// The command that tells the fold which schedules are open, if it does not know; to be committed before anything is decided.
    #[must_use]
    pub fn propose_churn_schedules(&self, wall: Clock) -> Option<Command> {
        let book = &self.consolidation;
        let policy = book.policy();
        if !policy.enabled || policy.budgets.iter().all(|budget| budget.schedule.is_empty()) {
            return None;
        }
        let in_force = policy.in_force(wall);
        let is_known = book.in_force.as_deref() == Some(&in_force);
        (!is_known).then_some(Command::ChurnSchedules { policy_at: book.revision, in_force })
    }
}
