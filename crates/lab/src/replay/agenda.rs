//! The steps of a replay: arrivals and departures, those close together taken as one moment.

use argosy_trace::Task;

/// Something that a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// It ceases to ask. Sorts first: a moment that frees and asks frees first.
    Departs(usize),
    /// It begins to ask.
    Arrives(usize),
}

/// One moment at which the fleet is stepped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Time of the trace, milliseconds.
    pub(super) at_ms: u64,
    /// What happens, tasks by their position in the trace.
    pub(super) events: Vec<Event>,
}

/// All moments, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agenda {
    pub(super) steps: Vec<Step>,
}

impl Agenda {
    /// Events within `step_ms` are one moment: the end of that span, so that nothing happens before its time.
    pub(super) fn new(tasks: &[Task], step_ms: u64) -> Self {
        let step_ms = step_ms.max(1);
        let moment = |at_ms: u64| at_ms.div_ceil(step_ms) * step_ms;
        let arrivals = tasks.iter().enumerate().map(|(at, task)| (moment(task.arrival_ms), Event::Arrives(at)));
        let departures = tasks.iter().enumerate().filter_map(|(at, task)| {
            // A task that lives less than a step still asks for one.
            let departs = moment(task.departure_ms()?).max(moment(task.arrival_ms) + step_ms);
            Some((departs, Event::Departs(at)))
        });
        let mut events: Vec<(u64, Event)> = arrivals.chain(departures).collect();
        events.sort_unstable();
        let mut steps: Vec<Step> = Vec::new();
        for (at_ms, event) in events {
            match steps.last_mut() {
                Some(step) if step.at_ms == at_ms => step.events.push(event),
                _ => steps.push(Step { at_ms, events: vec![event] }),
            }
        }
        Self { steps }
    }

    /// The last moment.
    pub(super) fn end_ms(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argosy_trace::{Phase, Qos};

    fn task(arrival_ms: u64, lifetime_ms: Option<u64>) -> Task {
        Task {
            name: format!("t{arrival_ms}"),
            cpu_milli: 1,
            memory_mib: 1,
            gpus: 0,
            gpu_milli: 0,
            models: Vec::new(),
            qos: Qos::BestEffort,
            phase: Phase::Running,
            arrival_ms,
            lifetime_ms,
        }
    }

    #[test]
    fn every_task_arrives_once_and_departs_after_it_arrived() {
        let tasks = [task(0, Some(1)), task(5, Some(100)), task(9, None)];
        let agenda = Agenda::new(&tasks, 10);
        let moments: Vec<_> = agenda.steps.iter().map(|step| (step.at_ms, step.events.clone())).collect();
        let want = vec![
            (0, vec![Event::Arrives(0)]),
            (10, vec![Event::Departs(0), Event::Arrives(1), Event::Arrives(2)]),
            (110, vec![Event::Departs(1)]),
        ];
        assert_eq!(moments, want);
    }
}
