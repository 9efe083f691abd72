//! A health policy: an ordered list of rules, read from a YAML file.
//!
//! Navarch's files load as they are: `version`, `metadata` and `rules` with `name`, `description`, `condition` and `result`.
//! The other keys are ours, and each has a default. A key that nobody knows is refused with its line and column, so that a typo
//! never widens or loses a rule in silence.

mod form;
mod lint;
mod load;
mod rule;

pub use lint::{Finding as LintFinding, lint};
pub use load::{MAX_POOLS, MAX_RULES, MAX_TEXT};
pub use rule::{ClassOf, Escalation, MAX_COUNT, Rule, Scope, Stay, Threshold};

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::Duration;

use crate::class::ActionClass;
use crate::error::PolicyError;

/// The text of the policy of a new installation.
pub const DEFAULT: &str = include_str!("../../data/default_policy.yaml");

/// A policy that has been checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name, from its metadata.
    pub name: String,
    /// What it is for, from its metadata.
    pub description: String,
    /// An agent that is not heard for so long is called silent; `None` if none ever is.
    pub silent_after: Option<Duration>,
    base: Arc<RuleSet>,
    pools: BTreeMap<String, Arc<RuleSet>>,
}

/// What holds for the machines of one pool.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// In the order in which they are tried.
    pub rules: Vec<Rule>,
    /// When repeats ask for more.
    pub escalation: Escalation,
    /// How long a finding of a bare event stands where its rule does not say.
    pub decay: Duration,
    /// After this without a reading of a GPU, what readings held against it is let go.
    pub stale_after: Duration,
    /// Codes that the site judges otherwise than the table, with the class and the reason.
    pub xids: BTreeMap<i64, (ActionClass, String)>,
}

impl Policy {
    /// Reads and checks a policy; `file` is what messages call it.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        load::load(file, text)
    }

    /// The policy of a new installation.
    pub fn standard() -> Self {
        Self::parse("default", DEFAULT).expect("the default policy is part of the program, and a test reads it")
    }

    /// What holds for a machine of a pool; `None` and pools that the policy does not name get the base.
    pub fn rules_of(&self, pool: Option<&str>) -> Arc<RuleSet> {
        Arc::clone(pool.and_then(|name| self.pools.get(name)).unwrap_or(&self.base))
    }

    /// The pools that it has something to say about.
    pub fn pools(&self) -> impl Iterator<Item = &str> {
        self.pools.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
