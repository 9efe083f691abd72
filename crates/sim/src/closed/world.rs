//! A world of pods over a simulated fleet: the actor of the closed loop.
//!
//! In the moment of each cycle, before it: what is to be scaled is scaled, what is to be lost is lost, jobs come and go, every
//! cluster reports. After it: pods on machines that are gone are thrown out, and waiting ones are bound. So what a cycle did is
//! felt by the pods at once, and by the engine in the next cycle.

use std::collections::BTreeMap;

use argosy_pool::ConsolidationPolicy;
use argosy_shard::{By, Command};
use argosy_workload::amounts::Amounts;
use argosy_workload::dice::Dice;

use super::hosts::Hosts;
use super::pods::{ClusterPods, Reported};
use super::run::{Book, CycleStats};
use super::schedule::{Discipline, Scheduler};
use super::seed::Pool;
use super::shape::PodShape;
use crate::actor::Actor;
use crate::cloud::{Faults, Offer};
use crate::fleet::{FleetSim, Setup};
use crate::leader::Cycled;

/// What each cluster runs from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Which shape.
    pub shape: usize,
    /// How many objects of it.
    pub objects: u64,
    /// Pods of each.
    pub replicas: u64,
}

/// From a cycle on, every object of a shape has so many replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// In which cycle, before it is run; from 1.
    pub cycle: u64,
    /// Which shape.
    pub shape: usize,
    /// How many replicas from then on.
    pub replicas: u64,
}

/// In a cycle, the cluster's configured machines of lowest id are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which cycle, before it is run; from 1.
    pub cycle: u64,
    /// Which cluster, by number.
    pub cluster: usize,
    /// How many machines.
    pub count: usize,
}

/// Jobs that come by themselves and end by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrivals {
    /// Which shape.
    pub shape: usize,
    /// Mean time between two, in each cluster; exponential.
    pub mean_gap_ms: u64,
    /// Mean time that one lives; exponential.
    pub mean_life_ms: u64,
    /// Fewest and most pods.
    pub replicas: (u64, u64),
    /// At this moment the last one ends.
    pub until_ms: u64,
}

/// A world to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopSetup {
    /// The fleet.
    pub fleet: Setup,
    /// Kinds of pods.
    pub shapes: Vec<PodShape>,
    /// Names of the clusters; with several shards they are dealt out in turn.
    pub clusters: Vec<String>,
    /// What every cluster runs.
    pub workloads: Vec<Workload>,
    /// Where one cluster runs other shapes than the rest: by cluster, the workloads it leaves out.
    pub left_out: Vec<(usize, usize)>,
    /// The machines.
    pub pools: Vec<Pool>,
    /// Lost pods come again. Off in the broken arm of a canary.
    pub controllers: bool,
    /// What is reported. Pending pods only in the broken arm of a canary.
    pub reported: Reported,
    /// How pods are bound.
    pub discipline: Discipline,
    /// Changes of replicas.
    pub scales: Vec<Scale>,
    /// Losses.
    pub faults: Vec<Fault>,
    /// Jobs.
    pub arrivals: Vec<Arrivals>,
    /// New leaders: in which cycle, before it is run, and of which shard.
    pub leaders: Vec<(u64, usize)>,
    /// What goes wrong with calls and machines, until cycle `lucky_from`; after it only what is broken is repaired.
    pub luck: Faults,
    /// From this cycle on nothing goes wrong by chance.
    pub lucky_from: u64,
    /// The order in which clusters report changes with every cycle, as that of independent operators does.
    pub in_turn: bool,
    /// Machines that pods begin on carry what they were bound for, as machines do that were bound by a shard. Without it they
    /// are what another system left behind: bound to the cluster, and nobody knows for what.
    pub stamped: bool,
    /// What consolidation is allowed from the start; off, if it is left out.
    pub consolidation: Option<ConsolidationPolicy>,
}

impl LoopSetup {
    /// A world of these shapes and clusters in which every lost pod comes again and every pod is reported.
    pub fn new(seed: u64, clusters: usize, shapes: Vec<PodShape>) -> Self {
        Self {
            fleet: Setup::new(seed),
            shapes,
            clusters: (0..clusters).map(|number| format!("cl-{number}")).collect(),
            workloads: Vec::new(),
            left_out: Vec::new(),
            pools: Vec::new(),
            controllers: true,
            reported: Reported::EveryPod,
            discipline: Discipline::default(),
            scales: Vec::new(),
            faults: Vec::new(),
            arrivals: Vec::new(),
            leaders: Vec::new(),
            luck: Faults::default(),
            lucky_from: u64::MAX,
            in_turn: false,
            stamped: false,
            consolidation: None,
        }
    }
}

/// A world on its way.
#[derive(Debug)]
pub(super) struct World {
    setup: LoopSetup,
    hosts: Hosts,
    clusters: Vec<ClusterPods>,
    schedulers: Vec<Scheduler>,
    dice: Vec<Dice>,
    next_job_ms: Vec<Vec<u64>>,
    jobs: u64,
    has_begun: bool,
    cycle: u64,
    cycles: u64,
    pub(super) book: Book,
}

impl World {
    /// The world and its fleet: pods bound to the machines that they begin with.
    pub(super) fn new(setup: &LoopSetup, cycles: u64) -> (Self, FleetSim) {
        let mut machines: Vec<(String, Offer)> =
            setup.pools.iter().flat_map(|pool| pool.machines(&setup.shapes, &setup.clusters)).collect();
        let hosts = Hosts::new(&machines, &setup.shapes);
        let mut world = Self {
            hosts,
            clusters: setup.clusters.iter().map(|name| ClusterPods::new(name)).collect(),
            schedulers: vec![Scheduler::default(); setup.clusters.len()],
            dice: (0..setup.clusters.len()).map(|n| Dice::new(setup.fleet.seed, &format!("jobs/{n}"))).collect(),
            next_job_ms: Vec::new(),
            jobs: 0,
            has_begun: false,
            cycle: 0,
            cycles,
            book: Book::new(setup.fleet.shards.len()),
            setup: setup.clone(),
        };
        world.populate();
        world.bind_at_first(&machines);
        if setup.stamped {
            world.stamp(&mut machines);
        }
        let mut fleet = FleetSim::new(setup.fleet.clone(), machines);
        for (number, cluster) in setup.clusters.iter().enumerate() {
            fleet.bind(cluster, number % setup.fleet.shards.len());
        }
        if let Some(policy) = &setup.consolidation {
            for shard in 0..setup.fleet.shards.len() {
                fleet.admin(
                    shard,
                    Command::SetConsolidation { policy: Some(Box::new(policy.clone())), by: By::default() },
                );
            }
        }
        (world, fleet)
    }

    fn populate(&mut self) {
        for number in 0..self.clusters.len() {
            for (index, workload) in self.setup.workloads.iter().enumerate() {
                if self.setup.left_out.contains(&(number, index)) {
                    continue;
                }
                let shape = &self.setup.shapes[workload.shape];
                for object in 0..workload.objects {
                    let cluster = &self.setup.clusters[number];
                    let name = format!("{cluster}-{}-{}", shape.name, 1_000 * index as u64 + object);
                    self.clusters[number].add(name, workload.shape, workload.replicas, None);
                }
            }
            let dice = &mut self.dice[number];
            self.next_job_ms.push(self.setup.arrivals.iter().map(|jobs| dice.exponential(jobs.mean_gap_ms)).collect());
        }
    }

    fn bind_at_first(&mut self, machines: &[(String, Offer)]) {
        let mut has: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (id, offer) in machines {
            if let Some(cluster) = &offer.cluster {
                has.entry(cluster).or_default().push(self.hosts.find(id).expect("every machine is a host"));
            }
        }
        for (number, name) in self.setup.clusters.iter().enumerate() {
            let mut machines = has.remove(name.as_str()).unwrap_or_default();
            machines.sort_unstable();
            let (pods, scheduler) = (&mut self.clusters[number], &mut self.schedulers[number]);
            scheduler.evict(&self.hosts, pods, &machines, true);
            scheduler.bind(&self.hosts, &self.setup.shapes, pods, self.setup.discipline);
        }
    }

    /// Writes onto machines what they were bound for, as a Configure would have. Of several objects on one it is the first.
    fn stamp(&self, machines: &mut [(String, Offer)]) {
        let mut of: BTreeMap<&str, (String, Option<&str>)> = BTreeMap::new();
        for object in self.clusters.iter().flat_map(|cluster| &cluster.objects) {
            let shape = &self.setup.shapes[object.shape];
            let fingerprint = crate::row::fingerprint(&shape.row(object.live(), &object.name));
            let gang = shape.gang.map(|_| object.name.as_str());
            for number in &object.bound {
                of.entry(&self.hosts.get(*number).id).or_insert_with(|| (fingerprint.clone(), gang));
            }
        }
        for (id, offer) in machines {
            if let Some((fingerprint, gang)) = of.remove(id.as_str()) {
                offer.stamp(&fingerprint, gang);
            }
        }
    }

    // -- before a cycle

    fn scale(&mut self) {
        let due: Vec<Scale> = self.setup.scales.iter().copied().filter(|scale| scale.cycle == self.cycle).collect();
        for scale in due {
            for number in 0..self.clusters.len() {
                for at in 0..self.clusters[number].objects.len() {
                    if self.clusters[number].objects[at].shape == scale.shape {
                        self.resize(number, at, scale.replicas);
                    }
                }
            }
        }
    }

    /// Gives an object so many replicas: waiting pods go first, then the newest.
    fn resize(&mut self, number: usize, at: usize, replicas: u64) {
        let object = &mut self.clusters[number].objects[at];
        let live = object.live();
        if replicas >= live {
            object.pending += replicas - live;
            return;
        }
        let surplus = live - replicas;
        let waiting = surplus.min(object.pending);
        object.pending -= waiting;
        let amounts = self.hosts.vector(&self.setup.shapes[object.shape]);
        for _ in 0..surplus - waiting {
            let freed = object.bound.pop().expect("what lives is bound or waits");
            self.schedulers[number].release(freed, &amounts);
        }
        object.anchor = object.anchor.take().filter(|_| !object.bound.is_empty());
    }

    fn strike(&mut self, fleet: &mut FleetSim) {
        let due: Vec<Fault> = self.setup.faults.iter().copied().filter(|fault| fault.cycle == self.cycle).collect();
        for fault in due {
            let Some(leader) = fleet.leader_of(&self.setup.clusters[fault.cluster]) else { continue };
            let machines = leader.configured(&self.setup.clusters[fault.cluster]);
            let mut ids: Vec<String> =
                machines.into_iter().map(|ix| leader.state().fleet().id(ix).to_owned()).collect();
            ids.sort_unstable();
            let now_ms = fleet.now_ms();
            for id in ids.into_iter().take(fault.count) {
                fleet.cloud_mut().lose(now_ms, &id);
                self.book.lost += 1;
            }
        }
    }

    fn turn_leaders(&self, fleet: &mut FleetSim) {
        for (_, shard) in self.setup.leaders.iter().filter(|(cycle, _)| *cycle == self.cycle) {
            fleet.fail_over(*shard);
        }
        if self.cycle == self.setup.lucky_from {
            let (repair_ms, return_ms) = (self.setup.luck.repair_ms, self.setup.luck.return_ms);
            fleet.cloud_mut().set_faults(Faults { repair_ms, return_ms, ..Faults::default() });
        }
    }

    fn jobs(&mut self, now_ms: u64) {
        for number in 0..self.clusters.len() {
            for at in (0..self.clusters[number].objects.len()).rev() {
                if self.clusters[number].objects[at].ends_ms.is_some_and(|ends| ends <= now_ms) {
                    self.resize(number, at, 0);
                    self.clusters[number].objects.remove(at);
                }
            }
            for (index, jobs) in self.setup.arrivals.clone().iter().enumerate() {
                while self.next_job_ms[number][index] <= now_ms.min(jobs.until_ms) {
                    let dice = &mut self.dice[number];
                    let (least, most) = jobs.replicas;
                    let (replicas, life) = (dice.between(least, most), dice.exponential(jobs.mean_life_ms));
                    let began = self.next_job_ms[number][index];
                    self.next_job_ms[number][index] = began + dice.exponential(jobs.mean_gap_ms).max(1);
                    self.jobs += 1;
                    let name = format!("{}-job-{}", self.clusters[number].name, self.jobs);
                    self.clusters[number].add(name, jobs.shape, replicas, Some((began + life).min(jobs.until_ms)));
                }
            }
        }
    }

    fn report(&self, fleet: &mut FleetSim) {
        let clusters = self.clusters.len();
        let first = if self.setup.in_turn { usize::try_from(self.cycle).unwrap_or(0) % clusters } else { 0 };
        for turn in 0..clusters {
            let pods = &self.clusters[(first + turn) % clusters];
            fleet.report(&pods.name, &pods.rows(&self.setup.shapes, self.setup.reported));
        }
    }

    // -- after a cycle

    fn settle(&mut self, fleet: &FleetSim, shard: usize) -> (u64, u64) {
        let (mut evicted, mut bound) = (0, 0);
        let leader = &fleet.leaders()[shard];
        for number in (0..self.clusters.len()).filter(|number| number % fleet.leaders().len() == shard) {
            let machines = leader.configured(&self.clusters[number].name);
            let mut has: Vec<usize> = machines
                .into_iter()
                .map(|ix| self.hosts.find(leader.state().fleet().id(ix)).expect("every machine is a host"))
                .collect();
            has.sort_unstable();
            let (pods, scheduler) = (&mut self.clusters[number], &mut self.schedulers[number]);
            evicted += scheduler.evict(&self.hosts, pods, &has, self.setup.controllers);
            bound += scheduler.bind(&self.hosts, &self.setup.shapes, pods, self.setup.discipline);
        }
        (evicted, bound)
    }

    /// The pods of each object as they stand: name, live, bound.
    pub(super) fn standing(&self) -> Vec<(String, u64, u64)> {
        let objects = self.clusters.iter().flat_map(|cluster| &cluster.objects);
        objects.map(|object| (object.name.clone(), object.live(), object.bound.len() as u64)).collect()
    }

    /// How much is kept, in entries.
    pub(super) fn table_sizes(&self) -> usize {
        self.clusters.iter().map(|cluster| cluster.objects.len()).sum()
    }
}

impl Actor for World {
    fn next_ms(&self) -> Option<u64> {
        match self.has_begun {
            // Before the first listing, so that the shard knows the needs that machines say they were bound for.
            false => Some(0),
            true => (self.cycle < self.cycles).then(|| (self.cycle + 1) * self.setup.fleet.cycle_ms),
        }
    }

    fn act(&mut self, fleet: &mut FleetSim) {
        if !std::mem::replace(&mut self.has_begun, true) {
            fleet.cloud_mut().set_faults(self.setup.luck.clone());
            return self.report(fleet);
        }
        self.cycle += 1;
        self.turn_leaders(fleet);
        self.scale();
        self.strike(fleet);
        self.jobs(fleet.now_ms());
        self.report(fleet);
    }

    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled) {
        let mut stats = CycleStats::of(fleet, cycled);
        (stats.evicted, stats.newly_bound) = self.settle(fleet, cycled.shard);
        let counts = self.clusters.iter().map(ClusterPods::counts);
        let (pending, bound) = counts.fold((0, 0), |sum, (pending, bound)| (sum.0 + pending, sum.1 + bound));
        (stats.pending, stats.bound, stats.live) = (pending, bound, pending + bound);
        self.book.note(cycled, stats);
    }

    fn is_over(&self) -> bool {
        self.book.cycles() >= self.cycles
    }
}

/// Amounts by name and number, in the units of the model.
pub(super) fn amounts(list: &[(&str, u64)]) -> Amounts {
    let mut amounts = Amounts::default();
    list.iter().for_each(|(dim, amount)| amounts.set(dim, *amount));
    amounts
}
