//! How a task becomes demand: requirements, resources, priority, penalties (ADR 0031).
//!
//! A need is whole machines for the sum of its tasks, and its smallest unit is the largest task. So tasks may only share
//! a need when the same machines can hold each of them. Every task therefore names the shapes that hold it: a need's
//! smallest unit then fits every machine that its requirements admit.

use std::collections::BTreeMap;

use argosy_workload::amounts::Amounts;
use argosy_workload::labels;
use argosy_workload::rollup::{Profile, Requirement, Test};

use super::layout::{instance_type, resources};
use super::{NodeShape, Qos, Task, Trace};

/// What a class of service is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Priority of its tasks.
    pub priority: i32,
    /// What an interruption costs, in dollars.
    pub interruption_penalty_dollars: u64,
    /// What a machine is worth, in dollars.
    pub reclamation_penalty_dollars: u64,
}

impl Worth {
    /// The worth of a class. Requests being served go first, best effort gives way to everybody; between two neighbours
    /// a preemption leaves the shorter graces of the protocol.
    pub fn of(qos: Qos) -> Self {
        let (priority, interruption_penalty_dollars, reclamation_penalty_dollars) = match qos {
            Qos::LatencySensitive => (10_000, 4_096, 8_192),
            Qos::Guaranteed => (5_000, 1_024, 4_096),
            Qos::Burstable => (1_000, 256, 1_024),
            Qos::BestEffort => (100, 16, 32),
        };
        Self { priority, interruption_penalty_dollars, reclamation_penalty_dollars }
    }
}

/// What a task asks for that no shape can hold. An empty list would spoil its cluster's whole roll-up; so it is seen as
/// a shortfall instead.
const NO_SHAPE: &str = "no-shape-holds-it";

/// Turns the tasks of one trace into demand.
#[derive(Clone, Debug)]
pub struct Demand {
    shapes: BTreeMap<NodeShape, String>,
}

impl Demand {
    /// For tasks that may run on the nodes of this trace.
    pub fn new(trace: &Trace) -> Self {
        let shapes = trace.nodes.iter().map(|node| (node.shape.clone(), instance_type(&node.shape)));
        Self { shapes: shapes.collect() }
    }

    /// What a machine must be for the task, and what the task asks of it.
    pub fn of(&self, task: &Task) -> (Profile, Amounts) {
        let mut holding: Vec<String> =
            self.shapes.iter().filter(|(shape, _)| task.fits(shape)).map(|(_, name)| name.clone()).collect();
        if holding.is_empty() {
            holding.push(NO_SHAPE.to_owned());
        }
        holding.sort();
        let mut requirements = vec![Requirement { key: labels::INSTANCE_TYPE.to_owned(), test: Test::In(holding) }];
        if !task.models.is_empty() {
            requirements.push(Requirement { key: labels::GPU_MODEL.to_owned(), test: Test::In(task.models.clone()) });
        }
        let worth = Worth::of(task.qos);
        let profile = Profile {
            requirements,
            priority: worth.priority,
            spread: Vec::new(),
            interruption_penalty_dollars: worth.interruption_penalty_dollars,
            reclamation_penalty_dollars: worth.reclamation_penalty_dollars,
            group: String::new(),
        };
        (profile, resources(task.cpu_milli, task.memory_mib, task.total_gpu_milli()))
    }

    /// Tasks that no shape can hold: their demand can never be covered.
    pub fn impossible<'t>(&self, tasks: &'t [Task]) -> Vec<&'t Task> {
        tasks.iter().filter(|task| !self.shapes.keys().any(|shape| task.fits(shape))).collect()
    }
}

#[cfg(test)]
mod tests {
    use argosy_workload::rollup::Aggregation;

    use super::*;
    use crate::synth::{self, SynthSpec};

    fn trace() -> Trace {
        synth::trace(&SynthSpec { nodes: 500, tasks: 2_000, seed: 3 }, &synth::shipped_marginals().unwrap())
    }

    #[test]
    fn a_need_s_smallest_unit_fits_every_shape_that_it_admits() {
        let trace = trace();
        let demand = Demand::new(&trace);
        let mut aggregation = Aggregation::default();
        for task in &trace.tasks {
            let (profile, amounts) = demand.of(task);
            aggregation.add(&profile, &amounts, 1);
        }
        let needs = aggregation.finish("all", 0).needs;
        assert!(needs.len() > 10, "{}", needs.len());
        for need in needs {
            let unit = Amounts::parse(need.min_unit.iter().map(|(k, v)| (k.as_str(), v.as_str()))).unwrap();
            let shapes = trace.nodes.iter().map(|node| &node.shape);
            let admitted = shapes.filter(|shape| need.requirements[0].values.contains(&instance_type(shape)));
            for shape in admitted {
                let offer = resources(shape.cpu_milli, shape.memory_mib, shape.gpus * 1_000);
                assert!(offer.units_of(&unit) >= 1, "{shape:?} cannot hold {unit:?}");
            }
        }
    }

    #[test]
    fn no_two_classes_of_service_are_worth_the_same_and_the_order_is_theirs() {
        let priorities = Qos::ALL.map(|qos| Worth::of(qos).priority);
        assert!(priorities.is_sorted() && priorities.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_task_that_nothing_holds_is_named_and_still_asks_for_something() {
        let trace = trace();
        let mut task = trace.tasks[0].clone();
        task.memory_mib = 1 << 40;
        let demand = Demand::new(&trace);
        assert_eq!(demand.impossible(std::slice::from_ref(&task)), [&task]);
        let (profile, _) = demand.of(&task);
        assert_eq!(profile.requirements[0].test, Test::In(vec![NO_SHAPE.to_owned()]));
    }

    #[test]
    fn tasks_without_a_gpu_never_ask_for_a_gpu_host() {
        let trace = trace();
        let demand = Demand::new(&trace);
        for task in trace.tasks.iter().filter(|task| task.gpus == 0) {
            let (profile, _) = demand.of(task);
            let Test::In(shapes) = &profile.requirements[0].test else { panic!("{profile:?}") };
            assert!(shapes.iter().all(|shape| !shape.contains('x')), "{shapes:?}");
        }
    }
}
