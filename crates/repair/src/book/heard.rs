//! What verdicts do to repairs.

use std::sync::Arc;

use argosy_model::{Duration, MachineIx, ShardTime};

use super::{Book, Closed, Ending, Opened};
use crate::class::Class;
use crate::place::Place;
use crate::plant::{Bug, planted};
use crate::record::{Onset, Repair, Step, cut};

/// A verdict that was committed.
#[derive(Clone, Debug)]
pub struct Report {
    /// What has to be done before the machine is supply again; `None` if nothing has.
    pub unfit: Option<Class>,
    /// Why.
    pub reason: String,
    /// Where the machine counts.
    pub place: Place,
    /// Whether it has been in its state for so short a time that breakers leave it out.
    pub is_warming_up: bool,
    /// How long what was found is kept for breakers.
    pub keep: Duration,
}

/// What a verdict changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that anybody is to be told.
    Nothing,
    /// A repair has begun.
    Opened(Opened),
    /// A repair is over: the machine is well.
    Closed(Closed),
}

impl Book {
    /// Takes a verdict in.
    pub fn heard(&mut self, machine: MachineIx, report: Report, now: ShardTime) -> Heard {
        match (self.repairs.contains_key(&machine), report.unfit) {
            (false, None) => Heard::Nothing,
            (false, Some(class)) => self.open(machine, class, report, now),
            (true, None) => self.is_well(machine, now),
            (true, Some(class)) => {
                self.is_unfit(machine, class, &report.reason);
                Heard::Nothing
            }
        }
    }

    fn open(&mut self, machine: MachineIx, class: Class, report: Report, now: ShardTime) -> Heard {
        if !report.is_warming_up {
            self.note(Onset { at: now, machine, place: report.place.clone() }, report.keep);
        }
        let repair = Arc::new(Repair {
            updates: 1,
            class,
            reason: cut(&report.reason),
            since: now,
            reports: 1,
            unfit: true,
            place: report.place,
            step: Step::Waiting,
            step_since: now,
            admitted: None,
            attempts: 0,
            failure: String::new(),
            ordered: None,
            flagged: false,
            worse: None,
        });
        self.repairs.insert(machine, Arc::clone(&repair));
        self.counts.opened += 1;
        Heard::Opened(Opened(repair))
    }

    fn is_unfit(&mut self, machine: MachineIx, class: Class, reason: &str) {
        self.change(machine, |repair| {
            repair.reports = repair.reports.saturating_add(1);
            repair.unfit = true;
            if class > repair.class && repair.ordered.is_none() {
                // What is under way keeps its class: word of it, its verification and its tries are about that.
                match repair.is_under_way() && !planted(Bug::ClassChangedUnderWay) {
                    true => repair.worse = repair.worse.max(Some(class)),
                    false => (repair.class, repair.attempts) = (class, 0),
                }
            }
            repair.reason = cut(reason);
            if let Step::Verifying { until, .. } = repair.step {
                repair.step = Step::Verifying { until, fit_since: None };
            }
        });
    }

    /// Nothing stands against the machine any more: what was not begun is not done.
    fn is_well(&mut self, machine: MachineIx, now: ShardTime) -> Heard {
        let repair = self.change(machine, |repair| {
            (repair.unfit, repair.worse) = (false, None);
            if !planted(Bug::ReportsNotConsecutive) {
                repair.reports = 0;
            }
            if let Step::Verifying { until, fit_since } = repair.step {
                repair.step = Step::Verifying { until, fit_since: fit_since.or(Some(now)) };
            }
        });
        let forgotten = planted(Bug::RecoveryForgotten) || planted(Bug::ReportsNotConsecutive);
        if repair.is_under_way() || repair.ordered.is_some() || forgotten {
            return Heard::Nothing;
        }
        self.close(machine, Ending::Recovered).map_or(Heard::Nothing, Heard::Closed)
    }

    /// A machine is another now, or no more.
    pub fn gone(&mut self, machine: MachineIx) -> Option<Closed> {
        self.holds.remove(&machine);
        let was_condemned = self.get(machine)?.step == Step::Condemned;
        self.close(machine, if was_condemned { Ending::Replaced } else { Ending::Gone })
    }

    /// Verdicts act no longer: what nobody has ordered, and what is not half done, is dropped.
    pub fn stand_down(&mut self) -> Vec<(MachineIx, Closed)> {
        let dropped = self.repairs().filter(|(_, repair)| repair.ordered.is_none() && !repair.is_under_way());
        let dropped: Vec<MachineIx> = dropped.map(|(machine, _)| machine).collect();
        let close = |machine| Some((machine, self.close(machine, Ending::Dropped)?));
        dropped.into_iter().filter_map(close).collect()
    }
}
