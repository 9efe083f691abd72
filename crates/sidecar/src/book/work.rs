//! Accepted transitions on their way: what is to be done next, and what came of it.

use std::time::Duration;

use argosy_model::State;
use argosy_provider::contract::Kind;

use super::breaker::Lane;
use super::record::{Cause, Stage, Trouble};
use super::{Book, Record};
use crate::backend::{Host, Outcome, Task};

/// What is to be done after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the transition has ended well.
    Ended,
    /// It failed; the machine is kept aside for a while.
    Aside,
    /// Begin it again, after this long if the backend said so.
    Begin(Option<Duration>),
    /// Ask for it again.
    Ask,
}

impl Book {
    /// The transition under way on a machine, and how far it is.
    pub(crate) fn task(&self, id: &str) -> Option<(Stage, Task)> {
        let record = self.records.get(id)?;
        let (job, offer) = (record.job.as_ref()?, record.offer.as_ref()?);
        let task = Task {
            key: self.key(id, record, job.kind),
            operation: job.operation.clone(),
            kind: job.kind,
            machine: id.to_owned(),
            offer: offer.clone(),
            host: record.host.clone(),
            cluster: record.binding.as_ref().map(|binding| binding.cluster.clone()),
            metadata: record.binding.as_ref().map(|binding| binding.metadata.clone()).unwrap_or_default(),
            user_data: job.user_data.clone().into(),
            grace_s: job.grace_s,
            shown: job.stage == Stage::Shown,
        };
        Some((job.stage, task))
    }

    /// Machines with something under way, and machines that are kept aside, when a run begins.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let unfinished = self.records.iter().filter(|(_, record)| record.job.is_some() || aside(record));
        unfinished.map(|(id, _)| id.clone()).collect()
    }

    /// Puts down that the backend is about to be told. On disk before it is.
    pub(crate) fn begin(&mut self, id: &str) {
        self.stage(id, Stage::Begun);
    }

    fn stage(&mut self, id: &str, stage: Stage) {
        let job = self.records.get_mut(id).and_then(|record| record.job.as_mut());
        if let Some(job) = job.filter(|job| job.stage != stage) {
            job.stage = stage;
            self.changed.insert(id.to_owned());
        }
    }

    /// Takes what the backend knows.
    pub(crate) fn settle(&mut self, id: &str, outcome: Outcome, now: Duration) -> Next {
        self.count(id, &outcome, now);
        match outcome {
            Outcome::Done(host) => {
                self.change(id, |record| record.complete(host));
                Next::Ended
            }
            Outcome::Failed(text) => {
                self.change(id, |record| record.fail(&text));
                Next::Aside
            }
            Outcome::NotBegun { wait, .. } => {
                self.stage(id, Stage::Accepted);
                Next::Begin(wait)
            }
            Outcome::Shown(_) => {
                self.stage(id, Stage::Shown);
                Next::Ask
            }
            Outcome::Pending(_) | Outcome::Doubt(_) => Next::Ask,
        }
    }

    /// What a Create comes to counts for its lane.
    fn count(&mut self, id: &str, outcome: &Outcome, now: Duration) {
        let Some(record) = self.records.get(id) else { return };
        let creates = record.job.as_ref().is_some_and(|job| job.kind == Kind::Create);
        let Some(offer) = record.offer.as_ref().filter(|_| creates) else { return };
        match outcome {
            Outcome::Done(_) => self.breakers.succeeded(&Lane::of(offer)),
            // One whose end was not known in time has been counted then.
            Outcome::Failed(_) if record.state == State::Failed => {}
            Outcome::Failed(_) => self.breakers.failed(Lane::of(offer), now),
            Outcome::NotBegun { .. } | Outcome::Pending(_) | Outcome::Shown(_) | Outcome::Doubt(_) => {}
        }
    }

    /// A transition has taken longer than anybody waits. One that never began has failed; of any other the machine is shown as failed, and
    /// the transition is asked for on: until its end is known nothing else is done with the machine.
    pub(crate) fn overdue(&mut self, id: &str, text: &str, now: Duration) -> Next {
        let Some(record) = self.records.get(id) else { return Next::Ended };
        let Some(job) = &record.job else { return Next::Ended };
        if job.stage == Stage::Accepted {
            self.change(id, |record| record.fail(&format!("it could not begin in time: {text}")));
            return Next::Aside;
        }
        if record.state != State::Failed {
            let creates = job.kind == Kind::Create;
            if let Some(offer) = record.offer.as_ref().filter(|_| creates) {
                self.breakers.failed(Lane::of(offer), now);
            }
            let text = format!("its end is not known in time: {text}");
            self.change(id, |record| {
                (record.state, record.trouble) = (State::Failed, Some(Trouble { text, cause: Cause::Transition }));
            });
        }
        Next::Ask
    }

    /// A machine that was kept aside is offered again.
    pub(crate) fn recover(&mut self, id: &str) {
        if self.records.get(id).is_some_and(aside) {
            self.change(id, |record| {
                record.trouble = None;
                record.rest();
            });
        }
    }
}

/// Whether a machine is kept aside because a transition failed.
fn aside(record: &Record) -> bool {
    record.job.is_none() && record.trouble.as_ref().is_some_and(|trouble| trouble.cause == Cause::Transition)
}

impl Record {
    fn complete(&mut self, host: Option<Host>) {
        let Some(job) = self.job.take() else { return };
        self.trouble = None;
        match job.kind {
            Kind::Create => self.host = host,
            Kind::Configure => {}
            Kind::Drain => self.binding = None,
            Kind::Delete => (self.host, self.binding) = (None, None),
        }
        self.rest();
    }

    /// What failed has left nothing behind: the machine has what it had before.
    fn fail(&mut self, text: &str) {
        let Some(job) = self.job.take() else { return };
        if job.kind == Kind::Configure {
            self.binding = None;
        }
        let text = format!("{} failed: {text}", job.kind.name());
        self.trouble = Some(Trouble { text, cause: Cause::Transition });
        self.rest();
    }
}
