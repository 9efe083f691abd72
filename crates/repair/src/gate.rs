//! What an admission has to pass: rails, breakers and budgets. The leader asks before it proposes, the fold before it takes, and
//! both ask the same gate, so that two proposals cannot go through where there is room for one.

use std::collections::BTreeMap;

use argosy_model::ShardTime;

use crate::book::Book;
use crate::census::Census;
use crate::place::{Domain, Scope};
use crate::plant::{Bug, planted};
use crate::policy::{Budget, Policy};
use crate::record::{Repair, Trip};
use crate::wait::Wait;

/// The breakers that are open and the budgets that are in force, with what is used of them.
#[derive(Clone, Debug)]
pub struct Gate<'a> {
    policy: &'a Policy,
    census: &'a Census<'a>,
    /// Places of the budgets that are in force, from 0.
    in_force: Vec<usize>,
    open: BTreeMap<Domain, Trip>,
    used: BTreeMap<Domain, u32>,
    standstill: bool,
}

impl<'a> Gate<'a> {
    /// The gate as it stands at `now`. `in_force` names the budgets with a schedule whose window is open; the kill switch and dry
    /// run close it altogether.
    #[must_use]
    pub fn new(
        book: &Book,
        policy: &'a Policy,
        census: &'a Census<'a>,
        now: ShardTime,
        in_force: &[u16],
        standstill: bool,
    ) -> Self {
        let is_in_force = |(place, budget): &(usize, &Budget)| {
            budget.schedule.is_empty() || in_force.iter().any(|open| usize::from(*open) == *place)
        };
        let in_force = policy.budgets.iter().enumerate().filter(is_in_force).map(|(place, _)| place).collect();
        let mut gate = Self {
            policy,
            census,
            in_force,
            open: book.open_breakers(policy, census, now),
            used: BTreeMap::new(),
            standstill,
        };
        for (_, repair) in book.repairs().filter(|(_, repair)| repair.step.is_disruption()) {
            gate.admit(repair);
        }
        gate
    }

    /// Whether the kill switch or dry run is on.
    #[must_use]
    pub fn is_standstill(&self) -> bool {
        self.standstill
    }

    /// Whether a waiting repair may be admitted; else what it waits for.
    ///
    /// # Errors
    /// What holds it back.
    pub fn check(&self, repair: &Repair) -> Result<(), Wait> {
        if self.standstill {
            return Err(Wait::Standstill);
        }
        let open = repair.place.domains().find(|domain| self.open.contains_key(domain));
        if let Some(domain) = open.filter(|_| !planted(Bug::BreakerIgnored)) {
            return Err(Wait::Breaker(domain));
        }
        for budget in self.in_force.iter().copied() {
            self.check_budget(budget, repair)?;
        }
        Ok(())
    }

    fn check_budget(&self, budget: usize, repair: &Repair) -> Result<(), Wait> {
        let limits = &self.policy.budgets[budget];
        let Some(domain) = repair.place.domain(limits.per).filter(|_| limits.applies_to(repair.class)) else {
            return Ok(());
        };
        let used = self.used(&domain);
        let of = limits.at_once.of(|| self.census.size(&domain));
        if used < of || planted(Bug::BudgetIgnored) {
            return Ok(());
        }
        Err(Wait::Budget { budget, domain, used, of })
    }

    /// Counts a repair that takes up its place from now on.
    pub fn admit(&mut self, repair: &Repair) {
        // Where no budget counts nobody asks, and a gate is made anew for every look.
        let counted = Scope::ALL.into_iter().filter(|scope| self.policy.budgets.iter().any(|one| one.per == *scope));
        for domain in counted.filter_map(|scope| repair.place.domain(scope)) {
            *self.used.entry(domain).or_default() += 1;
        }
    }

    /// How many machines of a domain that some budget counts in are in repair.
    #[must_use]
    pub fn used(&self, domain: &Domain) -> u32 {
        self.used.get(domain).copied().unwrap_or(0)
    }

    /// Every breaker that is open.
    #[must_use]
    pub fn open(&self) -> &BTreeMap<Domain, Trip> {
        &self.open
    }

    /// The budgets in force, each with its place in the policy, in every domain where a machine is in repair: used, and allowed.
    pub fn budgets(&self) -> impl Iterator<Item = (usize, &Domain, u32, u32)> {
        self.in_force.iter().copied().flat_map(move |place| {
            let budget = &self.policy.budgets[place];
            let domains = self.used.iter().filter(|(domain, _)| domain.scope == budget.per);
            domains.map(move |(domain, used)| (place, domain, *used, budget.at_once.of(|| self.census.size(domain))))
        })
    }
}
