//! How busy a trace would keep its GPUs, without running it: the plan behind `--compress-arrivals` and `--nodes-fraction`.
//!
//! Two figures. *Demand* is the sum over tasks that ask at one time, against what there is; above one there is
//! contention. *Placed* is what a plain best-fit puts on real nodes, GPU by GPU: a bound that fragmentation and CPU set.
//! Neither preempts; a task that finds no room waits until it departs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_workload::dice::PPM;

use super::{MILLI_PER_GPU, Node, Task, Trace};

/// The busiest moments of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// GPUs there are, in thousandths.
    pub capacity_gpu_milli: u64,
    /// The most GPU that is asked for at once.
    pub demand_gpu_milli: u64,
    /// When that is.
    pub demand_at_ms: u64,
    /// The most GPU that best fit places at once.
    pub placed_gpu_milli: u64,
    /// Tasks that found no room when they arrived.
    pub waited: u64,
    /// Tasks that departed without ever having found room.
    pub never_placed: u64,
    /// Arrivals of a higher class that found no room while a lower one held GPUs: chances to preempt.
    pub could_preempt: u64,
}

impl Peak {
    /// Peak demand as a share of capacity, in parts per million.
    pub fn demand_ppm(&self) -> u64 {
        share_ppm(self.demand_gpu_milli, self.capacity_gpu_milli)
    }

    /// Peak placement as a share of capacity, in parts per million.
    pub fn placed_ppm(&self) -> u64 {
        share_ppm(self.placed_gpu_milli, self.capacity_gpu_milli)
    }

    /// The peak of a trace.
    pub fn of(trace: &Trace) -> Self {
        let mut sweep = Sweep::new(&trace.nodes);
        let mut departures: BTreeSet<(u64, usize)> = BTreeSet::new();
        for (at, task) in trace.tasks.iter().enumerate() {
            while let Some((due_ms, gone)) = departures.first().copied() {
                if due_ms > task.arrival_ms {
                    break;
                }
                departures.remove(&(due_ms, gone));
                sweep.depart(gone, due_ms, &trace.tasks);
            }
            sweep.arrive(at, &trace.tasks);
            if let Some(departure_ms) = task.departure_ms() {
                departures.insert((departure_ms, at));
            }
        }
        for (due_ms, gone) in departures {
            sweep.depart(gone, due_ms, &trace.tasks);
        }
        sweep.peak
    }
}

fn share_ppm(part: u64, whole: u64) -> u64 {
    let exact = u128::from(part) * u128::from(PPM) / u128::from(whole.max(1));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// What is left of a node.
struct Room<'a> {
    node: &'a Node,
    cpu_milli: u64,
    memory_mib: u64,
    gpus: Vec<u64>,
}

/// Where a task sits.
struct Seat {
    room: usize,
    gpus: Vec<usize>,
}

struct Sweep<'a> {
    rooms: Vec<Room<'a>>,
    seats: BTreeMap<usize, Seat>,
    /// Tasks without a seat, best class first, then as they came.
    waiting: BTreeSet<(Reverse<i32>, usize)>,
    /// GPU placed, by priority.
    held: BTreeMap<i32, u64>,
    asked_gpu_milli: u64,
    placed_gpu_milli: u64,
    peak: Peak,
}

impl<'a> Sweep<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let rooms: Vec<Room<'a>> = nodes
            .iter()
            .map(|node| Room {
                node,
                cpu_milli: node.shape.cpu_milli,
                memory_mib: node.shape.memory_mib,
                gpus: vec![MILLI_PER_GPU; usize::try_from(node.shape.gpus).unwrap_or(0)],
            })
            .collect();
        let capacity_gpu_milli = nodes.iter().map(|node| node.shape.gpus * MILLI_PER_GPU).sum();
        Self {
            rooms,
            seats: BTreeMap::new(),
            waiting: BTreeSet::new(),
            held: BTreeMap::new(),
            asked_gpu_milli: 0,
            placed_gpu_milli: 0,
            peak: Peak { capacity_gpu_milli, ..Peak::default() },
        }
    }

    fn arrive(&mut self, at: usize, tasks: &[Task]) {
        let task = &tasks[at];
        self.asked_gpu_milli += task.total_gpu_milli();
        if self.asked_gpu_milli > self.peak.demand_gpu_milli {
            self.peak.demand_gpu_milli = self.asked_gpu_milli;
            self.peak.demand_at_ms = task.arrival_ms;
        }
        if !self.place(at, task) {
            let priority = priority(task);
            self.peak.waited += 1;
            let below: u64 = self.held.range(..priority).map(|(_, gpu_milli)| gpu_milli).sum();
            self.peak.could_preempt += u64::from(task.gpus > 0 && below >= task.total_gpu_milli());
            self.waiting.insert((Reverse(priority), at));
        }
    }

    fn depart(&mut self, at: usize, now_ms: u64, tasks: &[Task]) {
        let task = &tasks[at];
        self.asked_gpu_milli -= task.total_gpu_milli();
        let Some(seat) = self.seats.remove(&at) else {
            self.peak.never_placed += 1;
            self.waiting.remove(&(Reverse(priority(task)), at));
            return;
        };
        let room = &mut self.rooms[seat.room];
        room.cpu_milli += task.cpu_milli;
        room.memory_mib += task.memory_mib;
        for gpu in seat.gpus {
            room.gpus[gpu] += task.gpu_milli;
        }
        self.placed_gpu_milli -= task.total_gpu_milli();
        *self.held.entry(priority(task)).or_default() -= task.total_gpu_milli();
        // Only the room that was left has changed, so only there can one who waits now find a seat.
        let stays = |waiting: &usize| tasks[*waiting].departure_ms().is_none_or(|departure_ms| departure_ms > now_ms);
        let waiting: Vec<usize> = self.waiting.iter().map(|(_, waiting)| *waiting).filter(stays).collect();
        for waiting in waiting {
            let task = &tasks[waiting];
            if let Some(gpus) = self.rooms[seat.room].seat(task) {
                self.waiting.remove(&(Reverse(priority(task)), waiting));
                self.sit(waiting, task, Seat { room: seat.room, gpus });
            }
        }
    }

    fn place(&mut self, at: usize, task: &Task) -> bool {
        let fits = self.rooms.iter().enumerate().filter_map(|(room, there)| {
            let gpus = there.seat(task)?;
            Some((there.left_after(task, &gpus), room, gpus))
        });
        let Some((_, room, gpus)) = fits.min() else { return false };
        self.sit(at, task, Seat { room, gpus });
        true
    }

    fn sit(&mut self, at: usize, task: &Task, seat: Seat) {
        let room = &mut self.rooms[seat.room];
        room.cpu_milli -= task.cpu_milli;
        room.memory_mib -= task.memory_mib;
        for gpu in &seat.gpus {
            room.gpus[*gpu] -= task.gpu_milli;
        }
        self.placed_gpu_milli += task.total_gpu_milli();
        *self.held.entry(priority(task)).or_default() += task.total_gpu_milli();
        self.peak.placed_gpu_milli = self.peak.placed_gpu_milli.max(self.placed_gpu_milli);
        self.seats.insert(at, seat);
    }
}

impl Room<'_> {
    /// The GPUs a task would get here: the fullest that still have room for a share, or whole ones.
    fn seat(&self, task: &Task) -> Option<Vec<usize>> {
        let fits =
            task.fits(&self.node.shape) && self.cpu_milli >= task.cpu_milli && self.memory_mib >= task.memory_mib;
        if !fits {
            return None;
        }
        let wanted = usize::try_from(task.gpus).ok()?;
        let mut open: Vec<usize> = (0..self.gpus.len()).filter(|gpu| self.gpus[*gpu] >= task.gpu_milli).collect();
        open.sort_by_key(|gpu| self.gpus[*gpu]);
        open.truncate(wanted);
        (open.len() == wanted).then_some(open)
    }

    /// How much would be left: GPUs first, then CPU. Best fit takes the least.
    fn left_after(&self, task: &Task, gpus: &[usize]) -> (u64, u64, u64) {
        let all: u64 = self.gpus.iter().sum();
        let on_shared: u64 = gpus.iter().map(|gpu| self.gpus[*gpu] - task.gpu_milli).sum();
        (on_shared, all, self.cpu_milli - task.cpu_milli)
    }
}

fn priority(task: &Task) -> i32 {
    super::demand::Worth::of(task.qos).priority
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::synth::{self, SynthSpec};
    use crate::{NodeShape, Phase, Qos};

    fn node(gpus: u64) -> Node {
        let shape = NodeShape { model: "G2".to_owned(), gpus, cpu_milli: 96_000, memory_mib: 393_216 };
        Node { name: format!("node-{gpus}"), shape }
    }

    fn task(name: &str, qos: Qos, gpu: (u64, u64), arrival_s: u64, lifetime_s: u64) -> Task {
        Task {
            name: name.to_owned(),
            cpu_milli: 1_000,
            memory_mib: 1_024,
            gpus: gpu.0,
            gpu_milli: gpu.1,
            models: Vec::new(),
            qos,
            phase: Phase::Running,
            arrival_ms: arrival_s * 1_000,
            lifetime_ms: Some(lifetime_s * 1_000),
        }
    }

    #[test]
    fn shares_of_one_gpu_do_not_add_up_over_two() {
        let be = Qos::BestEffort;
        let tasks = ["a", "b", "c"].map(|name| task(name, be, (1, 650), 0, 10)).to_vec();
        let peak = Peak::of(&Trace { nodes: vec![node(2)], tasks });
        assert_eq!((peak.demand_gpu_milli, peak.placed_gpu_milli, peak.never_placed), (1_950, 1_300, 1));
    }

    #[test]
    fn who_waits_is_seated_when_somebody_leaves_and_a_higher_class_could_have_preempted() {
        let tasks = vec![
            task("batch", Qos::BestEffort, (2, 1_000), 0, 10),
            task("serving", Qos::LatencySensitive, (2, 1_000), 5, 10),
        ];
        let peak = Peak::of(&Trace { nodes: vec![node(2)], tasks });
        assert_eq!((peak.demand_ppm(), peak.placed_ppm()), (2_000_000, 1_000_000));
        assert_eq!((peak.waited, peak.never_placed, peak.could_preempt), (1, 0, 1));
    }

    #[test]
    fn who_departs_as_another_arrives_is_gone_first() {
        let be = Qos::BestEffort;
        let tasks = vec![task("a", be, (1, 1_000), 0, 5), task("b", be, (1, 1_000), 5, 5)];
        let peak = Peak::of(&Trace { nodes: vec![node(1)], tasks });
        assert_eq!((peak.demand_gpu_milli, peak.waited), (1_000, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn no_more_is_placed_than_there_is_nor_than_is_asked(seed in any::<u64>(), factor in 1_u64..2_000) {
            let spec = SynthSpec { nodes: 40, tasks: 400, seed };
            let trace = synth::trace(&spec, &synth::shipped_marginals().unwrap()).compress_arrivals(factor);
            let peak = Peak::of(&trace);
            prop_assert!(peak.placed_gpu_milli <= peak.capacity_gpu_milli.min(peak.demand_gpu_milli));
            prop_assert!(peak.never_placed <= peak.waited);
        }
    }
}
