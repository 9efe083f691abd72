//! How explanations name things: by the words of the fleet, never by handles, so that they mean the same outside of it.

use std::collections::BTreeMap;

use argosy_model::{NeedKey, Operator, Requirement, Resources, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::View;

/// Amounts by dimension, as quantity strings.
pub type Amounts = BTreeMap<String, String>;

/// A need, by what its cluster knows it by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NeedRef {
    /// Whose it is.
    pub cluster: String,
    /// Its gang; empty if it is none. For gangs that were folded into one row: empty.
    pub group: String,
    /// Its priority.
    pub priority: i32,
    /// Canonical text of what it asks of machines.
    pub fingerprint: String,
    /// When the shard first heard of it, milliseconds of shard time.
    pub arrival_ms: u64,
}

impl NeedRef {
    /// The reference to a row. A folded one goes by the earliest of its gangs.
    pub(crate) fn of(view: &View<'_>, key: &NeedKey, arrival_ms: u64) -> Self {
        let words = &view.fleet.words;
        let profile = words.profile_of(key.profile);
        Self {
            cluster: words.cluster_id(key.cluster).to_owned(),
            group: key.group.map(|group| words.group_id(group).to_owned()).unwrap_or_default(),
            priority: profile.priority,
            fingerprint: words.fingerprint(profile),
            arrival_ms,
        }
    }

    /// For people: the cluster and the gang.
    pub fn title(&self) -> String {
        match self.group.is_empty() {
            true => self.cluster.clone(),
            // The operator joins a namespace and a name with a zero byte.
            false => format!("{}/{}", self.cluster, self.group.replace('\0', "/")),
        }
    }
}

/// Amounts in words.
pub(crate) fn amounts(words: &Vocabulary, resources: &Resources) -> Amounts {
    words.quantities(resources).into_iter().collect()
}

/// Amounts in one line.
pub(crate) fn line(amounts: &Amounts) -> String {
    let pairs: Vec<String> = amounts.iter().map(|(dim, amount)| format!("{dim}={amount}")).collect();
    if pairs.is_empty() { "nothing".to_owned() } else { pairs.join(" ") }
}

/// A condition in one line.
pub(crate) fn condition(words: &Vocabulary, requirement: &Requirement) -> String {
    let values: Vec<&str> = requirement.values.iter().map(|value| words.text(*value)).collect();
    let operator = match requirement.operator {
        Operator::In => "In",
        Operator::NotIn => "NotIn",
        Operator::Exists => "Exists",
        Operator::DoesNotExist => "DoesNotExist",
        Operator::Same => "Same",
    };
    let key = words.text(requirement.key);
    if values.is_empty() { format!("{key} {operator}") } else { format!("{key} {operator} [{}]", values.join(", ")) }
}

/// A machine or a number of them.
pub(crate) fn machines(count: u64) -> String {
    if count == 1 { "1 machine".to_owned() } else { format!("{count} machines") }
}
