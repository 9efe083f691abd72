//! One event or reading against the rules: the first that holds decides.

use std::borrow::Cow;
use std::sync::Arc;

use super::{MAX_GPUS, Watch};
use crate::class::{ActionClass, Health};
use crate::condition::Variables;
use crate::event::{Event, EventType, cut};
use crate::policy::{ClassOf, Rule, Scope, Stay};
use crate::record::{Finding, MAX_ERRING, MAX_EVIDENCE, Note, Place, Repair, Until};
use crate::table::{self, Resolution};

/// What an event came to.
enum Outcome {
    /// This rule holds.
    Rule(Rule),
    /// None does, and this one could not be asked.
    Failed(String),
    /// None does.
    Nothing,
}

impl Watch {
    pub(super) fn apply_event(&mut self, event: &Event) {
        let event = &*within(event);
        if matches!(event.event_type, EventType::Boot | EventType::GpuReset | EventType::Recovered) {
            self.end(event);
            self.write(event, "", None);
            return;
        }
        let resolution = self.resolve(event);
        let rule = match self.decide(event, resolution.as_ref(), false) {
            Outcome::Rule(rule) => {
                let until = self.until(&rule, None);
                self.put(&rule, event, resolution.as_ref(), until);
                rule.name.to_string()
            }
            Outcome::Failed(rule) => {
                self.put_unknown(&rule, event);
                rule
            }
            Outcome::Nothing => String::new(),
        };
        self.write(event, &rule, resolution.as_ref());
    }

    /// What readings of one kind hold against a GPU is what the last of them says.
    pub(super) fn apply_reading(&mut self, event: &Event) {
        let event = &*within(event);
        let kind = event.event_type;
        self.soft.read.insert(event.gpu_index, self.clock);
        let resolution = self.resolve(event);
        let outcome = self.decide(event, resolution.as_ref(), true);
        let holding = match &outcome {
            Outcome::Rule(rule) => &rule.name,
            Outcome::Failed(rule) => rule.as_str(),
            Outcome::Nothing => "",
        };
        self.record.findings.retain(|(rule, gpu), finding| {
            *gpu != event.gpu_index || finding.until != Until::Reading(kind) || rule == holding
        });
        match outcome {
            Outcome::Rule(rule) => {
                let until = self.until(&rule, Some(kind));
                self.put(&rule, event, resolution.as_ref(), until);
            }
            Outcome::Failed(rule) => self.put_unknown(&rule, event),
            Outcome::Nothing => {}
        }
    }

    /// What ends a finding of a rule; for a reading, its kind.
    fn until(&self, rule: &Rule, reading: Option<EventType>) -> Until {
        match (rule.stay, reading) {
            (Stay::Decay(_), Some(kind)) => Until::Reading(kind),
            (Stay::Decay(span), None) => Until::At(self.clock.plus(span)),
            (Stay::UntilRecovered, _) => Until::Recovered,
            (Stay::UntilReset, _) => Until::Reset,
            (Stay::UntilReboot, _) => Until::Reboot,
            (Stay::UntilCleared, _) => Until::Cleared,
        }
    }

    /// What the table makes of it, or the site where it has its own mind.
    fn resolve(&self, event: &Event) -> Option<Resolution> {
        let mut resolution = table::resolve(event)?;
        if event.event_type == EventType::Xid
            && let Some((class, reason)) = self.rules.xids.get(&resolution.code)
        {
            resolution.class = *class;
            resolution.bucket = format!("site: {reason}");
        }
        Some(resolution)
    }

    fn decide(&mut self, event: &Event, resolution: Option<&Resolution>, is_reading: bool) -> Outcome {
        let variables = Variables::of(event, resolution);
        let rules = Arc::clone(&self.rules);
        let mut failed = None;
        for rule in &rules.rules {
            match rule.condition.holds(&variables) {
                Err(error) => {
                    self.fail(&rule.name, &error);
                    failed.get_or_insert_with(|| rule.name.to_string());
                }
                Ok(false) => {
                    if rule.sustained.is_some() {
                        self.soft.held.remove(&(Arc::clone(&rule.name), event.gpu_index));
                    }
                }
                Ok(true) => {
                    let lasts = match (rule.sustained, is_reading) {
                        (None, _) => true,
                        (Some(_), false) => false,
                        (Some(span), true) => {
                            let key = (Arc::clone(&rule.name), event.gpu_index);
                            let since = *self.soft.held.entry(key).or_insert(self.clock);
                            self.clock.since(since) >= span
                        }
                    };
                    if lasts && self.counts(rule, event, is_reading) {
                        return Outcome::Rule(rule.clone());
                    }
                }
            }
        }
        failed.map_or(Outcome::Nothing, Outcome::Failed)
    }

    fn fail(&mut self, rule: &str, error: &str) {
        *self.soft.failed.entry(rule.to_owned()).or_default() += 1;
        if self.record.erring.len() < MAX_ERRING && !self.record.erring.contains_key(rule) {
            self.record.erring.insert(rule.to_owned(), cut(error, MAX_EVIDENCE));
        }
    }

    fn put(&mut self, rule: &Rule, event: &Event, resolution: Option<&Resolution>, until: Until) {
        if rule.result == Health::Healthy {
            return;
        }
        let class = match (rule.class, resolution) {
            (ClassOf::Is(class), _) => class,
            (ClassOf::TableOr(_), Some(resolution)) => resolution.class,
            (ClassOf::TableOr(class), None) => class,
        };
        let class = self.escalated(class, event.gpu_index);
        let is_reading = matches!(until, Until::Reading(_));
        let words = || cut(&describe(event, resolution), MAX_EVIDENCE);
        let fresh = Finding {
            health: rule.result,
            class,
            scope: rule.scope,
            system: event.system,
            since: self.clock,
            hits: 1,
            until,
            due: self.clock.plus(rule.grace),
            evidence: String::new(),
        };
        let finding = match self.record.findings.get(&(rule.name.to_string(), event.gpu_index)) {
            None => Finding { evidence: words(), ..fresh },
            Some(before) => Finding {
                // Within one finding the class only rises, and nothing that was latched comes loose.
                class: before.class.max(class),
                until: before.until.max(until),
                since: before.since,
                due: before.due,
                // A reading that says what the one before said changes nothing that would have to be logged.
                hits: before.hits + u64::from(!is_reading),
                evidence: if is_reading { before.evidence.clone() } else { words() },
                ..fresh
            },
        };
        self.record.find(&rule.name, event.gpu_index, finding);
    }

    /// A rule that could not be asked may have been the one that matters.
    fn put_unknown(&mut self, rule: &str, event: &Event) {
        let error = self.record.erring.get(rule).cloned().unwrap_or_default();
        let before = self.record.findings.get(&(rule.to_owned(), event.gpu_index));
        if before.is_some_and(|finding| finding.health > Health::Unknown) {
            return;
        }
        let finding = Finding {
            health: Health::Unknown,
            class: ActionClass::Observe,
            scope: Scope::Gpu,
            system: event.system,
            since: before.map_or(self.clock, |finding| finding.since),
            hits: before.map_or(1, |finding| finding.hits + 1),
            until: Until::At(self.clock.plus(self.rules.decay)),
            due: self.clock,
            evidence: cut(&format!("rule {rule} could not be asked: {error}"), MAX_EVIDENCE),
        };
        self.record.find(rule, event.gpu_index, finding);
    }

    fn write(&mut self, event: &Event, rule: &str, resolution: Option<&Resolution>) {
        let text = cut(&describe(event, resolution), MAX_EVIDENCE);
        self.record.note(Note { at: self.clock, gpu: event.gpu_index, rule: rule.to_owned(), text });
    }

    /// What repairs of the same kind have not helped wants the next kind.
    fn escalated(&self, class: ActionClass, gpu: i32) -> ActionClass {
        let escalation = self.rules.escalation;
        let has_enough = |kind: ActionClass| {
            let counts = |repair: &&Repair| {
                let is_here = kind == ActionClass::RebootHost || repair.gpu == gpu;
                repair.class == kind && is_here && self.clock.since(repair.at) <= escalation.within
            };
            self.record.repairs.iter().filter(counts).count() >= escalation.attempts as usize
        };
        match class {
            ActionClass::ResetGpu if !has_enough(ActionClass::ResetGpu) => ActionClass::ResetGpu,
            ActionClass::ResetGpu | ActionClass::RebootHost if has_enough(ActionClass::RebootHost) => {
                ActionClass::Quarantine
            }
            ActionClass::ResetGpu => ActionClass::RebootHost,
            other => other,
        }
    }

    /// Where repeats of a rule are counted.
    pub(super) fn place(&self, rule: &Rule, gpu: i32) -> Place {
        match rule.scope {
            Scope::Gpu => Place::Gpu(gpu),
            Scope::NvlinkDomain => self.domain(gpu).map_or(Place::Machine, Place::Domain),
            Scope::Machine => Place::Machine,
        }
    }

    /// The NVLink domain of a GPU.
    pub(super) fn domain(&self, gpu: i32) -> Option<u32> {
        let at = usize::try_from(gpu).ok()?;
        Some(self.facts.domains.get(at).copied().unwrap_or_default())
    }
}

/// An index that no machine has stands for the machine.
fn within(event: &Event) -> Cow<'_, Event> {
    let is_gpu = u32::try_from(event.gpu_index).is_ok_and(|gpu| gpu < MAX_GPUS);
    if is_gpu || event.gpu_index == -1 {
        return Cow::Borrowed(event);
    }
    Cow::Owned(Event { gpu_index: -1, ..event.clone() })
}

/// An event in words.
fn describe(event: &Event, resolution: Option<&Resolution>) -> String {
    let what = match resolution {
        Some(found) if found.mnemonic.is_empty() => {
            format!("{} {} ({})", event.event_type.name(), found.code, found.bucket)
        }
        Some(found) => format!("{} {} {} ({})", event.event_type.name(), found.code, found.mnemonic, found.bucket),
        None => {
            let metrics = event.metrics.iter().take(4).map(|(key, metric)| format!(" {key}={}", metric.text()));
            format!("{}{}", event.event_type.name(), metrics.collect::<String>())
        }
    };
    if event.message.is_empty() { what } else { format!("{what}: {}", event.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_no_machine_has_is_the_machine() {
        for gpu in [-7, -1, 64, i32::MAX] {
            assert_eq!(within(&Event::xid(gpu, 79)).gpu_index, -1);
        }
        assert_eq!(within(&Event::xid(63, 79)).gpu_index, 63);
    }
}
