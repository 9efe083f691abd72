//! Phase 3: what nobody needs goes back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::{Action, ActionKind, Reason, Unit};
use argosy_model::{ClusterIx, Duration, Flags, MachineIx, ShardTime, State};

use super::Cycle;
use super::measure::covers;
use super::rows::Part;
use crate::plant::{self, Plant};

impl Cycle<'_> {
    /// What retreating gangs give back, then what is surplus, by cluster.
    pub(super) fn reclaims(&self) -> Vec<Unit> {
        let mut disbanded: BTreeMap<usize, Vec<Action>> = BTreeMap::new();
        let mut surplus: BTreeMap<ClusterIx, Vec<(usize, MachineIx)>> = BTreeMap::new();
        for (at, pile) in self.piles.iter().enumerate() {
            let Some(cluster) = pile.class.cluster.filter(|_| pile.class.state == State::Configured) else { continue };
            let is_silent = !self.view.demand.reporting(cluster).heard && !plant::is(Plant::SilenceIsNoDemand);
            if is_silent || self.is_limped_along_on(at) {
                continue;
            }
            let needed_by_nobody = pile.left as usize + usize::from(plant::is(Plant::SecondAttribution));
            let left = pile.machines.iter().rev().take(needed_by_nobody);
            let retreating = |row: &usize| self.rows[*row].part == Part::Retreating && self.is_own(*row, at);
            match (0..self.rows.len()).find(retreating) {
                Some(gang) => disbanded.entry(gang).or_default().extend(left.map(|ix| self.reclaim(*ix))),
                None => surplus.entry(cluster).or_default().extend(left.map(|ix| (at, *ix))),
            }
        }
        disbanded.retain(|_, actions| !actions.is_empty());
        let disband = |(gang, actions): (usize, Vec<Action>)| Unit {
            reason: Reason::DisbandGang,
            needs: self.rows[gang].members.clone(),
            actions,
        };
        let mut units: Vec<Unit> = disbanded.into_iter().map(disband).collect();
        for (cluster, machines) in surplus {
            units.extend(self.capped(cluster, machines));
        }
        units
    }

    /// Surplus of a cluster: the dearest first, then what is paid for only while it is there, then what costs least to give up,
    /// last class and slot first; as many as the cap lets through.
    fn capped(&self, cluster: ClusterIx, mut machines: Vec<(usize, MachineIx)>) -> Vec<Unit> {
        machines.sort_by_key(|(pile, ix)| {
            let pile = &self.piles[*pile];
            let price =
                if plant::is(Plant::CheapestFirst) { u64::MAX - pile.shape.price.0 } else { pile.shape.price.0 };
            (Reverse(price), !pile.ends_its_price(), pile.class.reclamation, Reverse(pile.class), Reverse(*ix))
        });
        let serving =
            self.view.fleet.iter().filter(|(_, m)| m.state == State::Configured && m.cluster() == Some(cluster));
        let cap = match self.view.policy.reclaim_cap_ppm {
            Some(_) if plant::is(Plant::NoReclaimCap) => usize::MAX,
            Some(ppm) => (serving.count() * ppm as usize / 1_000_000).max(1),
            None => usize::MAX,
        };
        let units = machines.into_iter().take(cap).map(|(_, ix)| Unit {
            reason: Reason::ReclaimSurplus,
            needs: Vec::new(),
            actions: vec![self.reclaim(ix)],
        });
        units.collect()
    }

    /// An unhealthy machine is kept while a row of its cluster that it would do for is not covered by what serves or joins.
    fn is_limped_along_on(&self, pile: usize) -> bool {
        let class = &self.piles[pile].class;
        let waits = |row: usize| {
            let bound = self.covered_in(row, &[State::Configured, State::Configuring]);
            Some(self.rows[row].key.cluster) == class.cluster
                && self.fit(row, pile).is_some()
                && !covers(&bound, &self.rows[row].measure.want)
        };
        class.flags.has(Flags::UNHEALTHY) && (0..self.rows.len()).any(waits)
    }

    fn reclaim(&self, machine: MachineIx) -> Action {
        let grace = if plant::is(Plant::NoGrace) { Duration(0) } else { self.view.policy.voluntary_grace };
        self.action(machine, ActionKind::Reclaim { grace })
    }

    /// Idle elastic machines that this plan does not bind: those that are condemned, then those whose hold is over and that
    /// nobody keeps, longest idle first.
    pub(super) fn releases(&self, binding: &[Unit]) -> Vec<Unit> {
        let (words, policy, now) = (&self.view.fleet.words, self.view.policy, self.view.now);
        let bound: BTreeSet<MachineIx> = binding.iter().flat_map(|unit| &unit.actions).map(|a| a.machine).collect();
        let mut due: Vec<(Reverse<bool>, ShardTime, MachineIx)> = Vec::new();
        for (ix, machine) in self.view.fleet.iter().filter(|(_, machine)| machine.state == State::Idle) {
            let capacity = words.shape_of(machine.shape).capacity_type;
            let is_condemned = machine.flags.has(Flags::CONDEMNED) && !plant::is(Plant::CondemnedHeld);
            let is_kept = machine.flags.has(Flags::KEPT) && !plant::is(Plant::KeptReleased);
            let is_over = policy.is_hold_over(capacity, now.since(machine.since)) || plant::is(Plant::HoldIgnored);
            let is_due = is_condemned || is_over && !is_kept;
            if capacity.is_elastic() && is_due && !bound.contains(&ix) {
                due.push((Reverse(is_condemned), if is_condemned { ShardTime(0) } else { machine.since }, ix));
            }
        }
        due.sort_unstable();
        let release = |(Reverse(is_condemned), _, ix)| Unit {
            reason: if is_condemned { Reason::ReleaseCondemned } else { Reason::ReleaseIdle },
            needs: Vec::new(),
            actions: vec![self.action(ix, ActionKind::Release)],
        };
        due.into_iter().map(release).collect()
    }

    pub(super) fn action(&self, machine: MachineIx, kind: ActionKind) -> Action {
        Action { machine, version: self.view.fleet.machine(machine).version, kind }
    }
}
