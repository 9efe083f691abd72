//! What is said of a machine, and why.

use argosy_model::ShardTime;
use serde::Serialize;

use crate::class::{ActionClass, Health};

/// How a machine is, what is to be done about it, and the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How it is.
    pub health: Health,
    /// What is to be done.
    pub class: ActionClass,
    /// The rule behind it; empty if nothing stands against it.
    pub rule: String,
    /// The GPU; -1 is the machine.
    pub gpu: i32,
    /// Since when it is so, in milliseconds of shard time.
    pub since_ms: u64,
    /// What was heard, in words; empty if nothing stands against it.
    pub reason: String,
    /// Whether it must not be supply: something was found that somebody has to do first.
    pub unfit: bool,
    /// What has to be done, by GPU.
    pub owed: Vec<Due>,
    /// The GPUs that something is said about.
    pub gpus: Vec<GpuHealth>,
    /// Rules that failed on what was heard of this machine.
    pub errors: Vec<RuleError>,
}

/// Something that has to be done before a machine is supply again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The GPU; -1 is the machine.
    pub gpu: i32,
    /// What.
    pub class: ActionClass,
    /// The rule that found it.
    pub rule: String,
    /// Since when, in milliseconds of shard time.
    pub since_ms: u64,
    /// What was heard, in words.
    pub evidence: String,
}

/// How one GPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GpuHealth {
    /// Its index.
    pub gpu: u32,
    /// How it is.
    pub health: Health,
}

/// A rule that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleError {
    /// The rule.
    pub rule: String,
    /// How often since this leader leads.
    pub count: u64,
    /// The first error.
    pub error: String,
}

/// A change of what is said of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// When, in milliseconds of shard time.
    pub at_ms: u64,
    /// How it was.
    pub from: Health,
    /// Whether it was unfit.
    pub was_unfit: bool,
    /// What is said of it now.
    pub to: Verdict,
}

impl Transition {
    /// When.
    pub fn at(&self) -> ShardTime {
        ShardTime(self.at_ms)
    }
}

impl Verdict {
    /// In one line.
    pub fn line(&self) -> String {
        let mut line = format!("{} ({})", self.health, self.class);
        if !self.rule.is_empty() {
            line = format!("{line} by {}", self.rule);
        }
        if self.gpu >= 0 && !self.rule.is_empty() {
            line = format!("{line} on GPU {}", self.gpu);
        }
        if !self.reason.is_empty() {
            line = format!("{line}: {}", self.reason);
        }
        if self.unfit {
            let owed: Vec<&str> = self.owed.iter().map(|due| due.class.name()).collect();
            line = format!("{line} [unfit: {}]", owed.join(", "));
        }
        if let Some(error) = self.errors.first() {
            line = format!("{line} [rule {} failed: {}]", error.rule, error.error);
        }
        line
    }
}
