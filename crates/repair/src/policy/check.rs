//! Values of a policy that make no sense together.

use argosy_model::Duration;

use super::{Act, Breaker, Budget, Limit, MAX_LIMITS, MAX_SPAN, Policy};
use crate::class::Class;

/// A value that makes no sense, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {what}")]
pub struct Fault {
    /// The key, from the top.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub what: &'static str,
}

impl Policy {
    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults(Vec::new());
        faults.check(self.threshold.reports > 0, "threshold.reports", "at least one report");
        for (class, act) in [(Class::ResetGpu, &self.act.reset_gpu), (Class::RebootHost, &self.act.reboot_host)] {
            faults.act(class, act);
        }
        let grace = &self.grace;
        let spans = [
            ("grace.reset-gpu", grace.reset_gpu.0),
            ("grace.reboot-host", grace.reboot_host.0),
            ("grace.quarantine", grace.quarantine.0),
            ("grace.replace", grace.replace.0),
            ("threshold.or_after", self.threshold.or_after.0),
            ("drain_within", self.drain_within.0),
            ("keep_quarantined", self.keep_quarantined.unwrap_or_default().0),
            ("warm_up", self.warm_up.0),
        ];
        spans.into_iter().for_each(|(path, span)| faults.span(path, span));
        faults.check(self.breakers.len() <= MAX_LIMITS, "breakers", "at most 64");
        faults.check(self.budgets.len() <= MAX_LIMITS, "budgets", "at most 64");
        self.breakers.iter().enumerate().for_each(|(at, breaker)| faults.breaker(at, breaker));
        self.budgets.iter().enumerate().for_each(|(at, budget)| faults.budget(at, budget));
        faults.0
    }

    /// What it allows that its author may not have meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        let mut faults = Faults(Vec::new());
        faults.check(!self.breakers.is_empty(), "breakers", "without one, a wrong rule can drain the whole fleet");
        faults.check(!self.budgets.is_empty(), "budgets", "without one, any number of machines is repaired at once");
        let stuck = self.budgets.iter().any(|budget| budget.schedule.is_empty() && budget.at_once.of(|| u32::MAX) == 0);
        faults.check(!stuck, "budgets", "one of 0 that is always in force lets nothing be repaired");
        faults.0
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn check(&mut self, holds: bool, path: impl Into<String>, what: &'static str) {
        if !holds {
            self.0.push(Fault { path: path.into(), what });
        }
    }

    fn span(&mut self, path: impl Into<String>, span: Duration) {
        self.check(span <= MAX_SPAN, path, "a span is a year at most");
    }

    fn act(&mut self, class: Class, act: &Act) {
        let at = |key: &str| format!("act.{class}.{key}");
        self.check((1..=8).contains(&act.attempts), at("attempts"), "from 1 to 8");
        self.check(act.within.0 > Duration(0), at("within"), "longer than nothing");
        self.check(act.verify >= act.soak, at("soak"), "not longer than `verify`");
        let milder = act.escalate_to.is_some_and(|next| next <= class);
        self.check(!milder, at("escalate_to"), "a harder repair than the one that did not help");
        for (key, span) in [("within", act.within), ("verify", act.verify), ("soak", act.soak)] {
            self.span(at(key), span.0);
        }
    }

    fn breaker(&mut self, place: usize, breaker: &Breaker) {
        let at = |key: &str| format!("breakers[{place}].{key}");
        self.check(breaker.count > 0, at("count"), "at least 1, or it never closes");
        self.check(!matches!(breaker.share, Some(Limit::Count(_))), at("share"), "a share such as 30%");
        self.check(breaker.window.0 > Duration(0), at("window"), "longer than nothing");
        self.check(
            breaker.reset_after.is_none_or(|after| after.0 > Duration(0)),
            at("reset_after"),
            "longer than nothing",
        );
        self.span(at("window"), breaker.window.0);
        self.span(at("reset_after"), breaker.reset_after.unwrap_or_default().0);
    }

    fn budget(&mut self, place: usize, budget: &Budget) {
        self.check(budget.schedule.len() <= MAX_LIMITS, format!("budgets[{place}].schedule"), "at most 64 windows");
        self.check(budget.reasons.len() <= Class::ALL.len(), format!("budgets[{place}].reasons"), "each class once");
    }
}
