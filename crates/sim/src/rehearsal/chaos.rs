//! Chaos: failures at a rate, how they spread, what they have in their wake, and outages.
//!
//! Every slot of the cloud has its own stream of failures at the scenario's rate; those of a slot whose machine is not up are
//! thinned out. So the rate for each machine is the one that was asked for, however many are up, and nothing caps it.

use std::collections::{BTreeMap, BTreeSet};

use argosy_health::{Event, table};
use argosy_workload::dice::Dice;

use super::agenda::Due;
use super::condition::Failure;
use super::record::{Cause, FailureKind, FailureNumber, MachineNumber, What};
use super::stage::Stage;
use super::startup::normal;
use crate::fleet::FleetSim;
use crate::scenario::form::{self, CascadeScope, CorrelationScope, OutageScope};

/// What is drawn where a scenario names no XIDs.
const USUAL_XIDS: [u32; 13] = [13, 31, 32, 43, 45, 48, 63, 64, 74, 79, 92, 94, 95];
/// An XID that takes its GPU off the bus: what an outage shows as.
const OUTAGE_XID: u32 = 79;
/// A failure lasts at least this long before it ends by itself.
const SHORTEST_MS: u64 = 10_000;
/// So many correlated failures may follow from one another.
const MAX_WAKE: u32 = 8;

/// One cascade: where it may reach, and how much of it is left.
#[derive(Debug)]
pub(super) struct Tree {
    scope: String,
    left: usize,
    hit: BTreeSet<MachineNumber>,
}

/// What chaos draws from, and what it has begun.
#[derive(Debug)]
pub(super) struct Chaos {
    form: Option<form::Chaos>,
    arrivals: Dice,
    kinds: Dice,
    cascades: Dice,
    recoveries: Dice,
    wakes: Dice,
    outage_dice: Dice,
    /// The next arrival, in microseconds.
    next_us: u64,
    trees: Vec<Tree>,
    /// Machines by scope: that of cascades, racks, and zones.
    scopes: BTreeMap<String, Vec<MachineNumber>>,
    racks: BTreeMap<String, Vec<MachineNumber>>,
    zones: BTreeMap<String, Vec<MachineNumber>>,
    /// The outages that are on.
    active: BTreeSet<usize>,
}

impl Chaos {
    /// The chaos of a scenario.
    pub(super) fn new(form: Option<form::Chaos>, sites: &[super::layout::Site], seed: u64) -> Self {
        let dice = |stream: &str| Dice::new(seed, stream);
        let scope = form.as_ref().and_then(|form| form.cascading.as_ref()).map(|cascading| cascading.scope);
        let mut chaos = Self {
            form,
            arrivals: dice("chaos/arrivals"),
            kinds: dice("chaos/kinds"),
            cascades: dice("chaos/cascades"),
            recoveries: dice("chaos/recoveries"),
            wakes: dice("chaos/wakes"),
            outage_dice: dice("chaos/outages"),
            next_us: 0,
            trees: Vec::new(),
            scopes: BTreeMap::new(),
            racks: BTreeMap::new(),
            zones: BTreeMap::new(),
            active: BTreeSet::new(),
        };
        for (number, site) in (0..).zip(sites) {
            let key = scope.map(|scope| scope_of(scope, site)).unwrap_or_default();
            chaos.scopes.entry(key).or_default().push(number);
            chaos.racks.entry(site.rack.clone()).or_default().push(number);
            chaos.zones.entry(site.node.zone.clone()).or_default().push(number);
        }
        chaos
    }

    /// Outages that are on.
    pub(super) fn active_outages(&self) -> u32 {
        u32::try_from(self.active.len()).unwrap_or(u32::MAX)
    }

    fn xid(&mut self) -> u32 {
        let weights = self.form.as_ref().map(|form| &form.xid_distribution).filter(|weights| !weights.is_empty());
        let drawn = weights.and_then(|weights| {
            let at = self.kinds.weighted(weights.values().map(|weight| u64::from(*weight)))?;
            weights.keys().nth(at).copied()
        });
        drawn.unwrap_or_else(|| USUAL_XIDS[below(&mut self.kinds, USUAL_XIDS.len())])
    }

    fn kind(&mut self) -> FailureKind {
        let kinds = self.form.as_ref().map_or(&[][..], |form| &form.failure_types);
        let at = self.kinds.weighted(kinds.iter().map(|one| u64::from(one.weight)));
        at.map_or(FailureKind::XidError, |at| kinds[at].kind)
    }

    /// When the next failure arrives among so many slots; never, at a rate of nothing.
    fn next_arrival_ms(&mut self, slots: usize) -> Option<u64> {
        let rate = self.form.as_ref()?.failure_rate.0;
        if rate == 0 || slots == 0 {
            return None;
        }
        // Thousandths of failures a minute for a thousand machines.
        let mean_us = 60_000_000_u128 * 1_000_000 / (u128::from(rate) * slots as u128);
        self.next_us += self.arrivals.exponential(u64::try_from(mean_us).unwrap_or(u64::MAX).max(1));
        Some(self.next_us / 1_000)
    }
}

fn scope_of(scope: CascadeScope, site: &super::layout::Site) -> String {
    match scope {
        CascadeScope::Rack => site.rack.clone(),
        CascadeScope::Zone => site.node.zone.clone(),
        CascadeScope::Region => site.node.region.clone(),
        CascadeScope::Provider => site.node.provider.clone(),
        CascadeScope::Random => String::new(),
    }
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    usize::try_from(dice.below(bound as u64)).expect("below a length")
}

/// Whether a failure that shows as this XID does not end by itself: the one table of XIDs says so.
pub(super) fn is_fatal(xid: u32) -> bool {
    table::resolve(&Event::xid(0, xid.into())).is_some_and(|found| found.class.condemns())
}

impl Stage {
    /// Puts down what chaos begins with.
    pub(super) fn prepare_chaos(&mut self) {
        let slots = self.sites.len();
        if let Some(at_ms) = self.chaos.next_arrival_ms(slots) {
            self.agenda.put(at_ms, Due::Primary);
        }
        let outages = self.chaos.form.as_ref().map_or(&[][..], |form| &form.scheduled_outages);
        for (number, outage) in outages.iter().enumerate() {
            self.agenda.put(outage.start_time.0, Due::OutageBegins(number));
            self.agenda.put(outage.start_time.0 + outage.duration.0, Due::OutageEnds(number));
        }
    }

    fn failure(&mut self, fleet: &FleetSim, machine: MachineNumber, kind: FailureKind, cause: Cause) -> Failure {
        let gpus = self.site(machine).node.gpu_count.max(1);
        let gpu = u32::try_from(below(&mut self.chaos.kinds, gpus as usize)).unwrap_or(0);
        let whole = matches!(kind, FailureKind::NvmlFailure | FailureKind::BootFailure | FailureKind::Network);
        Failure {
            machine,
            kind,
            xid: (kind == FailureKind::XidError).then(|| self.chaos.xid()),
            gpu: (!whole).then_some(gpu),
            message: String::new(),
            cause,
            began_ms: fleet.now_ms(),
            over: false,
            told: false,
            tree: None,
            wake: 0,
            outage: None,
        }
    }

    // -- failures at a rate

    pub(super) fn primary(&mut self, fleet: &mut FleetSim) {
        let slots = self.sites.len();
        if let Some(at_ms) = self.chaos.next_arrival_ms(slots) {
            self.agenda.put(at_ms, Due::Primary);
        }
        let machine = MachineNumber::try_from(below(&mut self.chaos.kinds, slots)).expect("a place among machines");
        let kind = self.chaos.kind();
        if !self.machine(machine).up {
            return;
        }
        let failure = self.failure(fleet, machine, kind, Cause::Primary);
        if let Some(at) = self.strike(fleet, failure) {
            self.recovers_later(fleet, at);
        }
    }

    fn recovers_later(&mut self, fleet: &FleetSim, at: FailureNumber) {
        let recovery = self.chaos.form.as_ref().and_then(|form| form.recovery.clone());
        let Some(recovery) = recovery.filter(|recovery| recovery.enabled) else { return };
        let failure = &self.failures[at as usize];
        if failure.kind == FailureKind::XidError && failure.xid.is_some_and(is_fatal) {
            return;
        }
        let dice = &mut self.chaos.recoveries;
        if dice.chance(recovery.probability.0) {
            let deviation = recovery.std_dev.map_or(recovery.mean_time.0 / 4, |deviation| deviation.0);
            let lasts = normal(dice, recovery.mean_time.0, deviation).max(SHORTEST_MS);
            self.agenda.put(fleet.now_ms() + lasts, Due::Recovery(at));
        }
    }

    /// What follows from a failure: a cascade, and what it has in its wake.
    pub(super) fn follow_up(&mut self, fleet: &FleetSim, at: FailureNumber) {
        let cause = self.failures[at as usize].cause.clone();
        if matches!(cause, Cause::Primary | Cause::Cascade { .. }) {
            self.cascade(fleet, at);
        }
        self.correlate(fleet, at);
    }

    // -- cascades

    fn cascade(&mut self, fleet: &FleetSim, at: FailureNumber) {
        let Some(cascading) = self.chaos.form.as_ref().and_then(|form| form.cascading.clone()) else { return };
        let failure = &self.failures[at as usize];
        let (machine, depth, tree) = (failure.machine, failure.depth(), failure.tree);
        if !cascading.enabled || depth >= cascading.depth() || !self.chaos.cascades.chance(cascading.probability.0) {
            return;
        }
        let key = scope_of(cascading.scope, self.site(machine));
        let in_scope: Vec<MachineNumber> = {
            let all = self.chaos.scopes.get(&key).map_or(&[][..], Vec::as_slice);
            all.iter().copied().filter(|one| *one != machine && self.machines[*one as usize].up).collect()
        };
        let tree = tree.unwrap_or_else(|| {
            let hit = BTreeSet::from([machine]);
            self.chaos.trees.push(Tree { scope: key.clone(), left: cascading.most_of(in_scope.len()), hit });
            self.chaos.trees.len() - 1
        });
        debug_assert_eq!(self.chaos.trees[tree].scope, key, "a cascade stays in its scope");
        self.failures[at as usize].tree = Some(tree);
        let of = &mut self.chaos.trees[tree];
        // What is broken already cannot be broken by its neighbour.
        let is_well = |one: &MachineNumber| self.machines[*one as usize].active.is_empty() && !of.hit.contains(one);
        let mut candidates: Vec<MachineNumber> = in_scope.into_iter().filter(is_well).collect();
        if candidates.is_empty() || of.left == 0 {
            return;
        }
        let dice = &mut self.chaos.cascades;
        let affected = 1 + below(dice, cascading.most_of(candidates.len()).max(1));
        for _ in 0..affected.min(of.left).min(candidates.len()) {
            let victim = candidates.swap_remove(below(dice, candidates.len()));
            (of.left, _) = (of.left - 1, of.hit.insert(victim));
            let most = cascading.max_delay.0.max(cascading.min_delay.0);
            let delay = dice.between(cascading.min_delay.0, most);
            self.agenda.put(fleet.now_ms() + delay, Due::Spread { machine: victim, parent: at });
        }
    }

    pub(super) fn spread(&mut self, fleet: &mut FleetSim, machine: MachineNumber, parent: FailureNumber) {
        let (depth, tree) = (self.failures[parent as usize].depth() + 1, self.failures[parent as usize].tree);
        let is_well = self.machines[machine as usize].active.is_empty();
        if !self.machine(machine).up || !is_well {
            return;
        }
        let mut failure = self.failure(fleet, machine, FailureKind::XidError, Cause::Cascade { parent, depth });
        failure.tree = tree;
        self.strike(fleet, failure);
    }

    // -- correlations

    fn correlate(&mut self, fleet: &FleetSim, at: FailureNumber) {
        let rules = self.chaos.form.as_ref().map_or(&[][..], |form| &form.correlated_failures).to_vec();
        let failure = &self.failures[at as usize];
        let (machine, kind, xid, wake) = (failure.machine, failure.kind, failure.xid, failure.wake);
        if wake >= MAX_WAKE {
            return;
        }
        for (number, rule) in rules.iter().enumerate() {
            let word = rule.trigger.0.as_str();
            let fires =
                FailureKind::of_name(word) == Some(kind) || word.parse().ok().is_some_and(|code| xid == Some(code));
            if !fires || !self.chaos.wakes.chance(rule.probability.0) {
                continue;
            }
            let near = match rule.scope {
                CorrelationScope::SameNode => vec![machine],
                CorrelationScope::SameRack => self.chaos.racks[&self.site(machine).rack].clone(),
                CorrelationScope::SameZone => self.chaos.zones[&self.site(machine).node.zone].clone(),
                CorrelationScope::Random => (0..).zip(&self.sites).map(|(one, _)| one).collect(),
            };
            let others = near.into_iter().filter(|one| {
                let is_other = rule.scope == CorrelationScope::SameNode || *one != machine;
                is_other && self.machines[*one as usize].up
            });
            let others: Vec<MachineNumber> = others.collect();
            if !others.is_empty() {
                let victim = others[below(&mut self.chaos.wakes, others.len())];
                let due = Due::Wake { machine: victim, parent: at, rule: number };
                self.agenda.put(fleet.now_ms() + rule.delay.0, due);
            }
        }
    }

    pub(super) fn wake(&mut self, fleet: &mut FleetSim, machine: MachineNumber, parent: FailureNumber, rule: usize) {
        let Some(rule) = self.chaos.form.as_ref().and_then(|form| form.correlated_failures.get(rule).cloned()) else {
            return;
        };
        let cause = Cause::Correlated { parent, rule: rule.name };
        let mut failure = self.failure(fleet, machine, rule.response, cause);
        failure.wake = self.failures[parent as usize].wake + 1;
        self.strike(fleet, failure);
    }

    // -- outages

    pub(super) fn outage_begins(&mut self, fleet: &mut FleetSim, number: usize) {
        let Some(outage) = self.outage(number) else { return };
        self.chaos.active.insert(number);
        let machines = MachineNumber::try_from(self.sites.len()).unwrap_or(MachineNumber::MAX);
        let mut hit = 0;
        for machine in 0..machines {
            let is_meant = match outage.scope {
                OutageScope::Percentage => {
                    let percent = outage.target.0.trim_end_matches('%').trim().parse::<u32>().unwrap_or(0);
                    self.machines[machine as usize].up && self.chaos.outage_dice.chance(percent.min(100) * 10_000)
                }
                _ => self.is_in(machine, &outage),
            };
            hit += u32::from(is_meant && self.hit_by(fleet, machine, number, &outage));
        }
        self.note(fleet, None, What::OutageBegan { outage: outage.name, machines: hit });
    }

    pub(super) fn outage_ends(&mut self, fleet: &mut FleetSim, number: usize) {
        let Some(outage) = self.outage(number) else { return };
        self.chaos.active.remove(&number);
        let caused = (0..).zip(&self.failures).filter(|(_, failure)| failure.outage == Some(number) && !failure.over);
        let caused: Vec<FailureNumber> = caused.map(|(at, _)| at).collect();
        let cleared = u32::try_from(caused.len()).unwrap_or(u32::MAX);
        caused.into_iter().for_each(|at| self.recover(fleet, at));
        self.note(fleet, None, What::OutageEnded { outage: outage.name, cleared });
    }

    /// A machine that comes up where an outage is on is hit by it too.
    pub(super) fn hit_by_outages(&mut self, fleet: &mut FleetSim, machine: MachineNumber) {
        for number in self.chaos.active.clone() {
            let Some(outage) = self.outage(number).filter(|outage| self.is_in(machine, outage)) else { continue };
            let is_hit = |at: &FailureNumber| self.failures[*at as usize].outage == Some(number);
            if !self.machines[machine as usize].active.iter().any(is_hit) {
                self.hit_by(fleet, machine, number, &outage);
            }
        }
    }

    fn outage(&self, number: usize) -> Option<form::Outage> {
        self.chaos.form.as_ref()?.scheduled_outages.get(number).cloned()
    }

    fn is_in(&self, machine: MachineNumber, outage: &form::Outage) -> bool {
        let site = self.site(machine);
        let place = match outage.scope {
            OutageScope::Rack => &site.rack,
            OutageScope::Zone => &site.node.zone,
            OutageScope::Region => &site.node.region,
            OutageScope::Provider => &site.node.provider,
            OutageScope::Percentage => return false,
        };
        *place == outage.target.0
    }

    fn hit_by(&mut self, fleet: &mut FleetSim, machine: MachineNumber, number: usize, outage: &form::Outage) -> bool {
        let cause = Cause::Outage { outage: outage.name.clone() };
        let mut failure = self.failure(fleet, machine, outage.failure_type, cause);
        failure.outage = Some(number);
        if failure.kind == FailureKind::XidError {
            (failure.xid, failure.gpu) = (Some(OUTAGE_XID), Some(0));
        }
        self.strike(fleet, failure).is_some()
    }
}
