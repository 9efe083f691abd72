//! What is legal in a policy and yet most likely not meant.

use argosy_model::Duration;

use super::{Policy, RuleSet, Threshold};
use crate::class::{ActionClass, Health};
use crate::condition::Variables;
use crate::event::{Event, EventType};
use crate::table;

/// Three times what an agent leaves between two signs of life, where its site has not said otherwise.
const SIGNS_OF_LIFE: Duration = Duration::from_secs(30);

/// One thing that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule; empty for the policy as a whole.
    pub rule: String,
    /// The pool; empty for the base.
    pub pool: String,
    /// What is odd.
    pub text: String,
}

/// Looks a policy over.
pub fn lint(policy: &Policy) -> Vec<Finding> {
    let mut found = Vec::new();
    for pool in std::iter::once("").chain(policy.pools()) {
        let set = policy.rules_of(Some(pool).filter(|name| !name.is_empty()));
        let whole = hasty(policy).map(|text| (String::new(), text));
        for (rule, text) in user_programs(&set).into_iter().chain(unreached(&set)).chain(unnoticed(&set)).chain(whole) {
            let finding = Finding { rule, pool: pool.to_owned(), text };
            // A pool inherits what is odd about the base; saying it once is enough.
            if !found.iter().any(|other: &Finding| other.rule == finding.rule && other.text == finding.text) {
                found.push(finding);
            }
        }
    }
    found
}

/// A patience with agents that one late sign of life uses up.
fn hasty(policy: &Policy) -> Option<String> {
    let after = policy.silent_after.filter(|after| *after < SIGNS_OF_LIFE)?;
    let after_s = after.0 / 1_000;
    Some(format!("calls agents silent after {after_s} s: less than three signs of life at the usual 10 s of an agent"))
}

/// The first rule whose condition an XID meets.
fn first_for<'a>(set: &'a RuleSet, event: &Event) -> Option<&'a super::Rule> {
    let resolution = table::resolve(event);
    let variables = Variables::of(event, resolution.as_ref());
    let plain = set.rules.iter().filter(|rule| rule.threshold == Threshold::Once && rule.sustained.is_none());
    plain.into_iter().find(|rule| rule.condition.holds(&variables) == Ok(true))
}

/// XIDs that programs of users raise, called unhealthy.
fn user_programs(set: &RuleSet) -> Vec<(String, String)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mild = table::table().xid.iter().filter(|row| row.class <= ActionClass::RestartWorkload);
    for row in mild {
        let Some(rule) = first_for(set, &Event::xid(0, row.code)).filter(|rule| rule.result == Health::Unhealthy)
        else {
            continue;
        };
        match found.iter_mut().find(|(name, _)| *name == *rule.name) {
            Some((_, codes)) => codes.push(row.code.to_string()),
            None => found.push((rule.name.to_string(), vec![row.code.to_string()])),
        }
    }
    let said = |codes: Vec<String>| {
        format!(
            "calls XIDs unhealthy that the catalogue wants noted, or the program restarted for: {}. They are shown so, and \
             condemn no machine unless the rule names a class",
            codes.join(", ")
        )
    };
    found.into_iter().map(|(rule, codes)| (rule, said(codes))).collect()
}

/// Rules behind one that always holds.
fn unreached(set: &RuleSet) -> Vec<(String, String)> {
    let is_always = |rule: &super::Rule| {
        rule.condition.source().trim() == "true" && rule.threshold == Threshold::Once && rule.sustained.is_none()
    };
    let Some(last) = set.rules.iter().position(is_always) else { return Vec::new() };
    let behind = set.rules[last + 1..].iter();
    behind
        .map(|rule| (rule.name.to_string(), format!("is never tried: '{}' always holds", set.rules[last].name)))
        .collect()
}

/// Kinds of grave events that no rule calls anything.
fn unnoticed(set: &RuleSet) -> Vec<(String, String)> {
    let grave = [EventType::DriverError, EventType::EccDbe, EventType::Sxid];
    let passes =
        |kind: &EventType| first_for(set, &Event::plain(*kind, 0)).is_none_or(|rule| rule.result == Health::Healthy);
    let kinds: Vec<_> = grave.into_iter().filter(passes).collect();
    kinds.into_iter().map(|kind| (String::new(), format!("no rule minds an event of type '{}'", kind.name()))).collect()
}
