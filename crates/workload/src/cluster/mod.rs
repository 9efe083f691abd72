//! A simulated cluster: it owns demand objects and lets them arrive, live, churn and go, on a clock that its caller moves.
//!
//! The course of demand is a pure function of (catalogue, plan, course, seed): how finely the caller moves the clock
//! changes nothing. A cluster decides nothing and does no I/O; its roll-up goes out by [`crate::session`] or straight
//! into a simulation. Demand is stated for the whole life of a pod, placed or not.

mod agenda;
mod course;
mod object;
mod population;

use std::sync::Arc;

pub use course::{Burst, Course, Step};
pub use object::DemandObject;

use crate::catalogue::{Archetype, Catalogue};
use crate::dice::{Dice, PPM, stable_hash};
use crate::fleet::ClusterPlan;
use crate::rollup::Aggregation;
use agenda::{Agenda, Event};
use argosy_proto::bigfleet::v1alpha1::ClusterCapacityNeeds;
use population::Population;

/// How often churn is due.
const CHURN_EVERY_MS: u64 = 1_000;
/// One second in sixty churns this many times as much, so that deletions come in clumps as they do in life.
const CHURN_CLUMP: u64 = 5;

/// What happened while the clock moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Pods that began to ask for capacity.
    pub pods_created: u64,
    /// Pods that ceased to.
    pub pods_removed: u64,
}

/// One cluster and what runs in it.
#[derive(Clone, Debug)]
pub struct SimulatedCluster {
    plan: ClusterPlan,
    course: Course,
    catalogue: Arc<Catalogue>,
    population: Population,
    agenda: Agenda,
    shapes: Dice,
    timing: Dice,
    multiplier_ppm: u32,
    /// Pods still to be replaced by churn, in millionths; negative after an object larger than the need was taken.
    churn_owed_ppm: i64,
    now_ms: u64,
}

impl SimulatedCluster {
    /// A cluster at time zero, with nothing running yet.
    pub fn new(plan: ClusterPlan, course: Course, catalogue: Arc<Catalogue>, seed: u64) -> Self {
        let mut cluster = Self {
            population: Population::new(catalogue.demand.len()),
            agenda: Agenda::default(),
            shapes: Dice::new(seed, &format!("{}/shapes", plan.id)),
            timing: Dice::new(seed, &format!("{}/timing", plan.id)),
            multiplier_ppm: PPM,
            churn_owed_ppm: 0,
            now_ms: 0,
            plan,
            course,
            catalogue,
        };
        cluster.plan_course();
        cluster
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.plan.id
    }

    /// Pods that ask for capacity now.
    pub fn pods(&self) -> u64 {
        self.population.pods()
    }

    /// The objects that ask for capacity now, oldest first.
    pub fn objects(&self) -> impl Iterator<Item = &DemandObject> {
        self.population.running()
    }

    /// When something will happen next.
    pub fn next_event_ms(&self) -> Option<u64> {
        self.agenda.next_ms()
    }

    /// Moves the clock to `now_ms` and lets everything happen that is due by then. A clock that went backwards changes
    /// nothing.
    pub fn advance(&mut self, now_ms: u64) -> Activity {
        let before = self.population.turnover();
        while let Some((at_ms, event)) = self.agenda.take_due(now_ms) {
            self.now_ms = at_ms;
            self.happen(event);
        }
        self.now_ms = self.now_ms.max(now_ms);
        self.population.turnover().since(before)
    }

    /// The complete demand of the cluster now.
    pub fn rollup(&self, timestamp_unix_nanos: i64) -> ClusterCapacityNeeds {
        let mut aggregation = Aggregation::default();
        for object in self.objects() {
            aggregation.add(&object.profile, &object.size, object.pods);
        }
        aggregation.finish(&self.plan.id, timestamp_unix_nanos)
    }

    fn plan_course(&mut self) {
        let catalogue = Arc::clone(&self.catalogue);
        for (at, archetype) in catalogue.demand.iter().enumerate() {
            for object in self.draw_objects(at, self.target(at)) {
                let start = self.timing.between(0, self.course.ramp_ms);
                self.agenda.plan(start, Event::Start { object });
            }
            if archetype.mean_lifetime_s.is_some() {
                self.plan_arrival(at, self.course.ramp_ms);
            }
        }
        for (step, Step { at_ms, .. }) in self.course.steps.iter().enumerate() {
            self.agenda.plan(*at_ms, Event::Step { step });
        }
        for (burst, Burst { at_ms, duration_ms, .. }) in self.course.bursts.iter().enumerate() {
            self.agenda.plan(*at_ms, Event::BurstStart { burst });
            self.agenda.plan(at_ms.saturating_add(*duration_ms), Event::BurstEnd { burst });
        }
        if self.course.churn_ppm_per_minute > 0 {
            self.agenda.plan(self.course.ramp_ms.saturating_add(CHURN_EVERY_MS), Event::Churn);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start { object } => self.start(object),
            Event::Expire { object } => self.population.remove(object),
            Event::Arrive { archetype } => self.arrive(archetype),
            Event::Churn => self.churn(),
            Event::BurstStart { burst } => self.burst(burst),
            Event::BurstEnd { burst } => self.population.remove_burst(burst),
            Event::Step { step } => self.step(step),
        }
    }

    /// Pods of an archetype that the cluster should run now.
    fn target(&self, at: usize) -> u64 {
        let planned = self.plan.targets.get(at).map_or(0, |target| target.pods);
        u64::try_from(u128::from(planned) * u128::from(self.multiplier_ppm) / u128::from(PPM)).unwrap_or(u64::MAX)
    }

    /// Draws objects of `pods` pods in total. The last one is cut to fit; a gang that cannot be cut that far is left out.
    fn draw_objects(&mut self, at: usize, pods: u64) -> Vec<u64> {
        let catalogue = Arc::clone(&self.catalogue);
        let archetype = &catalogue.demand[at];
        let fewest = archetype.gang.as_ref().map_or(1, |gang| gang.min_members);
        let (mut left, mut drawn) = (pods, Vec::new());
        while left >= fewest {
            let replicas = archetype.draw_replicas(&mut self.shapes).min(left);
            left -= replicas;
            drawn.push(self.draw_object(at, archetype, replicas, None));
        }
        drawn
    }

    fn draw_object(&mut self, at: usize, archetype: &Archetype, replicas: u64, burst: Option<usize>) -> u64 {
        let (plan, shapes) = (&self.plan, &mut self.shapes);
        self.population.add_waiting(|number| {
            let name = format!("{}-{}-{number}", plan.id, archetype.name);
            let mut object = DemandObject::draw(name, at, archetype, &plan.zones, replicas, shapes);
            object.burst = burst;
            object
        })
    }

    fn start(&mut self, object: u64) {
        let Some(archetype) = self.population.start(object) else { return };
        if let Some(mean_s) = self.catalogue.demand[archetype].mean_lifetime_s {
            let life_ms = self.timing.exponential(mean_s.saturating_mul(1_000));
            self.agenda.plan(self.now_ms.saturating_add(life_ms).saturating_add(1), Event::Expire { object });
        }
    }

    fn arrive(&mut self, at: usize) {
        let catalogue = Arc::clone(&self.catalogue);
        let archetype = &catalogue.demand[at];
        if self.target(at) > 0 {
            let replicas = archetype.draw_replicas(&mut self.shapes);
            let object = self.draw_object(at, archetype, replicas, None);
            self.start(object);
        }
        self.plan_arrival(at, self.now_ms);
    }

    /// Arrivals of short-lived objects are a Poisson process that holds the target by Little's law: pods running are the
    /// rate of arrival times pods in an object times its life.
    fn plan_arrival(&mut self, at: usize, from_ms: u64) {
        let archetype = &self.catalogue.demand[at];
        let life_ms = archetype.mean_lifetime_s.unwrap_or(0).saturating_mul(1_000);
        let gap_ms = match self.target(at) {
            0 => life_ms,
            pods => life_ms.saturating_mul(archetype.mean_replicas_milli()) / pods.saturating_mul(1_000),
        };
        let gap_ms = self.timing.exponential(gap_ms).max(1);
        self.agenda.plan(from_ms.saturating_add(gap_ms), Event::Arrive { archetype: at });
    }

    fn churn(&mut self) {
        self.agenda.plan(self.now_ms.saturating_add(CHURN_EVERY_MS), Event::Churn);
        let catalogue = Arc::clone(&self.catalogue);
        let lasting: Vec<usize> =
            (0..catalogue.demand.len()).filter(|at| catalogue.demand[*at].mean_lifetime_s.is_none()).collect();
        let pods: u64 = lasting.iter().map(|at| self.population.steady_pods(*at)).sum();
        let mean_ppm = pods.saturating_mul(u64::from(self.course.churn_ppm_per_minute)) / 60;
        let clump = if self.timing.below(60) == 0 { CHURN_CLUMP } else { 1 };
        let due_ppm = self.timing.exponential(mean_ppm).saturating_mul(clump);
        self.churn_owed_ppm = self.churn_owed_ppm.saturating_add_unsigned(due_ppm);
        while self.churn_owed_ppm >= i64::from(PPM) {
            let weights = lasting.iter().map(|at| self.population.steady_pods(*at));
            let Some(chosen) = self.timing.weighted(weights) else { break };
            let at = lasting[chosen];
            let gone = self.population.remove_any(at, &mut self.timing);
            self.churn_owed_ppm = self.churn_owed_ppm.saturating_sub_unsigned(gone.saturating_mul(u64::from(PPM)));
            self.fill(at);
        }
    }

    fn burst(&mut self, burst: usize) {
        let Burst { at_ms, archetype, extra_pods, selectivity_ppm, .. } = self.course.bursts[burst].clone();
        let lot = stable_hash(format!("{}/{at_ms}", self.plan.id).as_bytes()) % u64::from(PPM);
        let catalogue = Arc::clone(&self.catalogue);
        let Some(at) = catalogue.demand.iter().position(|one| one.name == archetype) else { return };
        let mut left = if lot < u64::from(selectivity_ppm) { extra_pods } else { 0 };
        while left > 0 {
            let drawn = catalogue.demand[at].draw_replicas(&mut self.shapes);
            let replicas = if catalogue.demand[at].gang.is_some() { drawn } else { drawn.min(left) };
            left = left.saturating_sub(replicas);
            let object = self.draw_object(at, &catalogue.demand[at], replicas, Some(burst));
            self.start(object);
        }
    }

    fn step(&mut self, step: usize) {
        self.multiplier_ppm = self.course.steps[step].multiplier_ppm;
        for at in 0..self.catalogue.demand.len() {
            let target = self.target(at);
            let whole = self.catalogue.demand[at].gang.is_some();
            self.population.shrink(at, target, whole, &mut self.timing);
            self.fill(at);
        }
    }

    /// Starts objects until an archetype runs what it should.
    fn fill(&mut self, at: usize) {
        let missing = self.target(at).saturating_sub(self.population.steady_pods(at));
        for object in self.draw_objects(at, missing) {
            self.start(object);
        }
    }
}

#[cfg(test)]
mod tests;
