//! Phase 3: what nobody needs goes back. Machines that serve a cluster and were given to none of its needs are reclaimed;
//! idle elastic machines that are condemned, or whose hold has run out, are released.
//!
//! Reclaims come dearest first, of equal price what is elastic, then by the lowest reclamation penalty: keep order walked backwards. A plan holds no more
//! of them than the cap lets through; the fold, which keeps the account of the window, cuts further. What a gang that
//! retreats gives back is a unit of its own and not subject to the cap: nothing of it ever served.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_model::fleet::Class;
use argosy_model::{ClusterIx, Flags, MachineIx, NeedKey, State};

use crate::accounts::Account;
use crate::cycle::Cycle;
use crate::draft::Surplus;
use crate::naming::Naming;
use crate::plan::{Action, ActionKind, Reason, Unit};
use crate::rows::RowIx;
use crate::standing::Part;
use crate::supply::ClassIx;

impl Cycle {
    /// Units that give back what the clusters and the retreating gangs do not need.
    pub(crate) fn reclaims(&self, classes: &[ClassIx], naming: &mut Naming<'_>) -> Vec<Unit> {
        if classes.is_empty() {
            return Vec::new();
        }
        let waiting = self.rows_awaiting_cover();
        let mut given_back: BTreeMap<u32, (RowIx, Vec<(Class, ClassIx)>)> = BTreeMap::new();
        let mut surplus: BTreeMap<ClusterIx, Vec<Surplus>> = BTreeMap::new();
        for class in classes.iter().copied() {
            let stock = self.supply.stock(class);
            let cluster = stock.class.cluster.expect("what serves has a cluster");
            if !self.view.demand.reporting(cluster).heard {
                continue;
            }
            if let Some(gang) = stock.account.and_then(|account| self.retreating(account)) {
                let given_back = given_back.entry(self.rows.rank(gang)).or_insert((gang, Vec::new()));
                given_back.1.push((stock.class, class));
            } else if !self.is_limped_along_on(&stock.class, &waiting) {
                let machines = naming.surplus(class).map(|machine| Surplus { class, machine });
                surplus.entry(cluster).or_default().extend(machines);
            }
        }
        let mut units: Vec<Unit> =
            given_back.into_values().map(|(gang, classes)| self.disband(gang, classes, naming)).collect();
        units.extend(self.capped(surplus));
        units
    }

    /// The retreating gang whose own an account's machines are.
    fn retreating(&self, account: Account) -> Option<RowIx> {
        let rows = self.supply.accounts.rows(account).iter().copied();
        rows.filter(|row| self.standing(*row).part == Part::Retreating).max_by_key(|row| self.rows.rank(*row))
    }

    /// By cluster, the rows that what serves or joins does not cover. Only asked for where a machine is unhealthy.
    pub(crate) fn rows_awaiting_cover(&self) -> BTreeMap<ClusterIx, Vec<RowIx>> {
        let mut rows: BTreeMap<ClusterIx, Vec<RowIx>> = BTreeMap::new();
        if self.supply.unhealthy > 0 {
            for row in self.row_ixs().filter(|row| !self.is_bound_cover(*row)) {
                rows.entry(self.row(row).key.cluster).or_default().push(row);
            }
        }
        rows
    }

    /// An unhealthy machine that its workload may still limp along on is kept until what it served is covered anew.
    pub(crate) fn is_limped_along_on(&self, class: &Class, waiting: &BTreeMap<ClusterIx, Vec<RowIx>>) -> bool {
        let rows =
            class.cluster.filter(|_| class.flags.has(Flags::UNHEALTHY)).and_then(|cluster| waiting.get(&cluster));
        let would_do = |row: &RowIx| self.menus.get(self.standing(*row).menu).place_of(class.shape).is_some();
        rows.is_some_and(|rows| rows.iter().any(would_do))
    }

    fn disband(&self, gang: RowIx, mut classes: Vec<(Class, ClassIx)>, naming: &mut Naming<'_>) -> Unit {
        classes.sort_unstable();
        let mut actions = Vec::new();
        for (_, class) in classes {
            actions.extend(naming.surplus(class).map(|machine| self.reclaim(machine)));
        }
        Unit { reason: Reason::DisbandGang, needs: self.row(gang).members.to_vec(), actions }
    }

    /// Surplus in the order in which it goes, each cluster's no more than its cap.
    fn capped(&self, surplus: BTreeMap<ClusterIx, Vec<Surplus>>) -> Vec<Unit> {
        let mut units = Vec::new();
        for (cluster, mut machines) in surplus {
            machines.sort_by_cached_key(|surplus| {
                let stock = self.supply.stock(surplus.class);
                let Class { reclamation, .. } = stock.class;
                let saves = Reverse((stock.price, stock.is_elastic));
                (saves, reclamation, Reverse(stock.class), Reverse(surplus.machine))
            });
            let capped = machines.into_iter().take(self.reclaim_cap(cluster));
            units.extend(capped.map(|surplus| Unit {
                reason: Reason::ReclaimSurplus,
                needs: Vec::new(),
                actions: vec![self.reclaim(surplus.machine)],
            }));
        }
        units
    }

    /// Most machines of a cluster that one plan may reclaim.
    fn reclaim_cap(&self, cluster: ClusterIx) -> usize {
        let Some(ppm) = self.view.policy.reclaim_cap_ppm else { return usize::MAX };
        let configured = self.view.fleet.count(State::Configured, Some(cluster));
        crate::policy::reclaim_cap(ppm, configured)
    }

    fn reclaim(&self, machine: MachineIx) -> Action {
        self.action(machine, ActionKind::Reclaim { grace: self.view.policy.voluntary_grace })
    }

    /// Units that give idle elastic machines back: those that are condemned, then those whose hold has run out, longest idle
    /// first. What the plan binds stays.
    pub(crate) fn releases(&self, binding: &[&[Unit]]) -> Vec<Unit> {
        let policy = &self.view.policy;
        let shortest = policy.hold_on_demand.min(policy.hold_spot);
        let idle = self.view.fleet.elastic_idle();
        let ripe = idle.take_while(|(since, _)| self.view.now.since(*since) >= shortest);
        let due = ripe.filter(|(since, ix)| {
            let capacity = self.catalogue.shape(self.view.fleet.machine(*ix).shape).capacity_type;
            policy.is_hold_over(capacity, self.view.now.since(*since))
        });
        let mut due: Vec<MachineIx> = due.map(|(_, ix)| ix).collect();
        if !due.is_empty() {
            let binding = binding.iter().copied().flatten().flat_map(|unit| &unit.actions);
            let bound: BTreeSet<MachineIx> = binding.map(|action| action.machine).collect();
            due.retain(|ix| !bound.contains(ix));
        }
        let release =
            |reason, ix| Unit { reason, needs: Vec::new(), actions: vec![self.action(ix, ActionKind::Release)] };
        let condemned = self.view.fleet.condemned().map(|ix| release(Reason::ReleaseCondemned, ix));
        condemned.chain(due.into_iter().map(|ix| release(Reason::ReleaseIdle, ix))).collect()
    }

    pub(crate) fn action(&self, machine: MachineIx, kind: ActionKind) -> Action {
        Action { machine, version: self.view.fleet.machine(machine).version, kind }
    }

    /// The rows that a unit of this row was decided from.
    pub(crate) fn read(&self, row: RowIx) -> Vec<(NeedKey, u32)> {
        self.row(row).members.to_vec()
    }
}
