//! The repair policy: how patient, how much at once, and when to stop. It lies in the log as data, so that every replica reads
//! the same one; what is not said in a file is as here.

mod check;

use argosy_model::Duration;
pub use argosy_pool::Limit;
pub use argosy_pool::calendar::Window;
use argosy_pool::{Clock, Percent, Span};
use serde::{Deserialize, Serialize};

pub use self::check::Fault;
use crate::class::Class;
use crate::place::Scope;

/// The version of the format.
pub const VERSION: u32 = 1;
/// Most breakers, and most budgets.
pub const MAX_LIMITS: usize = 64;
/// Longest span that a policy may name.
pub const MAX_SPAN: Duration = Duration::from_secs(366 * 24 * 3_600);

/// How machines are repaired. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The version of the format: 1.
    pub version: u32,
    /// How long a machine may recover by itself, by what would be done.
    pub grace: Grace,
    /// How sure one must be.
    pub threshold: Threshold,
    /// A machine that is not drained after this time is overdue.
    pub drain_within: Span,
    /// What its agent does.
    pub act: Acts,
    /// After this time a machine that is kept for somebody to look at is given back; never, if left out.
    pub keep_quarantined: Option<Span>,
    /// A machine that has been in its state for less than this does not count for breakers: what was just created or bound fails
    /// for reasons of its own.
    pub warm_up: Span,
    /// What stops all of it.
    pub breakers: Vec<Breaker>,
    /// How much at once.
    pub budgets: Vec<Budget>,
}

/// How long a machine may recover by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Grace {
    /// Before its GPUs are reset.
    pub reset_gpu: Span,
    /// Before it is rebooted.
    pub reboot_host: Span,
    /// Before it is quarantined.
    pub quarantine: Span,
    /// Before it is replaced.
    pub replace: Span,
}

/// How sure one must be that a machine is unfit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Threshold {
    /// So many reports in a row must have found it so.
    pub reports: u32,
    /// Or it must have been so for this long: a machine that says no more is not spared by its silence.
    pub or_after: Span,
}

/// What agents do, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Acts {
    /// When GPUs are reset.
    pub reset_gpu: Act,
    /// When machines are rebooted.
    pub reboot_host: Act,
}

/// How an agent's act is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Act {
    /// What is done about a machine that is overdue for its drain.
    pub when_overdue: Overdue,
    /// The agent must have done it within this time.
    pub within: Span,
    /// Then the machine must be seen well within this time.
    pub verify: Span,
    /// And stay so for this long.
    pub soak: Span,
    /// How often it is tried.
    pub attempts: u32,
    /// What is done when it did not help; by default reboot-host after reset-gpu, and quarantine after reboot-host.
    pub escalate_to: Option<Class>,
}

/// What is done about a machine that is overdue for its drain. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overdue {
    /// Wait on: nobody is interrupted.
    #[default]
    Wait,
    /// Act on it as it is.
    Force,
}

/// When so many machines are found unfit at once that the cause is elsewhere, nothing more is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Where it counts.
    pub per: Scope,
    /// It opens when at least so many machines were found unfit
    pub count: u32,
    /// and they are at least this share of the domain; any share, if left out,
    #[serde(default)]
    pub share: Option<Limit>,
    /// within this time.
    pub window: Span,
    /// It closes by itself after this time; left out: somebody has to close it.
    #[serde(default)]
    pub reset_after: Option<Span>,
}

/// At most so many machines in repair at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Where it counts.
    pub per: Scope,
    /// So many machines, or this share of the domain, rounded up.
    pub at_once: Limit,
    /// For these repairs only; for all, if left out.
    #[serde(default)]
    pub reasons: Vec<Class>,
    /// While one of these windows is open; always, if left out.
    #[serde(default)]
    pub schedule: Vec<Window>,
}

impl Default for Policy {
    fn default() -> Self {
        let percent = |percent| Some(Limit::Share(Percent::whole(percent)));
        let breaker = |per, count, share, minutes| Breaker {
            per,
            count,
            share,
            window: Span::minutes(minutes),
            reset_after: None,
        };
        let budget = |per, at_once| Budget { per, at_once, reasons: Vec::new(), schedule: Vec::new() };
        Self {
            version: VERSION,
            grace: Grace::default(),
            threshold: Threshold::default(),
            drain_within: Span::minutes(60),
            act: Acts::default(),
            keep_quarantined: None,
            warm_up: Span::minutes(10),
            breakers: vec![
                breaker(Scope::Rack, 3, percent(30), 15),
                breaker(Scope::Pool, 3, percent(30), 15),
                breaker(Scope::Cluster, 3, percent(30), 15),
                breaker(Scope::Shard, 50, None, 15),
            ],
            budgets: vec![
                budget(Scope::Rack, Limit::Count(2)),
                budget(Scope::Pool, Limit::Share(Percent::whole(10))),
                budget(Scope::Cluster, Limit::Share(Percent::whole(10))),
                budget(Scope::Zone, Limit::Share(Percent::whole(10))),
            ],
        }
    }
}

impl Default for Grace {
    fn default() -> Self {
        let patient = Span::minutes(2);
        Self { reset_gpu: patient, reboot_host: patient, quarantine: patient, replace: Span::minutes(0) }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self { reports: 1, or_after: Span::minutes(10) }
    }
}

impl Default for Act {
    fn default() -> Self {
        Self {
            when_overdue: Overdue::Wait,
            within: Span::minutes(15),
            verify: Span::minutes(10),
            soak: Span::minutes(1),
            attempts: 2,
            escalate_to: None,
        }
    }
}

impl Policy {
    /// How long a machine may recover by itself before this is done.
    #[must_use]
    pub fn grace_of(&self, class: Class) -> Duration {
        let grace = match class {
            Class::ResetGpu => self.grace.reset_gpu,
            Class::RebootHost => self.grace.reboot_host,
            Class::Quarantine => self.grace.quarantine,
            Class::Replace => self.grace.replace,
        };
        grace.0
    }

    /// How an agent does this; `None` for what no agent does.
    #[must_use]
    pub fn act_of(&self, class: Class) -> Option<&Act> {
        match class {
            Class::ResetGpu => Some(&self.act.reset_gpu),
            Class::RebootHost => Some(&self.act.reboot_host),
            Class::Quarantine | Class::Replace => None,
        }
    }

    /// What is done when this did not help.
    #[must_use]
    pub fn after(&self, class: Class) -> Class {
        self.act_of(class).and_then(|act| act.escalate_to).unwrap_or_else(|| class.next())
    }

    /// Places of the budgets with a schedule that are in force at a moment. Whoever proposes says so, because no fold reads a
    /// clock or a calendar.
    #[must_use]
    pub fn in_force(&self, wall: Clock) -> Vec<u16> {
        let open = |budget: &Budget| budget.schedule.iter().any(|window| window.is_open(wall));
        let places = (0..).zip(&self.budgets);
        places.filter(|(_, budget)| open(budget)).map(|(place, _)| place).collect()
    }

    /// Whether anything in it is a share, so that domains have to be counted.
    #[must_use]
    pub fn has_shares(&self) -> bool {
        let of_budget = |budget: &Budget| matches!(budget.at_once, Limit::Share(_));
        self.breakers.iter().any(|breaker| breaker.share.is_some()) || self.budgets.iter().any(of_budget)
    }

    /// Longest time for which a breaker looks back.
    #[must_use]
    pub fn longest_window(&self) -> Duration {
        self.breakers.iter().map(|breaker| breaker.window.0).max().unwrap_or_default()
    }
}

impl Budget {
    /// Whether it limits this kind of repair.
    #[must_use]
    pub fn applies_to(&self, class: Class) -> bool {
        self.reasons.is_empty() || self.reasons.contains(&class)
    }
}
